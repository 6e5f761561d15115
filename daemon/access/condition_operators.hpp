#pragma once
// The names of condition operators taken apart: "ForAnyValue:StringNotLikeIfExists" is the comparison `like`
// on strings, negated, for any value, true when the key is absent. Source: "IAM JSON policy elements:
// Condition operators" and "Set operators for multivalued context keys".

#include <cstdint>
#include <optional>
#include <string_view>

namespace coffer::access {

/// What a value of the request and one of the policy are compared by. A negated operator (StringNotEquals)
/// has the comparison of its positive.
enum class Comparison : std::uint8_t {
    string_equals,
    string_equals_ignore_case,
    string_like,
    numeric_equals,
    numeric_less,
    numeric_less_equals,
    numeric_greater,
    numeric_greater_equals,
    date_equals,
    date_less,
    date_less_equals,
    date_greater,
    date_greater_equals,
    boolean,
    binary,
    ip_address,
    arn_like,
    null
};

/// How the several values of a key count.
enum class SetOperator : std::uint8_t { none, for_all_values, for_any_value };

struct ConditionOperator {
    Comparison comparison = Comparison::string_equals;
    bool negated = false;
    bool if_exists = false;
    SetOperator set = SetOperator::none;

    [[nodiscard]] bool operator==(const ConditionOperator&) const = default;
};

/// The operator of that name, by case; nothing when there is none (also for NullIfExists and for
/// set operators before Null).
[[nodiscard]] std::optional<ConditionOperator> find_operator(std::string_view name) noexcept;

/// Whether policy variables may stand in the values of this comparison.
[[nodiscard]] bool takes_variables(Comparison comparison) noexcept;

/// Whether `*` and `?` in the values are wildcards.
[[nodiscard]] bool takes_wildcards(Comparison comparison) noexcept;

}  // namespace coffer::access
