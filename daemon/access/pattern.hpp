#pragma once
// A text of a policy in which wildcards and policy variables may stand: "app/${aws:PrincipalTag/team,
// 'shared'}/*". Source: "IAM policy elements: Variables and tags".

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/access/condition_keys.hpp"
#include "daemon/access/request_context.hpp"

namespace coffer::access {

/// What is more than a letter in a text; depends on the element and on the document's version.
struct PatternSyntax {
    bool wildcards = false;
    bool variables = false;
};

/// Immutable; thread-safe.
class Pattern {
public:
    /// Throws std::invalid_argument with the reason for a variable that is not well formed. With variables
    /// on, `${*}`, `${?}` and `${$}` are the characters themselves.
    [[nodiscard]] static Pattern parse(std::string_view text, PatternSyntax syntax);

    [[nodiscard]] bool has_variables() const noexcept { return !variables_.empty(); }

    /// The whole as a glob (see glob.hpp); only without variables.
    [[nodiscard]] const std::string& glob() const noexcept { return head_; }

    /// Whether every variable has exactly one value, or none and a default. Takes no memory.
    [[nodiscard]] bool resolves(const RequestContext& request) const noexcept;

    /// Whether each variable that has no value is one that the question leaves open
    /// (RequestContext::is_open()).
    [[nodiscard]] bool may_resolve(const RequestContext& request) const noexcept;
    /// The variables that the question leaves open, with a default or without.
    void collect_open(const RequestContext& request, std::vector<KeyRef>& out) const;

    /// Appends the whole to `out` as a glob, each variable replaced by its value, in which nothing is a
    /// wildcard. False when it does not resolve.
    [[nodiscard]] bool expand(const RequestContext& request, std::string& out) const;

    /// Whether `text` matches the expanded pattern; false when it does not resolve. Takes no memory unless a
    /// variable follows a wildcard.
    [[nodiscard]] bool matches(std::string_view text, const RequestContext& request) const;

    struct Variable {
        KeyRef key;
        std::optional<std::string> fallback;
        /// What follows, up to the next variable, as a glob.
        std::string after;
    };
    [[nodiscard]] const std::vector<Variable>& variables() const noexcept { return variables_; }

private:
    [[nodiscard]] bool matches_from(std::size_t next, std::string_view piece, std::string_view text,
                                    const RequestContext& request) const;

    /// What stands before the first variable.
    std::string head_;
    std::vector<Variable> variables_;
};

}  // namespace coffer::access
