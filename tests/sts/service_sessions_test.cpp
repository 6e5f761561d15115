// Sessions that a part of the service begins, as AWS Lambda does for a function's execution role: the trust
// policy decides (AWS IAM user guide, "Service roles").

#include "daemon/sts/service_sessions.hpp"

#include <gmock/gmock.h>

#include "tests/iam/iam_fixture.hpp"
#include "tests/sts/sts_fixture.hpp"

namespace coffer::sts {
namespace {

using testing::HasSubstr;

class ServiceSessions : public testing::Test {
protected:
    ServiceSessions() { world_.role("rotation"); }

    void trust(const std::string& principal, const std::string& effect = "Allow") {
        v1::UpdateAssumeRolePolicyRequest request;
        request.set_role_name("rotation");
        request.set_policy_document(R"({"Version":"2012-10-17","Statement":[{"Effect":")" + effect +
                                    R"(","Principal":)" + principal + R"(,"Action":"sts:AssumeRole"}]})");
        static_cast<void>(world_.call(iam::update_assume_role_policy, request));
    }
    NewSession begin(const std::string& role = "rotation", const std::string& session = "app-db") {
        return begin_service_session(
            world_.directory(), tokens_,
            {.role = role, .service = "lambda.amazonaws.com", .session_name = session}, world_.now);
    }
    std::string refusal(const std::string& role = "rotation") {
        try {
            static_cast<void>(begin(role));
        } catch (const RoleRefused& refused) {
            return refused.what();
        }
        return "done";
    }

    iam::World world_;
    StillClock clock_{kNow};
    SessionKeys keys_{derive_with('k'), clock_};
    SessionTokens tokens_{keys_};
};

TEST_F(ServiceSessions, TheTrustPolicyMustNameTheService) {
    trust(R"({"AWS":"111122223333"})");
    EXPECT_THAT(refusal(), HasSubstr("does not let lambda.amazonaws.com assume it"));
    trust(R"({"Service":"secretsmanager.amazonaws.com"})");
    EXPECT_THAT(refusal(), HasSubstr("does not let lambda.amazonaws.com assume it"));
    trust(R"({"Service":"lambda.amazonaws.com"})", "Deny");
    EXPECT_THAT(refusal(), HasSubstr("does not let lambda.amazonaws.com assume it"));
    trust(R"({"Service":["ec2.amazonaws.com","lambda.amazonaws.com"]})");
    EXPECT_EQ(refusal(), "done");
    EXPECT_THAT(refusal("nosuch"), HasSubstr("there is no role \"nosuch\""));
}

TEST_F(ServiceSessions, AreOfTheRoleForAsLongAsIsAsked) {
    trust(R"({"Service":"lambda.amazonaws.com"})");
    const auto made = begin();
    const auto opened = tokens_.open(made.token);
    ASSERT_TRUE(opened);
    EXPECT_EQ(opened->session->issuer_id, world_.records().find<iam::Role>("rotation")->id);
    EXPECT_EQ(opened->session->name, "app-db");
    EXPECT_EQ(opened->session->expires, world_.now + std::chrono::minutes(15));
    EXPECT_EQ(opened->session->origin, "") << "no certificate may present it";
    const auto shorter = begin_service_session(world_.directory(), tokens_,
                                               {.role = "rotation",
                                                .service = "lambda.amazonaws.com",
                                                .session_name = "app-db",
                                                .duration = std::chrono::seconds(60)},
                                               world_.now);
    EXPECT_EQ(tokens_.open(shorter.token)->session->expires, world_.now + std::chrono::minutes(1));
    EXPECT_EQ(begin("rotation", "a b").session->name, "a-b");
    EXPECT_EQ(begin("rotation", "x").session->name, "x-") << "two characters at least";
}

}  // namespace
}  // namespace coffer::sts
