#pragma once
// One key under one operator, compiled: the policy's values are read once, into what they are compared as.

#include <cstdint>
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

    [[nodiscard]] const KeyRef& key() const noexcept { return key_; }
    [[nodiscard]] const std::string& op_name() const noexcept { return op_name_; }
    [[nodiscard]] bool has_variables() const noexcept { return has_variables_; }

private:
    using Texts = std::vector<Pattern>;
    using Arns = std::vector<ArnPattern>;
    using Numbers = std::vector<double>;
    using Dates = std::vector<std::int64_t>;
    using Ranges = std::vector<IpRange>;
    using Blobs = std::vector<Bytes>;

    void read_values(const ConditionEntry& entry, bool variables);
    [[nodiscard]] bool matches_any(const std::string& value, const RequestContext& request) const;
    [[nodiscard]] bool matches_text(const std::string& value, const RequestContext& request) const;
    [[nodiscard]] bool matches_null(bool absent) const;

    ConditionOperator op_;
    std::string op_name_;
    KeyRef key_;
    std::variant<Texts, Arns, Numbers, Dates, Ranges, Blobs> values_;
    bool has_variables_ = false;
};

}  // namespace coffer::access
