// Each version that is destroyed leaves an EndSecretVersionDelete, which names it (AWS, "Log entries of
// Secrets Manager": the service's own events), stored in the transaction that destroys it.

#include <gmock/gmock.h>

#include <algorithm>
#include <boost/json.hpp>
#include <string>
#include <vector>

#include "daemon/secrets/labels.hpp"
#include "service_environment.hpp"

namespace coffer::secrets {
namespace {

namespace json = boost::json;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

class VersionEventsTest : public ::testing::Test {
protected:
    static Node& node() { return Environment::get().node(); }

    /// The events about the secret with this ARN since the last call.
    std::vector<json::object> news(const std::string& arn) {
        auto all = node().events();
        std::vector<json::object> out(all.begin() + static_cast<std::ptrdiff_t>(seen_), all.end());
        seen_ = all.size();
        std::erase_if(out, [&](const auto& event) { return text(event, "/resources/0/ARN") != arn; });
        return out;
    }
    static std::string text(const json::object& event, const char* pointer) {
        boost::system::error_code error;
        const json::value value(event);
        const auto* found = value.find_pointer(pointer, error);
        return found == nullptr ? "" : std::string(found->as_string());
    }
    static std::string version_of(const json::object& event) {
        return text(event, "/additionalEventData/details/VersionId");
    }
    static std::vector<std::string> names(const std::vector<json::object>& events) {
        std::vector<std::string> out;
        for (const auto& event : events) out.push_back(text(event, "/eventName"));
        return out;
    }
    static bool has_seals(const json::object& event) {
        return event.at("additionalEventData").as_object().contains("seals");
    }

    std::string create() {
        v1::CreateSecretRequest request;
        request.set_name(name_);
        request.set_client_request_token(Uuid::random().text());
        request.set_secret_string("a value");
        const auto created = node().call(request);
        first_ = created.version_id();
        return created.arn();
    }
    std::string put() {
        v1::PutSecretValueRequest request;
        request.set_secret_id(name_);
        request.set_client_request_token(Uuid::random().text());
        request.set_secret_string("another value");
        return node().call(request).version_id();
    }
    void remove(std::int64_t days) {
        v1::DeleteSecretRequest request;
        request.set_secret_id(name_);
        if (days > 0) {
            request.set_recovery_window_in_days(days);
        } else {
            request.set_force_delete_without_recovery(true);
        }
        node().call(request);
    }

    const std::string name_ = "version-events/" + Uuid::random().text();
    std::string first_;

private:
    std::size_t seen_ = node().events().size();
};

TEST_F(VersionEventsTest, OfOneThatMakesRoomForANewOne) {
    const auto arn = create();
    Environment::get().clock().advance(std::chrono::milliseconds(1));  // of the same moment any may go
    for (std::size_t i = 1; i < kMaxVersions; ++i) put();
    Environment::get().clock().advance(kKeepUnlabelled + std::chrono::hours(1));
    EXPECT_THAT(names(news(arn)), ::testing::Not(::testing::Contains("EndSecretVersionDelete")));
    put();
    const auto events = news(arn);
    ASSERT_THAT(names(events), ElementsAre("PutSecretValue", "EndSecretVersionDelete"));
    EXPECT_TRUE(has_seals(events[0]));
    EXPECT_EQ(version_of(events[1]), first_);
    EXPECT_EQ(text(events[1], "/additionalEventData/details/SecretId"), arn);
    EXPECT_EQ(text(events[1], "/eventType"), "AwsServiceEvent");
    EXPECT_EQ(text(events[1], "/userIdentity/type"), "AWSService");
    EXPECT_TRUE(events[1].at("requestParameters").is_null());
    EXPECT_EQ(text(events[1], "/requestID"), text(events[0], "/requestID"));
    EXPECT_FALSE(has_seals(events[1])) << "the row's are in the change's event";
}

TEST_F(VersionEventsTest, OfAllAfterTheRecoveryWindow) {
    const auto arn = create();
    const auto second = put();
    remove(7);
    news(arn);
    Environment::get().clock().advance(std::chrono::hours(24 * 7));
    Environment::get().purge();
    // Other tests' secrets may be due as well.
    const auto events = news(arn);
    ASSERT_THAT(names(events), ElementsAre("EndSecretVersionDelete", "EndSecretVersionDelete"));
    EXPECT_THAT((std::vector{version_of(events[0]), version_of(events[1])}),
                UnorderedElementsAre(first_, second));
    for (const auto& event : events) {
        EXPECT_EQ(text(event, "/eventType"), "AwsServiceEvent");
        EXPECT_EQ(text(event, "/userIdentity/invokedBy"), "purge worker");
    }
    const auto& seals = events[0].at("additionalEventData").as_object().at("seals").as_array();
    EXPECT_FALSE(seals[0].as_object().contains("seal"));
    EXPECT_FALSE(has_seals(events[1]));
}

TEST_F(VersionEventsTest, OfAllThatAreDestroyedByForce) {
    const auto arn = create();
    const auto second = put();
    news(arn);
    remove(0);
    const auto events = news(arn);
    ASSERT_THAT(names(events),
                ElementsAre("DeleteSecret", "EndSecretVersionDelete", "EndSecretVersionDelete"));
    EXPECT_THAT((std::vector{version_of(events[1]), version_of(events[2])}),
                UnorderedElementsAre(first_, second));
}

TEST_F(VersionEventsTest, ASecretWithoutVersionsHasOneAllTheSame) {
    v1::CreateSecretRequest request;
    request.set_name(name_);
    request.set_client_request_token(Uuid::random().text());
    const auto arn = node().call(request).arn();
    remove(7);
    news(arn);
    Environment::get().clock().advance(std::chrono::hours(24 * 7));
    Environment::get().purge();
    const auto events = news(arn);
    ASSERT_THAT(names(events), ElementsAre("EndSecretVersionDelete"));
    EXPECT_EQ(version_of(events[0]), "");
    EXPECT_TRUE(has_seals(events[0]));
}

// The node dies between the COMMIT and the journal.
TEST_F(VersionEventsTest, ThoseThatAreLeftBehindAreJournaledOnce) {
    const auto arn = create();
    const auto second = put();
    news(arn);
    const auto leave = leave_event(std::shared_ptr<const OutboxRows>(std::shared_ptr<void>(), &node().rows()),
                                   EventMaker(Node::kIdentity, node().name(), Environment::get().clock()));
    node().restart_audit([&] {
        static_cast<void>(wait_for<Done>([&](Completion<Done> done) {
            node().database().write<Done>(
                {},
                [&](storage::WriteTransaction& tx) {
                    storage::SecretRepository::purge(tx, *storage::SecretRepository::lock(tx, name_));
                    leave(tx, {"Test", "test", {arn}});
                    return Done{};
                },
                std::move(done));
        }));
    });
    const auto events = news(arn);
    ASSERT_THAT(events, SizeIs(3));
    std::vector<std::string> versions;
    for (const auto& event : events) {
        if (text(event, "/eventName") == "EndSecretVersionDelete") versions.push_back(version_of(event));
    }
    EXPECT_THAT(versions, UnorderedElementsAre(first_, second));
    node().restart_audit();
    EXPECT_THAT(news(arn), IsEmpty());
}

// What the journal did not take is not given up with the change's own event.
TEST_F(VersionEventsTest, ThoseOfAChangeThatNobodyWaitsForAreJournaled) {
    const auto arn = create();
    news(arn);
    const int replayed = Environment::get().observer().replayed_events;
    const auto lost = wait_for<ChangeEvent>([&](Completion<ChangeEvent> done) {
        node().database().write<ChangeEvent>(
            {},
            [&](storage::WriteTransaction& tx) {
                storage::SecretRepository::purge(tx, *storage::SecretRepository::lock(tx, name_));
                return node().trail().store_action({"Test", "test", {arn}}, tx);
            },
            std::move(done));
    });
    ASSERT_THAT(lost.companions, SizeIs(1));
    EXPECT_THAT(news(arn), IsEmpty());
    node().trail().abandon_action(lost.id);
    // A node that stops journals what was abandoned.
    node().restart_audit();
    const auto events = news(arn);
    ASSERT_THAT(events, SizeIs(2));
    EXPECT_EQ(Environment::get().observer().replayed_events, replayed);
    EXPECT_EQ(version_of(events[0]) + version_of(events[1]), first_);
}

}  // namespace
}  // namespace coffer::secrets
