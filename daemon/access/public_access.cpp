// When a statement is public. The keys are those of S3's "The meaning of public" that mean something here,
// and the principal's own account and ARN, which that page counts as "an AWS principal".

#include <algorithm>
#include <array>

#include "daemon/access/arn.hpp"
#include "daemon/access/findings.hpp"
#include "daemon/access/values.hpp"

namespace coffer::access {
namespace {

/// S3 takes wider ranges of addresses for everybody: under /8 of IPv4, under /32 of IPv6.
constexpr unsigned kWidestV4Bits = 96 + 8;
constexpr unsigned kWidestV6Bits = 32;

bool is_fixed(const std::string& text) {
    return text.find_first_of("*?") == std::string::npos && text.find("${") == std::string::npos;
}

/// Whoever matches belongs to one account.
bool is_fixed_arn(const std::string& text) {
    const auto arn = split_arn_pattern(text);
    return arn && is_account_id(arn->account());
}

bool is_narrow_range(const std::string& text) {
    const auto range = parse_ip_range(text);
    return range && range->prefix_bits >= (range->v4 ? kWidestV4Bits : kWidestV6Bits);
}

bool is_fixed_value(Key key, const ConditionOperator& op, const std::string& text) {
    switch (key) {
        case Key::source_ip:
            return op.comparison == Comparison::ip_address && is_narrow_range(text);
        case Key::principal_arn:
        case Key::source_arn:
            return is_fixed_arn(text);
        // "ROLE-ID:*" is not fixed: S3 says so in as many words.
        case Key::user_id:
        case Key::principal_account:
        case Key::principal_org_id:
        case Key::principal_org_paths:
        case Key::principal_service_name:
        case Key::source_account:
        case Key::source_vpc:
        case Key::source_vpce:
        case Key::source_org_id:
        case Key::source_org_paths:
            return is_fixed(text);
        default:
            return false;
    }
}

/// Operators that are true only when the key is there and has one of the values.
bool pins(const ConditionOperator& op) {
    if (op.negated || op.if_exists || op.set == SetOperator::for_all_values) return false;
    switch (op.comparison) {
        case Comparison::string_equals:
        case Comparison::string_equals_ignore_case:
        case Comparison::string_like:
        case Comparison::arn_like:
        case Comparison::ip_address:
            return true;
        default:
            return false;
    }
}

bool restricts(const ConditionEntry& entry) {
    return pins(entry.op) && std::all_of(entry.values.begin(), entry.values.end(), [&](const Located& value) {
               return is_fixed_value(entry.key.key, entry.op, value.text);
           });
}

}  // namespace

bool is_public(const StatementDocument& statement) {
    if (statement.effect != Effect::allow || !statement.principal) return false;
    const auto& principal = *statement.principal;
    const bool everybody = principal.negated ||
                           std::any_of(principal.entries.begin(), principal.entries.end(),
                                       [](const PrincipalEntry& e) { return e.kind == PrincipalKind::any; });
    return everybody && std::none_of(statement.conditions.begin(), statement.conditions.end(), restricts);
}

}  // namespace coffer::access
