// The compiled evaluator against the plain one, on random policies and requests.

#include <gtest/gtest.h>

#include <map>

#include "policy_generator.hpp"

namespace coffer::access::test {
namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr std::size_t kSets = 4'000;  // there it is memory that is looked at; decisions are in the other build
#else
constexpr std::size_t kSets = 20'000;
#endif
constexpr std::size_t kRequestsEach = 2;

TEST(Differential, BothEvaluatorsAgree) {
    std::map<std::string, std::size_t> seen;
    for (std::size_t set = 0; set < kSets; ++set) {
        PolicyGenerator generator(set);
        auto request = generator.request();
        const auto policies = generator.policies(request.action);
        for (std::size_t i = 0; i < kRequestsEach; ++i) {
            const auto context = request.compiled();
            const auto decision = decide(context, policies.compiled());
            const auto expected = plain::decide(request.plain(), policies.plain());
            ++seen[expected];
            ASSERT_EQ(outcome_name(decision.outcome), expected)
                << "seed " << set << ", request " << i << "\n"
                << format_explanation(context, explain(context, policies.compiled()));
            // What decides and what explains must not part.
            const StatementScope scope{policies.compiled().boundary != nullptr};
            for (const auto& policy : explain(context, policies.compiled()).policies) {
                for (const auto& [statement, match] : policy.statements) {
                    const auto as = statement->applies(context, scope);
                    ASSERT_EQ(as != PrincipalMatch::none, match.result == StatementResult::applies)
                        << "seed " << set;
                    if (as != PrincipalMatch::none) {
                        ASSERT_EQ(as, match.principal) << "seed " << set;
                    }
                }
            }
            const auto action = request.action;
            request = generator.request();
            // The kind of the resource policy goes with the action.
            if ((action == Action::sts_assume_role) != (request.action == Action::sts_assume_role)) break;
        }
    }
    // Random policies that never allow would agree on nothing worth knowing.
    for (const auto* outcome : {"allow", "explicit deny", "implicit deny"}) {
        EXPECT_GE(seen[outcome], kSets / 20) << outcome;
        RecordProperty(outcome, static_cast<int>(seen[outcome]));
    }
}

}  // namespace
}  // namespace coffer::access::test
