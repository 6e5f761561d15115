#pragma once
// A pattern that ARNs are matched with, part by part: a `*` in the region never reaches into the account.
// Used by Resource and by the Arn operators. Source: "IAM JSON policy elements: Resource"; "Amazon Resource
// Name (ARN) condition operators".

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/access/arn.hpp"
#include "daemon/access/pattern.hpp"

namespace coffer::access {

/// Immutable; thread-safe. Small, since a decision looks at hundreds: what only some patterns need is
/// elsewhere.
class ArnPattern {
public:
    /// `text` is as the parser accepted it, with or without variables.
    [[nodiscard]] static ArnPattern parse(std::string_view text, bool variables);

    /// Whether `text` (whose parts are `arn`, if it is an ARN) matches. "*" matches any text; every other
    /// pattern only ARNs. False as well when a variable has no value.
    [[nodiscard]] bool matches(std::string_view text, const std::optional<Arn>& arn,
                               const RequestContext& request) const;

    [[nodiscard]] bool has_variables() const noexcept { return variables_; }
    /// Whether all variables have values.
    [[nodiscard]] bool resolves(const RequestContext& request) const noexcept;
    /// Whether each variable that has no value is one that the question leaves open.
    [[nodiscard]] bool may_resolve(const RequestContext& request) const noexcept;
    /// As policies write it, with the request's values for variables; nothing when one has none.
    [[nodiscard]] std::optional<std::string> written(const RequestContext& request) const;
    /// The variables that the question leaves open.
    void collect_open(const RequestContext& request, std::vector<KeyRef>& out) const;

private:
    enum class Form : std::uint8_t {
        /// `*`
        any,
        /// The first five parts are literal: one comparison of text stands for those of five parts.
        prefixed,
        /// The same with variables in the last part.
        prefixed_variable,
        /// Each part by itself.
        parts,
        /// A text that only its variables make an ARN of.
        whole
    };

    [[nodiscard]] static ArnPattern prefixed(ArnPattern result, std::vector<Pattern>& parts);
    [[nodiscard]] bool matches_whole(const Arn& arn, const RequestContext& request) const;

    Form form_ = Form::any;
    bool variables_ = false;
    /// Of `prefixed`: everything before the first wildcard, and the rest as a glob. Of `prefixed_variable`:
    /// the first five parts.
    std::string prefix_;
    std::string tail_;
    /// Of `parts`: six; of `whole` and `prefixed_variable`: one.
    std::shared_ptr<const std::vector<Pattern>> patterns_;
};

}  // namespace coffer::access
