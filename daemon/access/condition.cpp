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

template <class Patterns>
bool any_has_variables(const Patterns& patterns) noexcept {
    return std::any_of(patterns.begin(), patterns.end(), [](const auto& p) { return p.has_variables(); });
}

std::vector<std::string> texts_of(const ConditionEntry& entry) {
    std::vector<std::string> texts;
    texts.reserve(entry.values.size());
    for (const auto& value : entry.values) texts.push_back(value.text);
    return texts;
}

}  // namespace

Condition::Condition(const ConditionEntry& entry, LanguageVersion version)
    : op_(entry.op),
      key_(entry.key.key),
      names_(std::make_shared<const Names>(Names{entry.key, entry.op_name.text, texts_of(entry)})) {
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
            has_variables_ = any_has_variables(std::get<Arns>(values_));
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
        case Comparison::null:
            read_booleans(entry);
            return;
        case Comparison::boolean:
        case Comparison::string_equals:
        case Comparison::string_equals_ignore_case:
        case Comparison::string_like:
            break;
    }
    const PatternSyntax syntax{takes_wildcards(op_.comparison), variables};
    fill(Texts{}, [&](const std::string& text) { return Pattern::parse(text, syntax); });
    has_variables_ = any_has_variables(std::get<Texts>(values_));
    if (op_.comparison == Comparison::boolean && !has_variables_) read_booleans(entry);
}

void Condition::read_booleans(const ConditionEntry& entry) {
    Booleans booleans;
    for (const auto& value : entry.values) booleans.push_back(parse_boolean(value.text).value() ? 1 : 0);
    values_ = std::move(booleans);
}

std::span<const std::string> Condition::values_of_key(const RequestContext& request) const noexcept {
    return key_ < Key::principal_tag ? request.values(key_) : request.values(names_->key);
}

bool Condition::holds(const RequestContext& request) const {
    const auto values = values_of_key(request);
    if (op_.comparison == Comparison::null) return matches_boolean(values.empty());
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

bool Condition::matches_boolean(bool value) const {
    const auto& booleans = std::get<Booleans>(values_);
    return std::find(booleans.begin(), booleans.end(), value ? 1 : 0) != booleans.end();
}

bool Condition::matches_any(const std::string& value, const RequestContext& request) const {
    // The texts first: nearly all conditions are about them.
    if (std::holds_alternative<Texts>(values_)) return matches_text(value, request);
    if (std::holds_alternative<Ranges>(values_)) return matches_address(value, request);
    if (std::holds_alternative<Booleans>(values_)) {
        const auto boolean = parse_boolean(value);
        return boolean && matches_boolean(*boolean);
    }
    if (const auto* arns = std::get_if<Arns>(&values_)) {
        const auto arn = split_arn(value);
        return std::any_of(arns->begin(), arns->end(),
                           [&](const ArnPattern& pattern) { return pattern.matches(value, arn, request); });
    }
    const Order order = order_of(op_.comparison);
    if (const auto* numbers = std::get_if<Numbers>(&values_)) {
        return any_in_order(parse_number(value), order, *numbers);
    }
    if (const auto* dates = std::get_if<Dates>(&values_)) {
        return any_in_order(parse_date(value), order, *dates);
    }
    return any_in_order(parse_base64(value), Order::equal, std::get<Blobs>(values_));
}

bool Condition::matches_address(const std::string& value, const RequestContext& request) const {
    const auto* known = request.address_of(value);
    const auto read = known == nullptr ? parse_ip_address(value) : std::nullopt;
    const IpRange* address = known != nullptr ? known : read ? &*read : nullptr;
    const auto& ranges = std::get<Ranges>(values_);
    return address != nullptr && std::any_of(ranges.begin(), ranges.end(),
                                             [&](const IpRange& range) { return range.contains(*address); });
}

bool Condition::matches_text(const std::string& value, const RequestContext& request) const {
    const auto equals = [&](const std::string& operand) {
        switch (op_.comparison) {
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
    const bool by_pattern = op_.comparison == Comparison::string_like;
    for (const auto& pattern : std::get<Texts>(values_)) {
        if (by_pattern) {
            if (pattern.matches(value, request)) return true;
            continue;
        }
        if (!pattern.has_variables()) {
            if (equals(pattern.glob())) return true;
            continue;
        }
        std::string operand;
        if (pattern.expand(request, operand) && equals(operand)) return true;
    }
    return false;
}

bool Condition::lacks_variable(const RequestContext& request) const {
    if (!has_variables_) return false;
    if (op_.if_exists && values_of_key(request).empty()) return false;
    const auto unresolved = [&](const auto& pattern) { return !pattern.resolves(request); };
    if (const auto* texts = std::get_if<Texts>(&values_))
        return std::any_of(texts->begin(), texts->end(), unresolved);
    if (const auto* arns = std::get_if<Arns>(&values_))
        return std::any_of(arns->begin(), arns->end(), unresolved);
    return false;
}

bool Condition::may_hold(const RequestContext& request) const {
    if (request.is_open(names_->key)) return true;
    const auto may_resolve = [&](const auto& pattern) { return pattern.may_resolve(request); };
    if (has_variables_ && lacks_variable(request)) {
        if (const auto* texts = std::get_if<Texts>(&values_)) return std::ranges::all_of(*texts, may_resolve);
        return std::ranges::all_of(std::get<Arns>(values_), may_resolve);
    }
    return hangs_on_open(request) || holds(request);
}

bool Condition::hangs_on_open(const RequestContext& request) const {
    if (request.is_open(names_->key)) return true;
    if (!has_variables_) return false;
    std::vector<KeyRef> open;
    collect_open(request, open);
    return !open.empty();
}

void Condition::collect_open(const RequestContext& request, std::vector<KeyRef>& out) const {
    if (request.is_open(names_->key)) out.push_back(names_->key);
    if (!has_variables_) return;
    const auto collect = [&](const auto& patterns) {
        for (const auto& pattern : patterns) pattern.collect_open(request, out);
    };
    if (const auto* texts = std::get_if<Texts>(&values_)) collect(*texts);
    if (const auto* arns = std::get_if<Arns>(&values_)) collect(*arns);
}

}  // namespace coffer::access
