#include <gmock/gmock.h>

#include <array>

#include "daemon/iam/policy_linter.hpp"
#include "tests/iam/iam_fixture.hpp"

namespace coffer::iam {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;

/// What is found without the secrets, which are in a database (service_test.cpp).
v1::LintPoliciesResponse lint_principals(Work& work, const v1::LintPoliciesRequest& /*request*/) {
    v1::LintPoliciesResponse response;
    PolicyLinter(work, response).check_principals();
    return response;
}

std::vector<std::string> lint(World& world) {
    std::vector<std::string> lines;
    const auto response = world.call(lint_principals, v1::LintPoliciesRequest());
    for (const auto& finding : response.findings()) {
        lines.push_back(finding.policy() + ": " + finding.code() + ": " + finding.message());
    }
    return lines;
}

TEST(Lint, FindsWhatNeverMatches) {
    World world;
    world.policy(
        "p",
        R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"secretsmanager:GetSecret","Resource":"*"}]})");
    EXPECT_THAT(lint(world), testing::Contains(AllOf(HasSubstr("policy/p: INVALID_ACTION"))));
}

TEST(Lint, FindsWhatIsNotBelievedAndWhoIsRefusedForIt) {
    World world;
    world.user("alice");
    world.group("ops");
    world.join("alice", "ops");
    EXPECT_THAT(lint(world), IsEmpty());
    world.damage({IamKind::group, "ops"}, storage::IamFault::missing);
    const auto findings = lint(world);
    EXPECT_THAT(findings, testing::Contains(HasSubstr("group 'ops': NOT_BELIEVED")));
    EXPECT_THAT(findings,
                testing::Contains(AllOf(HasSubstr("user/alice: PRINCIPAL_REFUSED"), HasSubstr("is gone"))));
}

/// A world with a role that trusts `principal`, as ARNs end.
void make_trusting(World& world, const std::string& role, const std::string& principal) {
    if (world.records().find<Role>(role) == nullptr) world.role(role);
    v1::UpdateAssumeRolePolicyRequest request;
    request.set_role_name(role);
    request.set_policy_document(
        R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:)" +
        principal + R"("},"Action":"sts:AssumeRole"}]})");
    static_cast<void>(world.call(update_assume_role_policy, request));
}

TEST(Lint, FindsRolesThatTrustInACircleAndPrincipalsWhoAreNot) {
    World world;
    world.user("carol");
    const auto trusts = [&](const std::string& role, const std::string& principal) {
        make_trusting(world, role, principal);
    };
    trusts("c", "user/carol");
    trusts("a", "role/c");
    EXPECT_THAT(lint(world), IsEmpty());
    trusts("b", "role/a");
    trusts("a", "role/b");
    EXPECT_THAT(lint(world), testing::UnorderedElementsAre(
                                 AllOf(HasSubstr("role/a: CYCLIC_TRUST"), HasSubstr("a trusts b trusts a")),
                                 AllOf(HasSubstr("role/b: CYCLIC_TRUST"), HasSubstr("b trusts a trusts b"))));
    trusts("b", "user/carole");
    EXPECT_THAT(lint(world), testing::ElementsAre(
                                 AllOf(HasSubstr("role/b: UNKNOWN_PRINCIPAL"), HasSubstr("user/carole"))));
    // Who is there and is not believed is not missing.
    trusts("b", "user/carol");
    world.damage({IamKind::user, "carol"}, storage::IamFault::altered);
    EXPECT_THAT(lint(world), testing::Not(testing::Contains(HasSubstr("UNKNOWN_PRINCIPAL"))));
}

// Whom a policy means, and whom it would mean by the name.
TEST(Lint, TellsPrincipalsThatAreNotBoundToWhoHasTheName) {
    World world;
    world.user("carol");
    make_trusting(world, "b", "user/carol");
    EXPECT_THAT(lint(world), IsEmpty());
    const auto carol = world.records().find<User>("carol")->id;
    world.forget_trusted("b");
    EXPECT_THAT(lint(world), testing::ElementsAre(HasSubstr("role/b: PRINCIPAL_BY_NAME")));
    make_trusting(world, "b", "user/carol");
    v1::DeleteUserRequest remove;
    remove.set_user_name("carol");
    static_cast<void>(world.call(delete_user, remove));
    const auto gone = testing::ElementsAre(AllOf(HasSubstr("role/b: UNKNOWN_PRINCIPAL"), HasSubstr(carol)));
    EXPECT_THAT(lint(world), gone);
    world.user("carol");
    EXPECT_THAT(lint(world), gone) << "another";
    make_trusting(world, "b", "user/dave");
    EXPECT_THAT(lint(world),
                testing::ElementsAre(AllOf(HasSubstr("role/b: UNKNOWN_PRINCIPAL"),
                                           HasSubstr("not trusted until the policy is put again"))));
    world.user("dave");
    EXPECT_THAT(lint(world), testing::ElementsAre(HasSubstr("role/b: PRINCIPAL_NOT_BOUND")));
}

// A circle is one of roles, not of names.
TEST(Lint, ARoleThatIsMadeAgainIsInNoCircle) {
    World world;
    world.role("a");
    make_trusting(world, "b", "role/a");
    make_trusting(world, "a", "role/b");
    EXPECT_THAT(lint(world), testing::Contains(HasSubstr("CYCLIC_TRUST")));
    v1::DeleteRoleRequest remove;
    remove.set_role_name("a");
    static_cast<void>(world.call(delete_role, remove));
    make_trusting(world, "a", "role/b");
    EXPECT_THAT(lint(world), testing::ElementsAre(HasSubstr("role/b: UNKNOWN_PRINCIPAL")));
}

// AWS, SimulateCustomPolicy: the policies of the request are the only ones; PolicyInputList.N names them.
TEST(SimulateCustomPolicy, AsksThePoliciesOfTheRequestAlone) {
    World world;
    world.user("alice");
    v1::SimulateCustomPolicyRequest request;
    request.add_policy_input_list(allow("secretsmanager:GetSecretValue"));
    request.add_policy_input_list(deny("secretsmanager:DeleteSecret"));
    for (const auto* action : {"GetSecretValue", "DeleteSecret", "PutSecretValue"}) {
        request.add_action_names(action);
    }
    auto results = world.call(simulate_custom_policy, request);
    ASSERT_EQ(results.evaluation_results_size(), 3);
    EXPECT_EQ(results.evaluation_results(0).eval_decision(), "allowed");
    EXPECT_EQ(results.evaluation_results(0).matched_statements(0).source_policy_id(), "PolicyInputList.1");
    EXPECT_EQ(results.evaluation_results(1).eval_decision(), "explicitDeny");
    EXPECT_EQ(results.evaluation_results(1).matched_statements(0).source_policy_id(), "PolicyInputList.2");
    EXPECT_EQ(results.evaluation_results(2).eval_decision(), "implicitDeny");
    request.add_permissions_boundary_policy_input_list(allow("secretsmanager:PutSecretValue"));
    results = world.call(simulate_custom_policy, request);
    EXPECT_EQ(results.evaluation_results(0).eval_decision(), "implicitDeny");
    EXPECT_THAT(refusal_of([&] { static_cast<void>(world.call(simulate_custom_policy, request, "alice")); }),
                HasSubstr("iam:SimulateCustomPolicy"));
    request.add_policy_input_list("{");
    EXPECT_THAT(refusal_of([&] { static_cast<void>(world.call(simulate_custom_policy, request)); }),
                testing::StartsWith("MalformedPolicyDocument"));
}

TEST(SimulateCustomPolicy, TheCallersNameIsInVariables) {
    World world;
    world.user("alice");
    v1::SimulateCustomPolicyRequest request;
    request.add_policy_input_list(
        R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"secretsmanager:GetSecretValue",)"
        R"("Resource":"*","Condition":{"StringEquals":{"aws:username":"alice"}}}]})");
    request.add_action_names("GetSecretValue");
    EXPECT_EQ(world.call(simulate_custom_policy, request).evaluation_results(0).eval_decision(),
              "implicitDeny");
    request.set_caller_arn("arn:aws:iam::111122223333:user/alice");
    EXPECT_EQ(world.call(simulate_custom_policy, request).evaluation_results(0).eval_decision(), "allowed");
    request.set_caller_arn("arn:aws:iam::111122223333:role/app");
    EXPECT_THAT(refusal_of([&] { static_cast<void>(world.call(simulate_custom_policy, request)); }),
                testing::StartsWith("InvalidInput: CallerArn"));
}

// ---- AssumeRole, and what is not said ---------------------------------------------------------------------

constexpr const char* kCarol = "arn:aws:iam::111122223333:user/carol";
constexpr const char* kDeploy = "arn:aws:iam::111122223333:role/deploy";

class Questions : public testing::Test {
protected:
    Questions() {
        world_.user("carol");
        world_.user("dave");
        world_.role("deploy");
    }

    void trust(const std::string& document) {
        v1::UpdateAssumeRolePolicyRequest request;
        request.set_role_name("deploy");
        request.set_policy_document(document);
        static_cast<void>(world_.call(update_assume_role_policy, request));
    }
    static std::string trusts_carol(const std::string& condition = "{}") {
        return R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":")" +
               std::string(kCarol) + R"("},"Action":"sts:AssumeRole","Condition":)" + condition + "}]}";
    }
    void carol_may(const std::string& condition) {
        const auto document =
            R"({"Version":"2012-10-17","Statement":[{"Sid":"S","Effect":"Allow","Action":"secretsmanager:*",)"
            R"("Resource":"*","Condition":)" +
            condition + "}]}";
        v1::PutUserPolicyRequest request;
        request.set_user_name("carol");
        request.set_policy_name("p");
        request.set_policy_document(document);
        static_cast<void>(world_.call(put_user_policy, request));
    }
    template <class Request>
    static void context(Request& request, const std::string& key, const std::string& value) {
        auto& entry = *request.add_context_entries();
        entry.set_context_key_name(key);
        entry.add_context_key_values(value);
    }
    /// Users but root, who may do everything; "NAME?" where it depends.
    std::vector<std::string> who(const std::string& action, const std::string& resource,
                                 const std::string& key = {}, const std::string& value = {}) {
        v1::WhoCanRequest request;
        request.set_action(action);
        request.set_resource(resource);
        if (!key.empty()) context(request, key, value);
        const auto response = world_.call(who_can, request);
        std::vector<std::string> names;
        const auto add = [&](const v1::AccessGrant& grant, const char* mark) {
            auto name = grant.principal().substr(grant.principal().rfind('/') + 1) + mark;
            if (name != "root") names.push_back(name);
        };
        for (const auto& grant : response.grants()) add(grant, "");
        for (const auto& grant : response.conditional_grants()) add(grant, "?");
        return names;
    }
    v1::EvaluationResult simulated(const std::string& action, const std::string& resource) {
        v1::SimulatePrincipalPolicyRequest request;
        request.set_policy_source_arn(kCarol);
        request.add_action_names(action);
        request.add_resource_arns(resource);
        return world_.call(simulate_principal_policy, request).evaluation_results(0);
    }

    World world_;
};

TEST_F(Questions, WhoMayAssumeARoleIsInItsTrustPolicy) {
    trust(trusts_carol());
    EXPECT_THAT(who("sts:AssumeRole", kDeploy), testing::ElementsAre("carol"));
    EXPECT_THAT(who("sts:AssumeRole", "role/deploy"), testing::ElementsAre("carol"));
    EXPECT_THAT(who("sts:AssumeRole", "deploy"), testing::ElementsAre("carol"));
    EXPECT_THAT(who("iam:GetRole", "role/deploy"), IsEmpty()) << "it says nothing of that";
    EXPECT_EQ(simulated("sts:AssumeRole", kDeploy).eval_decision(), "allowed");
    EXPECT_THAT(simulated("sts:AssumeRole", "role/deploy").explanation(), HasSubstr("role trust policy"));
    v1::WhatCanRequest what;
    what.set_policy_source_arn(kCarol);
    what.add_resources(kDeploy);
    ASSERT_EQ(world_.call(what_can, what).grants_size(), 1);
    EXPECT_EQ(world_.call(what_can, what).grants(0).action(), "sts:AssumeRole");
    EXPECT_THAT(refusal_of([&] { who("sts:AssumeRole", "role/deplyo"); }),
                AllOf(testing::StartsWith("NoSuchEntity"), HasSubstr("deplyo")));
    v1::DisableRoleRequest disable;
    disable.set_role_name("deploy");
    static_cast<void>(world_.call(disable_role, disable));
    EXPECT_THAT(who("sts:AssumeRole", kDeploy), IsEmpty()) << "nobody can, as long as it is disabled";
    EXPECT_THAT(simulated("sts:AssumeRole", kDeploy).explanation(), HasSubstr("role 'deploy' is disabled"));
    EXPECT_EQ(world_.call(what_can, what).grants_size(), 0);
}

// The hint of a denial sends people to the simulation; the right to ask it must be enough.
TEST_F(Questions, APrincipalIsNamedAsPeopleNameIt) {
    v1::PutUserPolicyRequest put;
    put.set_user_name("dave");
    put.set_policy_name("ask");
    put.set_policy_document(
        R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["iam:SimulatePrincipalPolicy",)"
        R"("coffer:WhatCan"],"Resource":"*"}]})");
    static_cast<void>(world_.call(put_user_policy, put));
    trust(trusts_carol());
    v1::SimulatePrincipalPolicyRequest simulate;
    simulate.add_action_names("sts:AssumeRole");
    simulate.add_resource_arns("role/deploy");
    v1::WhatCanRequest what;
    what.add_resources(kDeploy);
    for (const auto* name : {"carol", "user/carol", kCarol}) {
        simulate.set_policy_source_arn(name);
        const auto results = world_.call(simulate_principal_policy, simulate, "dave").evaluation_results();
        EXPECT_EQ(results.at(0).eval_decision(), "allowed") << name;
        what.set_policy_source_arn(name);
        EXPECT_EQ(world_.call(what_can, what, "dave").grants_size(), 1) << name;
    }
    for (const auto* name : {"role/deploy", kDeploy}) {
        simulate.set_policy_source_arn(name);
        const auto results = world_.call(simulate_principal_policy, simulate, "dave").evaluation_results();
        EXPECT_EQ(results.at(0).eval_decision(), "implicitDeny") << name;
        what.set_policy_source_arn(name);
        EXPECT_EQ(world_.call(what_can, what, "dave").grants_size(), 0) << name;
    }
    const auto refused = [&](const char* name) {
        simulate.set_policy_source_arn(name);
        return refusal_of(
            [&] { static_cast<void>(world_.call(simulate_principal_policy, simulate, "dave")); });
    };
    EXPECT_THAT(refused("nobody"), AllOf(testing::StartsWith("NoSuchEntity"), HasSubstr("user")));
    EXPECT_THAT(refused("role/nobody"), AllOf(testing::StartsWith("NoSuchEntity"), HasSubstr("role")));
    for (const auto* name : {"group/ops", "user/", "arn:aws:iam::111122223333:group/ops"}) {
        EXPECT_THAT(refused(name), AllOf(testing::StartsWith("InvalidInput"), HasSubstr(name))) << name;
    }
}

TEST_F(Questions, ATrustPolicyMayHangOnTheSession) {
    trust(trusts_carol(
        R"({"StringEquals":{"sts:RoleSessionName":"carol"},"Bool":{"aws:SecureTransport":"true"}})"));
    EXPECT_THAT(who("sts:AssumeRole", kDeploy), testing::ElementsAre("carol?"));
    EXPECT_THAT(who("sts:AssumeRole", kDeploy, "sts:RoleSessionName", "carol"),
                testing::ElementsAre("carol"));
    EXPECT_THAT(who("sts:AssumeRole", kDeploy, "sts:RoleSessionName", "dave"), IsEmpty());
    // A key without values is said to be absent.
    trust(trusts_carol(R"({"Null":{"aws:TagKeys":"true"}})"));
    EXPECT_THAT(who("sts:AssumeRole", kDeploy), testing::ElementsAre("carol?"));
    v1::WhoCanRequest untagged;
    untagged.set_action("sts:AssumeRole");
    untagged.set_resource(kDeploy);
    untagged.add_context_entries()->set_context_key_name("aws:TagKeys");
    const auto response = world_.call(who_can, untagged);
    ASSERT_EQ(response.grants_size(), 1);
    EXPECT_EQ(response.grants(0).principal(), kCarol);
    EXPECT_EQ(response.conditional_grants_size(), 0);
}

TEST_F(Questions, WhoeverMayOnSomeConditionIsNotLeftOut) {
    for (const auto& [condition, key, value] : std::vector<std::array<std::string, 3>>{
             {R"({"IpAddress":{"aws:SourceIp":"127.0.0.1"}})", "aws:SourceIp", "127.0.0.1"},
             {R"({"StringEquals":{"aws:SourceVpce":"local"}})", "aws:SourceVpce", "local"},
             {R"({"StringLike":{"aws:UserAgent":"aws-cli/*"}})", "aws:UserAgent", "aws-cli/2"}}) {
        carol_may(condition);
        EXPECT_THAT(who("GetSecretValue", "*"), testing::ElementsAre("carol?")) << key;
        EXPECT_THAT(who("GetSecretValue", "*", key, value), testing::ElementsAre("carol")) << key;
        EXPECT_THAT(who("GetSecretValue", "*", key, "192.0.2.9"), IsEmpty()) << key;
        const auto result = simulated("GetSecretValue", "*");
        EXPECT_EQ(result.eval_decision(), "implicitDeny");
        EXPECT_THAT(result.explanation(), HasSubstr("the key " + key + " is not in the question"));
        ASSERT_EQ(result.missing_context_values_size(), 1) << key;
        EXPECT_EQ(result.missing_context_values(0), key);
    }
    v1::WhoCanRequest request;
    request.set_action("GetSecretValue");
    const auto grant = world_.call(who_can, request).conditional_grants(0);
    EXPECT_EQ(grant.statement(), "S");
    ASSERT_EQ(grant.depends_on_size(), 1);
    EXPECT_EQ(grant.depends_on(0).operator_name(), "StringLike");
    EXPECT_EQ(grant.depends_on(0).key(), "aws:UserAgent");
    EXPECT_EQ(grant.depends_on(0).values(0), "aws-cli/*");
}

TEST_F(Questions, AKeyThatNoRequestHasIsRefused) {
    const auto asked = [&](const std::string& key) {
        return refusal_of([&] { who("GetSecretValue", "*", key, "x"); });
    };
    EXPECT_EQ(
        asked("aws:SourceIpp"),
        "InvalidInput: ContextEntries: there is no condition key aws:SourceIpp; did you mean aws:SourceIp?");
    EXPECT_THAT(asked("aws:nosuchkey"), testing::StartsWith("InvalidInput: ContextEntries: there is no"));
    EXPECT_THAT(asked("aws:MultiFactorAuthPresent"), HasSubstr("in no request here"));
    EXPECT_EQ(asked("aws:PrincipalTag/team"), "done");
    EXPECT_EQ(asked("ci.example/realms/x:sub"), "done");
}

TEST_F(Questions, ASecretThatIsToBeMadeHasAName) {
    carol_may(R"({"StringLike":{"secretsmanager:Name":"shop/*"}})");
    EXPECT_THAT(who("CreateSecret", "shop/new"), testing::ElementsAre("carol"));
    EXPECT_THAT(who("CreateSecret", "stock/new"), IsEmpty());
    EXPECT_THAT(who("CreateSecret", "*"), testing::ElementsAre("carol?"));
    EXPECT_THAT(who("ListSecrets", "*"), IsEmpty()) << "ListSecrets has no Name";
}

// Decided on "*" whatever resource is named: service authorization reference, actions without resource types.
TEST_F(Questions, AnActionWithoutResourceIsDecidedOnAll) {
    v1::PutUserPolicyRequest request;
    request.set_user_name("carol");
    request.set_policy_name("p");
    request.set_policy_document(
        R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:ListUsers",)"
        R"("Resource":"arn:aws:iam::111122223333:user/*"}]})");
    static_cast<void>(world_.call(put_user_policy, request));
    EXPECT_THAT(who("iam:ListUsers", "arn:aws:iam::111122223333:user/carol"), IsEmpty());
}

// ---- refusals ---------------------------------------------------------------------------------------------

// The words of AWS first; then, for who may ask the simulation, what decided, as the audit event has it.
TEST_F(Questions, ARefusalTellsWhatDecidedToWhoMaySimulate) {
    const auto put = [&](const std::string& more) {
        v1::PutUserPolicyRequest request;
        request.set_user_name("carol");
        request.set_policy_name("p");
        request.set_policy_document(
            R"({"Version":"2012-10-17","Statement":[{"Sid":"NoUsers","Effect":"Deny","Action":"iam:GetUser","Resource":"*"})" +
            more + "]}");
        static_cast<void>(world_.call(put_user_policy, request));
    };
    v1::GetUserRequest get;
    get.set_user_name("dave");
    const auto refused = [&] {
        return refusal_of([&] { static_cast<void>(world_.call(get_user, get, "carol")); });
    };
    const std::string words =
        "AccessDeniedException: User: arn:aws:iam::111122223333:user/carol is not authorized to perform: "
        "iam:GetUser on resource: arn:aws:iam::111122223333:user/dave with an explicit deny in an "
        "identity-based "
        "policy";
    put("");
    EXPECT_EQ(refused(), words);
    put(R"(,{"Effect":"Allow","Action":"iam:SimulatePrincipalPolicy","Resource":"*"})");
    EXPECT_EQ(refused(), words + ": NoUsers of the identity-based policy carol/p");
    put(R"(,{"Effect":"Allow","Action":"iam:*","Resource":"arn:aws:iam::111122223333:user/carol"})");
    EXPECT_EQ(refused(), words) << "the simulation is asked of all";
}

}  // namespace
}  // namespace coffer::iam
