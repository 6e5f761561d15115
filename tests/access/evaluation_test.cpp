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
    EXPECT_EQ(format_explanation(request, explanation),
              "implicit deny: secretsmanager:GetSecretValue on " + kDb +
                  ": no identity-based policy allows it\n"
                  "identity-based policy reads: says nothing\n"
                  "  List (line 2) is about other actions\n"
                  "  statement 2 (line 3) does not apply: the condition Bool on aws:SecureTransport is "
                  "false, the key is absent\n");

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
    EXPECT_TRUE(grants[0].depends_on.empty() && grants[1].depends_on.empty());
    const auto open = who_can(Action::get_secret_value, secret, principals, {}, nullptr);
    ASSERT_EQ(open.size(), 2U);
    EXPECT_EQ(open[0].depends_on.size(), 1U) << "not said whether it comes over TLS";
    EXPECT_TRUE(open[1].depends_on.empty()) << "the role in any case";
    const auto plain = [](RequestContext& request) { request.set_boolean(Key::secure_transport, false); };
    EXPECT_EQ(who_can(Action::get_secret_value, secret, principals, {}, plain).size(), 1U);
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

/// "EFFECT OPERATOR KEY", of what each answer hangs on.
std::vector<std::string> dependencies(const std::vector<PolicyPtr>& identity, Action action,
                                      const Policy* boundary = nullptr,
                                      const PrepareRequest& prepare = nullptr) {
    const auto principal = alice();
    const std::vector<PrincipalPolicies> principals{{&principal, identity, {}, boundary}};
    std::vector<std::string> out;
    for (const auto& grant : who_can(action, {kDb, {}, nullptr}, principals, {}, prepare)) {
        if (grant.depends_on.empty()) out.emplace_back("certain");
        for (const auto& each : grant.depends_on) {
            out.push_back((each.statement->effect() == Effect::allow ? "Allow " : "Deny ") +
                          (each.condition == nullptr ? "Resource" : each.condition->op_name()) + " " +
                          each.key.written);
        }
    }
    return out;
}

PolicyPtr one_statement(const std::string& effect, const std::string& condition,
                        DocumentKind kind = DocumentKind::identity, const std::string& resource = "*") {
    return policy(
        (R"({"Version":"2012-10-17","Statement":{"Effect":")" + effect +
         R"(","Action":"secretsmanager:*","Resource":")" + resource + R"(","Condition":)" + condition + "}}")
            .c_str(),
        "p", kind);
}

// "IAM JSON policy elements: Condition operators": what an absent key does; here the key may be there or not.
TEST(Questions, AnswersHangOnKeysThatTheQuestionDoesNotSay) {
    using ::testing::ElementsAre;
    using ::testing::IsEmpty;
    const auto read = Action::get_secret_value;
    const auto ip = R"({"IpAddress":{"aws:SourceIp":"127.0.0.1"}})";
    const auto everything = one_statement("Allow", "{}");
    EXPECT_THAT(dependencies({everything}, read), ElementsAre("certain"));
    EXPECT_THAT(dependencies({one_statement("Allow", ip)}, read),
                ElementsAre("Allow IpAddress aws:SourceIp"));
    EXPECT_THAT(dependencies({one_statement("Allow", ip), everything}, read), ElementsAre("certain"));
    EXPECT_THAT(dependencies({one_statement("Deny", ip), everything}, read),
                ElementsAre("Deny IpAddress aws:SourceIp"));
    EXPECT_THAT(
        dependencies({one_statement("Deny", R"({"StringNotEquals":{"aws:SourceVpce":"in"}})"), everything},
                     read),
        ElementsAre("Deny StringNotEquals aws:SourceVpce"))
        << "true when the key is absent, but it may be there";
    EXPECT_THAT(
        dependencies(
            {one_statement("Allow",
                           R"({"StringLike":{"aws:UserAgent":"x*"},"StringEquals":{"aws:username":"bob"}})")},
            read),
        IsEmpty())
        << "another condition is false whatever the agent is";
    EXPECT_THAT(dependencies({everything}, read, one_statement("Allow", ip, DocumentKind::boundary).get()),
                ElementsAre("Allow IpAddress aws:SourceIp"));
    EXPECT_THAT(dependencies({one_statement("Allow", "{}", DocumentKind::identity,
                                            "arn:aws:secretsmanager:*:*:secret:${aws:SourceVpce}/*")},
                             read),
                ElementsAre("Allow Resource aws:SourceVpce"));
    const auto from_home = [](RequestContext& request) { request.set(Key::source_ip, "127.0.0.1"); };
    EXPECT_THAT(dependencies({one_statement("Allow", ip)}, read, nullptr, from_home), ElementsAre("certain"));
    EXPECT_THAT(dependencies({one_statement("Deny", ip), everything}, read, nullptr, from_home), IsEmpty());
}

// Service authorization reference: which actions carry which key.
TEST(Questions, KnowWhatTheQuestionDetermines) {
    using ::testing::ElementsAre;
    using ::testing::IsEmpty;
    const auto by_id = [](const std::string& pattern) {
        return one_statement("Allow", R"({"ArnLike":{"secretsmanager:SecretId":")" + pattern + "\"}}");
    };
    EXPECT_THAT(dependencies({by_id(kDb)}, Action::get_secret_value), ElementsAre("certain"));
    EXPECT_THAT(dependencies({by_id(std::string(kSecretArn) + "other-??????")}, Action::get_secret_value),
                IsEmpty());
    const auto region = R"({"StringEquals":{"secretsmanager:SecretPrimaryRegion":"us-east-1"}})";
    EXPECT_THAT(dependencies({one_statement("Allow", region)}, Action::describe_secret),
                ElementsAre("certain"));
    const auto stage = R"({"StringEquals":{"secretsmanager:VersionStage":"AWSCURRENT"}})";
    EXPECT_THAT(dependencies({one_statement("Allow", stage)}, Action::get_secret_value),
                ElementsAre("Allow StringEquals secretsmanager:VersionStage"));
    EXPECT_THAT(dependencies({one_statement("Allow", stage)}, Action::describe_secret), IsEmpty())
        << "DescribeSecret never has it";
    const auto tags = R"({"StringEquals":{"aws:RequestTag/team":"a"}})";
    EXPECT_THAT(dependencies({one_statement("Allow", tags)}, Action::tag_resource),
                ElementsAre("Allow StringEquals aws:RequestTag/team"));
    EXPECT_THAT(dependencies({one_statement("Allow", tags)}, Action::get_secret_value), IsEmpty());
    EXPECT_THAT(dependencies({one_statement("Allow", R"({"StringLike":{"aws:ResourceTag/team":"*"}})")},
                             Action::get_secret_value),
                IsEmpty())
        << "the secret has no such tag";
    EXPECT_THAT(dependencies({one_statement("Allow", R"({"Bool":{"aws:MultiFactorAuthPresent":"true"}})")},
                             Action::get_secret_value),
                IsEmpty())
        << "no request has it";
}

TEST(Questions, TheExplanationNamesAKeyThatIsNotInTheQuestion) {
    const auto principal = alice();
    RequestContext request(principal, Action::get_secret_value, kDb);
    set_question_keys(request, {kDb, {}, nullptr});
    const std::vector<PolicyPtr> identity{
        one_statement("Allow", R"({"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}})")};
    const PolicySet policies{identity, {}, nullptr, nullptr, nullptr};
    EXPECT_THAT(
        format_explanation(request, explain(request, policies)),
        HasSubstr(
            "does not apply: the key aws:SourceIp is not in the question (--context aws:SourceIp=...)"));
    ASSERT_EQ(open_keys(request, policies).size(), 1U);
    EXPECT_EQ(open_keys(request, policies)[0].written, "aws:SourceIp");
    request.set(Key::source_ip, "192.0.2.1");
    EXPECT_THAT(format_explanation(request, explain(request, policies)),
                HasSubstr("the condition IpAddress on aws:SourceIp is false\n"));
    EXPECT_TRUE(open_keys(request, policies).empty());
}

TEST(Questions, TheTrustPolicyDecidesAssumeRoleAlone) {
    const auto erin = alice();
    const std::vector<PolicyPtr> none;
    const auto trust = policy(R"({"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:*",
"Principal":{"AWS":"arn:aws:iam::111122223333:user/alice"}}})",
                              "role/deploy", DocumentKind::trust);
    const std::vector<PrincipalPolicies> principals{{&erin, none, {}, nullptr}};
    const ResourcePolicies role{"arn:aws:iam::111122223333:role/deploy", {}, trust.get()};
    EXPECT_EQ(who_can(Action::sts_assume_role, role, principals, {}, nullptr).size(), 1U);
    EXPECT_TRUE(who_can(Action::iam_get_role, role, principals, {}, nullptr).empty());
    EXPECT_EQ(what_can({&erin, none, {}, nullptr}, std::vector{role}, {}, nullptr).size(), 3U)
        << "AssumeRole, TagSession, SetSourceIdentity; nobody here shows a web identity";
}

TEST(ConditionKeys, TheNearestName) {
    EXPECT_EQ(nearest_key("aws:SourceIpp"), "aws:SourceIp");
    EXPECT_EQ(nearest_key("aws:sourcevpc_e"), "aws:SourceVpce");
    EXPECT_EQ(nearest_key("SourceIp"), "aws:SourceIp");
    EXPECT_EQ(nearest_key("secretsmanager:VersionStages"), "secretsmanager:VersionStage");
    EXPECT_EQ(nearest_key("example:Colour"), "");
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
