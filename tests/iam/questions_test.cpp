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

}  // namespace
}  // namespace coffer::iam
