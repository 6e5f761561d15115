#pragma once
// One statement, compiled.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "daemon/access/actions.hpp"
#include "daemon/access/arn_pattern.hpp"
#include "daemon/access/condition.hpp"
#include "daemon/access/document.hpp"
#include "daemon/base/principal_ids.hpp"

namespace coffer::access {

/// How a Principal element means a caller, from not at all to by name. It decides what a resource policy's
/// Allow is worth ("Policy evaluation logic": resource-based policies and implicit denies in other policy
/// types).
enum class PrincipalMatch : std::uint8_t {
    none,
    /// Through the account: its administrators may hand the permission on.
    account,
    /// Through the role, or the user, behind the session; through the identity provider that vouched for
    /// whoever began it.
    issuer,
    /// By the user's, the session's or the service's own name, or as everybody.
    direct
};

/// What became of a statement in a request, and for explanations which element did not match.
enum class StatementResult : std::uint8_t {
    applies,
    other_action,
    other_principal,
    other_resource,
    condition_false,
    /// A variable without value and default: AWS takes the whole statement as void.
    variable_missing
};

/// How statements count that apply or not as the open keys of a question turn out
/// (RequestContext::is_open()).
enum class OpenStatements : std::uint8_t {
    /// Those keys are absent, as in a real request, which leaves nothing open.
    keys_absent,
    /// None of them applies.
    none_apply,
    /// Every Allow of them, no Deny: as good for the caller as can be.
    allows_apply,
    /// Every Deny of them, no Allow: as bad.
    denies_apply
};

/// What else, besides the request, a statement depends on.
struct StatementScope {
    /// AWS: NotPrincipal with Deny always denies callers that have a permissions boundary.
    bool caller_has_boundary = false;
    OpenStatements open = OpenStatements::keys_absent;
};

/// Immutable; thread-safe.
class Statement {
public:
    /// `ids` are those of the policy's principals.
    Statement(const StatementDocument& document, LanguageVersion version, std::size_t index,
              const PrincipalIds& ids);

    struct Match {
        StatementResult result = StatementResult::other_action;
        PrincipalMatch principal = PrincipalMatch::none;
        /// Of the condition that was false or lacked a variable.
        const Condition* condition = nullptr;
    };
    /// What becomes of it, and why: for explanations.
    [[nodiscard]] Match match(const RequestContext& request, StatementScope scope) const;
    /// How it means the caller if it applies, and `none` if it does not: what decisions need. The same as
    /// match(), with the cheap questions first.
    [[nodiscard]] PrincipalMatch applies(const RequestContext& request, StatementScope scope) const;

    /// The same for a question: as `scope.open` has it.
    [[nodiscard]] PrincipalMatch applies_in_question(const RequestContext& request,
                                                     StatementScope scope) const;

    /// What a statement comes to when a question leaves keys open.
    struct Prospect {
        /// How it means the caller if it applies; `none` when it does not, whatever those keys are.
        PrincipalMatch principal = PrincipalMatch::none;
        /// Whether that hangs on them.
        bool open = false;
    };
    [[nodiscard]] Prospect prospect(const RequestContext& request, StatementScope scope) const;

    /// The conditions that hang on open keys.
    [[nodiscard]] std::vector<const Condition*> open_conditions(const RequestContext& request) const;
    /// The open keys that stand as variables in its Resource.
    [[nodiscard]] std::vector<KeyRef> open_in_resource(const RequestContext& request) const;

    /// What its Resource says, with the request's values for variables: "*" for NotResource and for none, and
    /// without those that lack a value.
    [[nodiscard]] std::vector<std::string> written_resources(const RequestContext& request) const;

    [[nodiscard]] Effect effect() const noexcept { return effect_; }
    [[nodiscard]] const ActionSet& actions() const noexcept { return actions_; }
    /// The Sid, or empty.
    [[nodiscard]] const std::string& sid() const noexcept { return sid_; }
    /// The Sid, or "statement 3" for the third.
    [[nodiscard]] std::string label() const;
    /// From 0.
    [[nodiscard]] std::size_t index() const noexcept { return index_; }
    [[nodiscard]] TextPosition at() const noexcept { return at_; }

private:
    /// A principal as a policy names it.
    struct Who {
        enum class Form : std::uint8_t { any, account, arn, unique_id, service, federated, nobody };
        Form form = Form::nobody;
        std::string text;
    };

    static Who compile(const PrincipalEntry& entry);
    /// The same of a policy that was put with `ids`. One that means nobody's name favours nobody who is made
    /// later, and keeps nothing from him: safe either way.
    static Who compile(const PrincipalEntry& entry, const PrincipalIds& ids, bool favours_named);
    static PrincipalMatch match_one(const Who& who, const Principal& principal);
    [[nodiscard]] PrincipalMatch match_principal(const Principal& principal, StatementScope scope) const;
    [[nodiscard]] bool excepts(const Principal& principal) const;
    [[nodiscard]] bool match_resource(const RequestContext& request) const;
    [[nodiscard]] bool lacks_resource_variable(const RequestContext& request) const;
    /// The first condition that lacks a variable; null for none.
    [[nodiscard]] const Condition* lacking_condition(const RequestContext& request) const;

    ActionSet actions_;
    Effect effect_;
    bool not_principal_ = false;
    bool not_resource_ = false;
    bool resource_variables_ = false;
    bool condition_variables_ = false;
    std::vector<ArnPattern> resources_;
    std::optional<std::vector<Who>> principals_;
    std::vector<Condition> conditions_;
    std::string sid_;
    std::size_t index_;
    TextPosition at_;
};

}  // namespace coffer::access
