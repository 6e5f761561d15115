#include <gmock/gmock.h>

#include "tests/iam/iam_fixture.hpp"

namespace coffer::iam {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<std::string> lint(World& world) {
    std::vector<std::string> lines;
    const auto response = world.call(lint_policies, v1::LintPoliciesRequest());
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

}  // namespace
}  // namespace coffer::iam
