#include "daemon/access/condition_operators.hpp"

#include <algorithm>
#include <array>

namespace coffer::access {
namespace {

struct Row {
    std::string_view name;
    Comparison comparison;
    bool negated;
};

constexpr std::array kOperators{
    Row{"StringEquals", Comparison::string_equals, false},
    Row{"StringNotEquals", Comparison::string_equals, true},
    Row{"StringEqualsIgnoreCase", Comparison::string_equals_ignore_case, false},
    Row{"StringNotEqualsIgnoreCase", Comparison::string_equals_ignore_case, true},
    Row{"StringLike", Comparison::string_like, false},
    Row{"StringNotLike", Comparison::string_like, true},
    Row{"NumericEquals", Comparison::numeric_equals, false},
    Row{"NumericNotEquals", Comparison::numeric_equals, true},
    Row{"NumericLessThan", Comparison::numeric_less, false},
    Row{"NumericLessThanEquals", Comparison::numeric_less_equals, false},
    Row{"NumericGreaterThan", Comparison::numeric_greater, false},
    Row{"NumericGreaterThanEquals", Comparison::numeric_greater_equals, false},
    Row{"DateEquals", Comparison::date_equals, false},
    Row{"DateNotEquals", Comparison::date_equals, true},
    Row{"DateLessThan", Comparison::date_less, false},
    Row{"DateLessThanEquals", Comparison::date_less_equals, false},
    Row{"DateGreaterThan", Comparison::date_greater, false},
    Row{"DateGreaterThanEquals", Comparison::date_greater_equals, false},
    Row{"Bool", Comparison::boolean, false},
    Row{"BinaryEquals", Comparison::binary, false},
    Row{"IpAddress", Comparison::ip_address, false},
    Row{"NotIpAddress", Comparison::ip_address, true},
    // AWS: "ArnEquals and ArnLike behave identically".
    Row{"ArnEquals", Comparison::arn_like, false},
    Row{"ArnLike", Comparison::arn_like, false},
    Row{"ArnNotEquals", Comparison::arn_like, true},
    Row{"ArnNotLike", Comparison::arn_like, true},
    Row{"Null", Comparison::null, false},
};

bool take_prefix(std::string_view& name, std::string_view prefix) {
    if (!name.starts_with(prefix)) return false;
    name.remove_prefix(prefix.size());
    return true;
}

bool take_suffix(std::string_view& name, std::string_view suffix) {
    if (!name.ends_with(suffix)) return false;
    name.remove_suffix(suffix.size());
    return true;
}

}  // namespace

std::optional<ConditionOperator> find_operator(std::string_view name) noexcept {
    ConditionOperator result;
    if (take_prefix(name, "ForAllValues:")) {
        result.set = SetOperator::for_all_values;
    } else if (take_prefix(name, "ForAnyValue:")) {
        result.set = SetOperator::for_any_value;
    }
    result.if_exists = take_suffix(name, "IfExists");
    const auto row = std::find_if(kOperators.begin(), kOperators.end(),
                                  [&](const Row& candidate) { return candidate.name == name; });
    if (row == kOperators.end()) return std::nullopt;
    result.comparison = row->comparison;
    result.negated = row->negated;
    const bool plain = result.set == SetOperator::none && !result.if_exists;
    if (result.comparison == Comparison::null && !plain) return std::nullopt;
    return result;
}

bool takes_variables(Comparison comparison) noexcept {
    switch (comparison) {
        case Comparison::string_equals:
        case Comparison::string_equals_ignore_case:
        case Comparison::string_like:
        case Comparison::arn_like:
        case Comparison::boolean:
            return true;
        default:
            return false;
    }
}

bool takes_wildcards(Comparison comparison) noexcept {
    return comparison == Comparison::string_like || comparison == Comparison::arn_like;
}

}  // namespace coffer::access
