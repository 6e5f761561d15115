#pragma once
// One key under one operator, compiled: the policy's values are read once, into what they are compared as.

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <variant>
#include <vector>

#include "daemon/access/arn_pattern.hpp"
#include "daemon/access/document.hpp"
#include "daemon/access/pattern.hpp"
#include "daemon/access/request_context.hpp"
#include "daemon/access/values.hpp"

namespace coffer::access {

/// Immutable; thread-safe.
class Condition {
public:
    Condition(const ConditionEntry& entry, LanguageVersion version);

    /// Whether the condition holds. Values of the policy are alternatives; for a negated operator none may
    /// match. An absent key: false, true when negated, with IfExists or under ForAllValues, false under
    /// ForAnyValue. Without a set operator several values of the request are alternatives as well.
    [[nodiscard]] bool holds(const RequestContext& request) const;

    /// Whether a variable that the comparison needs has no value. With IfExists nothing is needed when the
    /// key is absent.
    [[nodiscard]] bool lacks_variable(const RequestContext& request) const;

    /// Of a question that leaves keys open: whether it can be true at all.
    [[nodiscard]] bool may_hold(const RequestContext& request) const;
    /// Whether it is true or not as those keys turn out to be. Only where may_hold().
    [[nodiscard]] bool hangs_on_open(const RequestContext& request) const;
    /// The keys that it hangs on: its own, those of variables.
    void collect_open(const RequestContext& request, std::vector<KeyRef>& out) const;

    [[nodiscard]] const KeyRef& key() const noexcept { return names_->key; }
    /// As the policy has them.
    [[nodiscard]] const std::vector<std::string>& values() const noexcept { return names_->values; }
    [[nodiscard]] const std::string& op_name() const noexcept { return names_->op; }
    [[nodiscard]] bool has_variables() const noexcept { return has_variables_; }

private:
    using Texts = std::vector<Pattern>;
    using Arns = std::vector<ArnPattern>;
    using Numbers = std::vector<double>;
    using Dates = std::vector<std::int64_t>;
    using Ranges = std::vector<IpRange>;
    using Blobs = std::vector<Bytes>;
    /// 0 or 1; for Null, and for Bool without variables.
    using Booleans = std::vector<std::uint8_t>;

    void read_values(const ConditionEntry& entry, bool variables);
    void read_booleans(const ConditionEntry& entry);
    [[nodiscard]] bool matches_any(const std::string& value, const RequestContext& request) const;
    [[nodiscard]] bool matches_text(const std::string& value, const RequestContext& request) const;
    [[nodiscard]] bool matches_address(const std::string& value, const RequestContext& request) const;
    [[nodiscard]] bool matches_boolean(bool value) const;

    /// As the policy has them. Elsewhere, so that a condition fits into a cache line.
    struct Names {
        KeyRef key;
        std::string op;
        std::vector<std::string> values;
    };

    [[nodiscard]] std::span<const std::string> values_of_key(const RequestContext& request) const noexcept;

    ConditionOperator op_;
    Key key_;
    bool has_variables_ = false;
    std::variant<Texts, Arns, Numbers, Dates, Ranges, Blobs, Booleans> values_;
    std::shared_ptr<const Names> names_;
};

}  // namespace coffer::access
