#include "daemon/access/condition.hpp"

#include <algorithm>

#include "daemon/access/ascii.hpp"
#include "daemon/access/glob.hpp"

namespace coffer::access {
namespace {

enum class Order : std::uint8_t { equal, less, less_equal, greater, greater_equal };

Order order_of(Comparison comparison) noexcept {
    switch (comparison) {
        case Comparison::numeric_less:
        case Comparison::date_less:
            return Order::less;
        case Comparison::numeric_less_equals:
        case Comparison::date_less_equals:
            return Order::less_equal;
        case Comparison::numeric_greater:
        case Comparison::date_greater:
            return Order::greater;
        case Comparison::numeric_greater_equals:
        case Comparison::date_greater_equals:
            return Order::greater_equal;
        default:
            return Order::equal;
    }
}

template <class T>
bool in_order(T left, Order order, T right) noexcept {
    switch (order) {
        case Order::equal:
            return left == right;
        case Order::less:
            return left < right;
        case Order::less_equal:
            return left <= right;
        case Order::greater:
            return left > right;
        case Order::greater_equal:
            return left >= right;
    }
    return false;
}

template <class T>
bool any_in_order(const std::optional<T>& value, Order order, const std::vector<T>& operands) noexcept {
    return value && std::any_of(operands.begin(), operands.end(),
                                [&](const T& operand) { return in_order(*value, order, operand); });
}

/// AWS counts an empty text as an empty set under set operators.
bool is_empty_set(std::span<const std::string> values) noexcept {
    return std::all_of(values.begin(), values.end(), [](const std::string& value) { return value.empty(); });
}

bool resolves(const Pattern& pattern, const RequestContext& request) {
    std::string ignored;
    return pattern.expand(request, ignored);
}

}  // namespace

Condition::Condition(const ConditionEntry& entry, LanguageVersion version)
    : op_(entry.op), op_name_(entry.op_name.text), key_(entry.key) {
    read_values(entry, version == LanguageVersion::v2012 && takes_variables(entry.op.comparison));
}

void Condition::read_values(const ConditionEntry& entry, bool variables) {
    const auto fill = [&](auto list, auto read) {
        for (const auto& value : entry.values) list.push_back(read(value.text));
        values_ = std::move(list);
    };
    const auto must = [](const auto& read) { return read.value(); };  // the parser has checked
    switch (op_.comparison) {
        case Comparison::arn_like:
            fill(Arns{}, [&](const std::string& text) { return ArnPattern::parse(text, variables); });
            for (const auto& arn : std::get<Arns>(values_)) {
                arn.each_variable_pattern([&](const Pattern&) { has_variables_ = true; });
            }
            return;
        case Comparison::numeric_equals:
        case Comparison::numeric_less:
        case Comparison::numeric_less_equals:
        case Comparison::numeric_greater:
        case Comparison::numeric_greater_equals:
            fill(Numbers{}, [&](const std::string& text) { return must(parse_number(text)); });
            return;
        case Comparison::date_equals:
        case Comparison::date_less:
        case Comparison::date_less_equals:
        case Comparison::date_greater:
        case Comparison::date_greater_equals:
            fill(Dates{}, [&](const std::string& text) { return must(parse_date(text)); });
            return;
        case Comparison::ip_address:
            fill(Ranges{}, [&](const std::string& text) { return must(parse_ip_range(text)); });
            return;
        case Comparison::binary:
            fill(Blobs{}, [&](const std::string& text) { return must(parse_base64(text)); });
            return;
        case Comparison::string_equals:
        case Comparison::string_equals_ignore_case:
        case Comparison::string_like:
        case Comparison::boolean:
        case Comparison::null:
            break;
    }
    const PatternSyntax syntax{takes_wildcards(op_.comparison), variables};
    fill(Texts{}, [&](const std::string& text) { return Pattern::parse(text, syntax); });
    const auto& texts = std::get<Texts>(values_);
    has_variables_ =
        std::any_of(texts.begin(), texts.end(), [](const Pattern& text) { return text.has_variables(); });
}

bool Condition::holds(const RequestContext& request) const {
    const auto values = request.values(key_);
    if (op_.comparison == Comparison::null) return matches_null(values.empty());
    if (values.empty()) {
        if (op_.if_exists || op_.set == SetOperator::for_all_values) return true;
        return op_.set == SetOperator::none && op_.negated;
    }
    const auto matches = [&](const std::string& value) { return matches_any(value, request); };
    const auto counts = [&](const std::string& value) { return matches_any(value, request) != op_.negated; };
    switch (op_.set) {
        case SetOperator::none:
            return std::any_of(values.begin(), values.end(), matches) != op_.negated;
        case SetOperator::for_all_values:
            return is_empty_set(values) || std::all_of(values.begin(), values.end(), counts);
        case SetOperator::for_any_value:
            return !is_empty_set(values) && std::any_of(values.begin(), values.end(), counts);
    }
    return false;
}

bool Condition::matches_null(bool absent) const {
    const auto& texts = std::get<Texts>(values_);
    return std::any_of(texts.begin(), texts.end(),
                       [&](const Pattern& text) { return parse_boolean(text.glob()) == absent; });
}

bool Condition::matches_any(const std::string& value, const RequestContext& request) const {
    const Order order = order_of(op_.comparison);
    if (const auto* numbers = std::get_if<Numbers>(&values_)) {
        return any_in_order(parse_number(value), order, *numbers);
    }
    if (const auto* dates = std::get_if<Dates>(&values_))
        return any_in_order(parse_date(value), order, *dates);
    if (const auto* blobs = std::get_if<Blobs>(&values_)) {
        return any_in_order(parse_base64(value), Order::equal, *blobs);
    }
    if (const auto* ranges = std::get_if<Ranges>(&values_)) {
        const auto address = parse_ip_address(value);
        return address && std::any_of(ranges->begin(), ranges->end(),
                                      [&](const IpRange& range) { return range.contains(*address); });
    }
    if (const auto* arns = std::get_if<Arns>(&values_)) {
        const auto arn = split_arn(value);
        return std::any_of(arns->begin(), arns->end(),
                           [&](const ArnPattern& pattern) { return pattern.matches(value, arn, request); });
    }
    return matches_text(value, request);
}

bool Condition::matches_text(const std::string& value, const RequestContext& request) const {
    const auto compare = [&](const std::string& operand) {
        switch (op_.comparison) {
            case Comparison::string_like:
                return glob_matches(operand, value);
            case Comparison::string_equals_ignore_case:
                return equals_ignore_case(operand, value);
            case Comparison::boolean: {
                const auto wanted = parse_boolean(operand);
                return wanted && parse_boolean(value) == wanted;
            }
            default:
                return operand == value;
        }
    };
    for (const auto& pattern : std::get<Texts>(values_)) {
        if (!pattern.has_variables()) {
            if (compare(pattern.glob())) return true;
            continue;
        }
        std::string operand;
        if (pattern.expand(request, operand) && compare(operand)) return true;
    }
    return false;
}

bool Condition::lacks_variable(const RequestContext& request) const {
    if (!has_variables_) return false;
    if (op_.if_exists && request.values(key_).empty()) return false;
    bool lacks = false;
    const auto check = [&](const Pattern& pattern) { lacks = lacks || !resolves(pattern, request); };
    if (const auto* texts = std::get_if<Texts>(&values_)) {
        std::for_each(texts->begin(), texts->end(), check);
    } else if (const auto* arns = std::get_if<Arns>(&values_)) {
        for (const auto& arn : *arns) arn.each_variable_pattern(check);
    }
    return lacks;
}

}  // namespace coffer::access
