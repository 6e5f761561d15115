#pragma once
// The decision: whether a principal may do something, from all policies that have a say. Source: "Policy
// evaluation logic" (order, implicit denies in other policy types, cross-account).
//
//   1. An explicit Deny in any policy ends it.
//   2. Each policy of the listener, if there is any, must allow.
//   3. Within an account: an Allow of the resource policy that names the caller (the user, the session,
//   everybody)
//      is enough. One that names the role behind the session stands in for the identity policies; boundary
//      and session policy still must allow. One that names the account is worth nothing by itself.
//   4. Otherwise an identity policy, the permissions boundary if there is one, and the session policies if
//   there are
//      any must each allow.
//   5. From another account: the resource policy must allow, in whichever way, and step 4 must as well.
//   6. To assume a role (or to tag the session), its trust policy must allow; then as in 3.
//      sts:AssumeRoleWithWebIdentity is for callers alone whom an identity provider vouches for.
//   7. The root user of the resource's account needs no Allow after step 2, but for 6.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "daemon/access/policy.hpp"
#include "daemon/access/request_context.hpp"

namespace coffer::access {

/// The policies that have a say. Refers to what others own: valid as long as that is.
struct PolicySet {
    /// Of the user and its groups, or of the role.
    std::span<const PolicyPtr> identity;
    /// Any of them may allow; none present is no restriction.
    std::span<const PolicyPtr> session;
    const Policy* boundary = nullptr;
    /// The secret's policy, or for sts:AssumeRole the role's trust policy.
    const Policy* resource = nullptr;
    /// Those of the listener: of its configuration, and the one that is stored for it. Each that there is
    /// must allow.
    const Policy* listener = nullptr;
    const Policy* stored_listener = nullptr;
};

enum class Outcome : std::uint8_t { allow, explicit_deny, implicit_deny };

/// "allow", "explicit deny", "implicit deny".
[[nodiscard]] std::string_view outcome_name(Outcome outcome) noexcept;

/// A decision. Refers to the policies, which must outlive it.
struct Decision {
    Outcome outcome = Outcome::implicit_deny;
    /// Where the deciding statement is; for an implicit deny, which kind of policy lacked an Allow.
    DocumentKind part = DocumentKind::identity;
    /// What allowed or denied. Empty for an implicit deny, and for the account's root user, who needs no
    /// Allow; but where a listener's policy lacks the Allow, `policy` is that one.
    const Policy* policy = nullptr;
    const Statement* statement = nullptr;

    [[nodiscard]] bool allowed() const noexcept { return outcome == Outcome::allow; }
};

/// Decides. Pure; takes memory only where policy variables are. Linear in the statements about the action.
[[nodiscard]] Decision decide(const RequestContext& request, const PolicySet& policies);

/// A condition that a question leaves undecided, since the question does not say the key. Refers to the
/// policies.
struct Dependency {
    const Policy* policy = nullptr;
    DocumentKind part = DocumentKind::identity;
    const Statement* statement = nullptr;
    /// Null: the key stands as a variable in the statement's Resource.
    const Condition* condition = nullptr;
    /// The condition's key; else the variable's.
    KeyRef key;
};

/// What is decided when a question leaves keys open.
struct Prospect {
    /// As good for the caller as those keys can make it.
    Decision decision;
    /// What that hangs on: the open conditions of the Allows of each kind of policy that it needs, of which
    /// one statement's must all hold, and of each Deny, one of which must not. Empty when it is decided so
    /// whatever those keys are.
    std::vector<Dependency> depends_on;
};

/// Decides a question whose request leaves keys open (RequestContext::leave_open()). Each open condition is
/// taken by itself: two that exclude each other are not noticed.
[[nodiscard]] Prospect prospect(const RequestContext& request, const PolicySet& policies);

/// The keys that statements about the request ask for and that the question leaves open, each once.
[[nodiscard]] std::vector<KeyRef> open_keys(const RequestContext& request, const PolicySet& policies);

/// What decided, in a few words: "Allow-Statement 'Read' of the identity-based policy alice/inline-1", "no
/// resource-based policy allows it".
[[nodiscard]] std::string describe(const Decision& decision);

/// AWS's text for a refusal: "User: ARN is not authorized to perform: ACTION on resource: RESOURCE because no
/// identity-based policy allows the ACTION action". `resource` is what the caller may see: the ARN, or what
/// was typed when it resolved to nothing.
[[nodiscard]] std::string denial_message(const RequestContext& request, const Decision& decision,
                                         std::string_view resource);

/// What a statement did in a request.
struct StatementExplanation {
    const Statement* statement = nullptr;
    Statement::Match match;
};

/// What a policy did.
struct PolicyExplanation {
    const Policy* policy = nullptr;
    DocumentKind part = DocumentKind::identity;
    /// Deny goes before Allow; nothing when no statement applied.
    std::optional<Effect> effect;
    /// All statements, in the document's order.
    std::vector<StatementExplanation> statements;
};

struct Explanation {
    Decision decision;
    bool same_account = true;
    /// identity, resource, boundary, session, listener.
    std::vector<PolicyExplanation> policies;
};

/// Decides and says what every policy and statement had to do with it. Refers to the policies.
[[nodiscard]] Explanation explain(const RequestContext& request, const PolicySet& policies);

/// The explanation as lines of text for a terminal, the decision first.
[[nodiscard]] std::string format_explanation(const RequestContext& request, const Explanation& explanation);

}  // namespace coffer::access
