// What a batch of reads leaves on record: AWS logs a GetSecretValue for each secret of a BatchGetSecretValue
// (API reference of BatchGetSecretValue), so that who was refused one of them is found like any other.

#include <gmock/gmock.h>

#include <boost/json.hpp>
#include <filesystem>
#include <thread>

#include "policies_fixture.hpp"
#include "tests/support/rights.hpp"
#include "tests/support/run_coroutine.hpp"

namespace coffer::secrets {
namespace {

namespace json = boost::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr const char* kSecretArn = "arn:aws:secretsmanager:eu-test-1:111122223333:secret:";

class BatchEventsTest : public PoliciesTest {
protected:
    /// The events since the last call.
    std::vector<json::object> news() {
        auto all = node().events();
        std::vector<json::object> out(all.begin() + static_cast<std::ptrdiff_t>(seen_), all.end());
        seen_ = all.size();
        return out;
    }
    static std::string text(const json::object& event, const char* pointer) {
        boost::system::error_code error;
        const auto* found = json::value(event).find_pointer(pointer, error);
        return found == nullptr ? "" : std::string(json::value(event).at_pointer(pointer).as_string());
    }
    /// "GetSecretValue SECRETID ERRORCODE"
    static std::vector<std::string> summaries(const std::vector<json::object>& events) {
        std::vector<std::string> out;
        for (const auto& event : events) {
            out.push_back(text(event, "/eventName") + " " + text(event, "/requestParameters/secretId") + " " +
                          text(event, "/errorCode"));
        }
        return out;
    }
    static v1::BatchGetSecretValueRequest batch_of(const std::vector<std::string>& ids) {
        v1::BatchGetSecretValueRequest request;
        for (const auto& id : ids) request.add_secret_id_list(id);
        return request;
    }

private:
    std::size_t seen_ = node().events().size();
};

TEST_F(BatchEventsTest, EachReadHasItsOwn) {
    const auto a = create(name_ + "-a");
    const auto b = create(name_ + "-b");
    alice_may(allow("secretsmanager:BatchGetSecretValue", "*") + "," +
              allow("secretsmanager:GetSecretValue", kSecretArn + name_ + "-a-*") + "," +
              allow("secretsmanager:GetSecretValue", kSecretArn + name_ + "-none*"));
    news();
    const auto answer = node().call(batch_of({name_ + "-a", name_ + "-b", name_ + "-none"}), "alice");
    EXPECT_EQ(answer.secret_values_size(), 1);
    EXPECT_EQ(answer.errors_size(), 2);

    const auto events = news();
    EXPECT_THAT(summaries(events), ElementsAre("GetSecretValue " + name_ + "-a ",              //
                                               "GetSecretValue " + name_ + "-b AccessDenied",  //
                                               "GetSecretValue " + name_ + "-none ResourceNotFoundException",
                                               "BatchGetSecretValue  "));
    std::set<std::string> ids;
    for (const auto& event : events) {
        ids.insert(text(event, "/eventID"));
        EXPECT_EQ(text(event, "/userIdentity/arn"), alice_arn_);
        EXPECT_EQ(text(event, "/requestID"), text(events[3], "/requestID"));
        EXPECT_EQ(text(event, "/eventType"), "AwsApiCall");
        EXPECT_EQ(text(event, "/eventSource"), "secretsmanager.amazonaws.com");
        EXPECT_TRUE(event.at("readOnly").as_bool());
        EXPECT_TRUE(event.at("responseElements").is_null());
    }
    EXPECT_THAT(ids, SizeIs(4));
    EXPECT_EQ(text(events[0], "/resources/0/ARN"), a);
    EXPECT_EQ(events[0].at("additionalEventData").as_object().at("masterKeyGeneration").as_int64(), 1);
    EXPECT_EQ(text(events[1], "/resources/0/ARN"), b);
    EXPECT_EQ(text(events[1], "/errorMessage"), answer.errors(0).message());
    // The batch's own names them all, as before.
    EXPECT_EQ(text(events[3], "/resources/0/ARN"), a);
    EXPECT_EQ(text(events[3], "/resources/1/ARN"), b);
    EXPECT_EQ(text(events[3], "/requestParameters/secretIdList/1"), name_ + "-b");
}

TEST_F(BatchEventsTest, AlsoWhereFiltersFindTheSecrets) {
    const auto a = create(name_ + "-a");
    Environment::get().clock().advance(std::chrono::milliseconds(1));  // lists begin with the oldest
    const auto b = create(name_ + "-b");
    alice_may(allow("secretsmanager:BatchGetSecretValue", "*") + "," +
              allow("secretsmanager:ListSecrets", "*") + "," + allow("secretsmanager:GetSecretValue", b));
    news();
    v1::BatchGetSecretValueRequest request;
    auto& filter = *request.add_filters();
    filter.set_key("name");
    filter.add_values(name_);
    node().call(request, "alice");
    EXPECT_THAT(summaries(news()), ElementsAre("GetSecretValue " + a + " AccessDenied",
                                               "GetSecretValue " + b + " ", "BatchGetSecretValue  "));
}

TEST_F(BatchEventsTest, WhoMayNotAskAtAllReadsNothing) {
    create(name_ + "-a");
    alice_may(allow("secretsmanager:GetSecretValue", "*"));
    news();
    EXPECT_THAT(as_alice(batch_of({name_ + "-a"})), HasSubstr("secretsmanager:BatchGetSecretValue"));
    EXPECT_THAT(summaries(news()), ElementsAre("BatchGetSecretValue  AccessDenied"));
}

TEST_F(BatchEventsTest, WhatWasReadAndDidNotLeaveFailedWithTheWhole) {
    CallContext context;
    context.record = std::make_shared<RequestRecord>();
    context.caller.rights = test::usual_rights("admin", "111122223333");
    const auto call = std::make_shared<const CallContext>(std::move(context));
    v1::Request request;
    *request.mutable_batch_get_secret_value() = batch_of({"one", "two"});
    auto& trail = node().trail();
    trail.begin(*call, request, false);
    for (const std::string id : {"one", "two"}) {
        v1::GetSecretValueRequest read;
        read.set_secret_id(id);
        static_cast<void>(begin_part(*call, v1::Request::kGetSecretValue, read));
    }
    MappedError refused;
    refused.error.set_code(v1::ACCESS_DENIED);
    call->record->parts.back().failure = refused;
    v1::Response response;
    response.mutable_error()->set_code(v1::SERVICE_UNAVAILABLE);
    news();
    test::run_coroutine(trail.finish(call, response, false));
    EXPECT_THAT(summaries(news()), ElementsAre("GetSecretValue one ServiceUnavailableException",
                                               "GetSecretValue two AccessDenied",
                                               "BatchGetSecretValue  ServiceUnavailableException"));
}

TEST_F(BatchEventsTest, NothingIsAnsweredThatIsNotRecorded) {
    create(name_ + "-a");
    const auto directory = node().journal().directory();
    const auto away = directory.string() + ".away";
    std::filesystem::rename(directory, away);
    EXPECT_THROW(node().call(batch_of({name_ + "-a", name_ + "-b"})), CallError);
    std::filesystem::rename(away, directory);
    for (int i = 0; i < 100 && node().journal().refusal(); ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    EXPECT_EQ(node().call(batch_of({name_ + "-a"})).secret_values_size(), 1);
}

TEST_F(BatchEventsTest, OperatorsAreToldWhatFailed) {
    create(name_ + "-a");
    create(name_ + "-b");
    auto& observer = Environment::get().observer();
    const int failed = observer.failed_parts;
    node().call(batch_of({name_ + "-a", name_ + "-none"}));
    EXPECT_EQ(observer.failed_parts, failed + 1);

    const int counted = observer.request_integrity_failures;
    Environment::get().execute(
        "UPDATE secret_versions SET ciphertext = set_byte(ciphertext, 30, get_byte(ciphertext, 30) # 1) "
        "WHERE secret_id = (SELECT id FROM secrets WHERE name = $1)",
        name_ + "-b");
    // Until the node hears of the change the cache has what was written.
    v1::BatchGetSecretValueResponse answer;
    for (int i = 0; i < 1000 && answer.errors_size() == 0; ++i) {
        answer = node().call(batch_of({name_ + "-a", name_ + "-b"}));
    }
    ASSERT_EQ(answer.errors_size(), 1);
    EXPECT_EQ(answer.errors(0).error_code(), "DecryptionFailure");
    EXPECT_EQ(answer.secret_values_size(), 1);
    EXPECT_EQ(observer.request_integrity_failures, counted + 1);
}

}  // namespace
}  // namespace coffer::secrets
