// CreateSecret whose answer was lost: the same request again is answered as the first, with a value and
// without.

#include <gmock/gmock.h>

#include "service_environment.hpp"

namespace coffer::secrets {
namespace {

using ::testing::StartsWith;

class CreatedAgain : public ::testing::Test {
protected:
    template <class Request>
    static auto call(const Request& request) {
        return Environment::get().node().call(request);
    }
    static std::string refusal(const v1::CreateSecretRequest& request) {
        try {
            static_cast<void>(call(request));
        } catch (const CallError& e) {
            return e.what();
        }
        return "no error";
    }
    static v1::CreateSecretRequest valueless() {
        v1::CreateSecretRequest request;
        request.set_name("again/" + Uuid::random().text().substr(0, 8));
        request.set_client_request_token(Uuid::random().text());
        return request;
    }
    static v1::CreateSecretRequest with_other_token(v1::CreateSecretRequest request) {
        request.set_client_request_token(Uuid::random().text());
        return request;
    }
    static void destroy(const std::string& name) {
        v1::DeleteSecretRequest request;
        request.set_secret_id(name);
        request.set_force_delete_without_recovery(true);
        static_cast<void>(call(request));
        Environment::get().purge();
    }
};

TEST_F(CreatedAgain, WithoutAValueTheSameTokenIsAnsweredAsTheFirst) {
    const auto request = valueless();
    const auto first = call(request);
    const auto again = call(request);
    EXPECT_EQ(again.arn(), first.arn());
    EXPECT_EQ(again.name(), request.name());
    EXPECT_FALSE(again.has_version_id());
    // Also by another node, and after the secret got a value.
    EXPECT_EQ(Environment::get().second_node().call(request).arn(), first.arn());
    v1::PutSecretValueRequest put;
    put.set_secret_id(request.name());
    put.set_client_request_token(Uuid::random().text());
    put.set_secret_string("value");
    static_cast<void>(call(put));
    EXPECT_EQ(call(request).arn(), first.arn());
}

TEST_F(CreatedAgain, AnotherTokenIsAnotherRequest) {
    const auto request = valueless();
    static_cast<void>(call(request));
    EXPECT_THAT(refusal(with_other_token(request)), StartsWith("ResourceExistsException"));
    // The same token with a value is not the same request.
    auto with_value = request;
    with_value.set_secret_string("value");
    EXPECT_THAT(refusal(with_value), StartsWith("ResourceExistsException"));
}

TEST_F(CreatedAgain, OverASecretWithAValueARequestWithoutOneIsRefused) {
    auto request = valueless();
    request.set_secret_string("value");
    static_cast<void>(call(request));
    request.clear_secret_string();
    EXPECT_THAT(refusal(request), StartsWith("ResourceExistsException"));
}

// Whoever sends the same token after the secret's end makes another secret.
TEST_F(CreatedAgain, AfterItsEndTheSecretIsMadeAnew) {
    const auto request = valueless();
    const auto first = call(request);
    destroy(request.name());
    const auto second = call(request);
    EXPECT_NE(second.arn(), first.arn());
    EXPECT_EQ(call(request).arn(), second.arn());
    v1::DescribeSecretRequest describe;
    describe.set_secret_id(request.name());
    EXPECT_EQ(call(describe).arn(), second.arn());
}

}  // namespace
}  // namespace coffer::secrets
