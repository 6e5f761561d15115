// What decisions say besides yes and no: messages, explanations, and the questions turned over.

#include "daemon/access/evaluation.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/access/queries.hpp"
#include "policy_fixture.hpp"

namespace coffer::access::test {
namespace {

using ::testing::HasSubstr;

const std::string kDb = std::string(kSecretArn) + "shop/db-Qw34Er";

PolicyPtr policy(const char* text, const char* name, DocumentKind kind = DocumentKind::identity) {
    return Policy::parse(text, name, {kind, 0});
}

PolicyPtr reads() {
    return policy(R"({"Version":"2012-10-17","Statement":[
{"Sid":"List","Effect":"Allow","Action":"secretsmanager:ListSecrets","Resource":"*"},
{"Effect":"Allow","Action":["secretsmanager:GetSecretValue","secretsmanager:DescribeSecret"],
 "Resource":"arn:aws:secretsmanager:*:*:secret:shop/*","Condition":{"Bool":{"aws:SecureTransport":"true"}}}]})",
                  "reads");
}

// AWS, "Troubleshoot access denied error messages".
TEST(DenialMessage, HasTheWordsOfAws) {
    const auto principal = alice();
    const RequestContext request(principal, Action::get_secret_value, kDb);
    const std::string begin =
        "User: arn:aws:iam::111122223333:user/alice is not authorized to perform: "
        "secretsmanager:GetSecretValue on "
        "resource: shop/db ";
    const auto message = [&](Outcome outcome, DocumentKind part) {
        return denial_message(request, {outcome, part, nullptr, nullptr}, "shop/db");
    };
    const std::string allows = " allows the secretsmanager:GetSecretValue action";
    EXPECT_EQ(message(Outcome::implicit_deny, DocumentKind::identity),
              begin + "because no identity-based policy" + allows);
    EXPECT_EQ(message(Outcome::implicit_deny, DocumentKind::resource),
              begin + "because no resource-based policy" + allows);
    EXPECT_EQ(message(Outcome::implicit_deny, DocumentKind::boundary),
              begin + "because no permissions boundary" + allows);
    EXPECT_EQ(message(Outcome::implicit_deny, DocumentKind::session),
              begin + "because no session policy" + allows);
    EXPECT_EQ(message(Outcome::implicit_deny, DocumentKind::listener),
              begin + "because no VPC endpoint policy" + allows);
    EXPECT_EQ(message(Outcome::explicit_deny, DocumentKind::identity),
              begin + "with an explicit deny in an identity-based policy");
    EXPECT_EQ(message(Outcome::explicit_deny, DocumentKind::resource),
              begin + "with an explicit deny in a resource-based policy");
    EXPECT_EQ(message(Outcome::explicit_deny, DocumentKind::boundary),
              begin + "with an explicit deny in a permissions boundary");
}

TEST(Explanation, SaysWhatEachStatementDid) {
    const auto principal = alice();
    RequestContext request(principal, Action::get_secret_value, kDb);
    const std::vector<PolicyPtr> identity{reads()};
    const PolicySet policies{identity, {}, nullptr, nullptr, nullptr};

    auto explanation = explain(request, policies);
    EXPECT_EQ(explanation.decision.outcome, Outcome::implicit_deny);
    ASSERT_EQ(explanation.policies.size(), 1U);
    EXPECT_FALSE(explanation.policies[0].effect);
    EXPECT_EQ(
        format_explanation(request, explanation),
        "implicit deny: secretsmanager:GetSecretValue on " + kDb +
            ": no identity-based policy allows it\n"
            "identity-based policy reads: says nothing\n"
            "  List (line 2) is about other actions\n"
            "  statement 2 (line 3) does not apply: the condition Bool on aws:SecureTransport is false\n");

    request.set_boolean(Key::secure_transport, true);
    explanation = explain(request, policies);
    EXPECT_TRUE(explanation.decision.allowed());
    EXPECT_EQ(explanation.decision.statement->index(), 1U);
    EXPECT_EQ(explanation.policies[0].effect, Effect::allow);
    EXPECT_THAT(format_explanation(request, explanation),
                HasSubstr("by statement 2 of the identity-based policy reads"));
}

TEST(Explanation, NamesAMissingVariable) {
    const auto principal = alice();
    const RequestContext request(principal, Action::get_secret_value, kDb);
    const std::vector<PolicyPtr> identity{
        policy(R"({"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*",
"Condition":{"StringEquals":{"aws:ResourceTag/team":"${aws:PrincipalTag/team}"}}}})",
               "abac")};
    const auto text =
        format_explanation(request, explain(request, {identity, {}, nullptr, nullptr, nullptr}));
    EXPECT_THAT(text, HasSubstr("a policy variable has no value in the condition on aws:ResourceTag/team"));
}

TEST(Questions, WhoCan) {
    const auto erin = alice();
    const auto app = role_session("111122223333", "app", "AROAAPP000000000", "s1");
    const auto far = role_session("444455556666", "app", "AROAFAR000000000", "s1");
    const std::vector<PolicyPtr> readers{reads()};
    const std::vector<PolicyPtr> none;
    const auto share = policy(R"({"Version":"2012-10-17","Statement":{"Sid":"Apps","Effect":"Allow","Action":
"secretsmanager:GetSecretValue","Resource":"*","Principal":{"AWS":["arn:aws:iam::111122223333:role/app",
"arn:aws:iam::444455556666:role/app"]}}})",
                              "shop/db", DocumentKind::resource);
    const std::vector<PrincipalPolicies> principals{
        {&erin, readers, {}, nullptr}, {&app, none, {}, nullptr}, {&far, none, {}, nullptr}};
    const ResourcePolicies secret{kDb, {}, share.get()};
    const auto secure = [](RequestContext& request) { request.set_boolean(Key::secure_transport, true); };

    const auto grants = who_can(Action::get_secret_value, secret, principals, {}, secure);
    ASSERT_EQ(grants.size(), 2U);
    EXPECT_EQ(grants[0].principal, 0U);
    EXPECT_EQ(grants[0].decision.policy->name(), "reads");
    EXPECT_EQ(grants[1].principal, 1U);
    EXPECT_EQ(grants[1].decision.statement->sid(), "Apps");
    EXPECT_EQ(who_can(Action::get_secret_value, secret, principals, {}, nullptr).size(), 1U)
        << "without TLS the role alone";
    EXPECT_TRUE(who_can(Action::delete_secret, secret, principals, {}, secure).empty());
}

TEST(Questions, WhatCan) {
    const auto principal = alice();
    const std::vector<PolicyPtr> readers{reads()};
    const std::vector<ResourcePolicies> resources{
        {"*", {}, nullptr}, {kDb, {}, nullptr}, {std::string(kSecretArn) + "stock/db-Qw34Er", {}, nullptr}};
    const auto grants =
        what_can({&principal, readers, {}, nullptr}, resources, {},
                 [](RequestContext& request) { request.set_boolean(Key::secure_transport, true); });
    ASSERT_EQ(grants.size(), 3U);
    EXPECT_EQ(grants[0].action, Action::list_secrets);
    EXPECT_EQ(grants[0].resource, 0U);
    EXPECT_EQ(grants[1].action, Action::describe_secret);
    EXPECT_EQ(grants[2].action, Action::get_secret_value);
    EXPECT_EQ(grants[2].resource, 1U);
}

TEST(Questions, TypesOfResources) {
    EXPECT_EQ(resource_type(kDb), ResourceType::secret);
    EXPECT_EQ(resource_type("arn:aws:iam::111122223333:role/app"), ResourceType::role);
    EXPECT_EQ(resource_type("arn:aws:kms:us-east-1:111122223333:alias/shop"), ResourceType::alias);
    EXPECT_EQ(resource_type("*"), ResourceType::none);
    EXPECT_EQ(resource_type("arn:aws:s3:::bucket"), ResourceType::none);
}

}  // namespace
}  // namespace coffer::access::test
