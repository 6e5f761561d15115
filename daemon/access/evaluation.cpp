#include "daemon/access/evaluation.hpp"

#include <algorithm>
#include <array>
#include <bitset>

namespace coffer::access {
namespace {

/// The best Allow among some policies, or the first Deny.
struct Verdict {
    const Policy* deny_policy = nullptr;
    const Statement* deny = nullptr;
    const Policy* allow_policy = nullptr;
    const Statement* allow = nullptr;
    PrincipalMatch allowed_as = PrincipalMatch::none;
};

/// Adds what `policy` says. For a resource policy every Allow counts, since the closest to the caller is
/// worth most.
void consult(const Policy& policy, const RequestContext& request, StatementScope scope, Verdict& verdict) {
    if (!policy.actions()[static_cast<std::size_t>(request.action())]) return;
    for (const auto& statement : policy.statements()) {
        const bool allows = statement.effect() == Effect::allow;
        if (allows && verdict.allowed_as == PrincipalMatch::direct) continue;
        const auto as = scope.open == OpenStatements::keys_absent
                            ? statement.applies(request, scope)
                            : statement.applies_in_question(request, scope);
        if (as == PrincipalMatch::none) continue;
        if (!allows) {
            verdict.deny_policy = &policy;
            verdict.deny = &statement;
            return;
        }
        if (as > verdict.allowed_as) {
            verdict.allow_policy = &policy;
            verdict.allow = &statement;
            verdict.allowed_as = as;
        }
    }
}

void consult(std::span<const PolicyPtr> policies, const RequestContext& request, StatementScope scope,
             Verdict& verdict) {
    for (const auto& policy : policies) {
        consult(*policy, request, scope, verdict);
        if (verdict.deny != nullptr) return;
    }
}

Verdict consult_one(const Policy* policy, const RequestContext& request, StatementScope scope) {
    Verdict verdict;
    if (policy != nullptr) consult(*policy, request, scope, verdict);
    return verdict;
}

Decision lacking(DocumentKind part, const Policy* policy = nullptr) {
    return {Outcome::implicit_deny, part, policy, nullptr};
}

bool is_same_account(const RequestContext& request) {
    const auto& principal = request.principal();
    return principal.type == PrincipalType::service || principal.account == request.resource_account();
}

/// What is assumed of the statements that hang on open keys.
struct Assumption {
    OpenStatements everywhere = OpenStatements::keys_absent;
    /// Parts in which none of them applies, whatever `everywhere` says.
    std::bitset<kDocumentKinds> silent;

    [[nodiscard]] OpenStatements of(DocumentKind part) const noexcept {
        return silent[static_cast<std::size_t>(part)] ? OpenStatements::none_apply : everywhere;
    }
};

/// One pass over all policies, then the rules.
class Evaluation {
public:
    Evaluation(const RequestContext& request, const PolicySet& policies, const Assumption& assumption = {})
        : request_(request), policies_(policies), assumption_(assumption) {}

    Decision decide() {
        // The order in which a Deny is looked for is the order in which it is reported.
        consult(policies_.identity, request_, scope(DocumentKind::identity), identity_);
        if (identity_.deny != nullptr) return denied(identity_, DocumentKind::identity);
        resource_ = consult_one(policies_.resource, request_, scope(DocumentKind::resource));
        if (resource_.deny != nullptr) return denied(resource_, resource_kind());
        boundary_ = consult_one(policies_.boundary, request_, scope(DocumentKind::boundary));
        if (boundary_.deny != nullptr) return denied(boundary_, DocumentKind::boundary);
        consult(policies_.session, request_, scope(DocumentKind::session), session_);
        if (session_.deny != nullptr) return denied(session_, DocumentKind::session);
        if (const auto refused = by_listener()) return *refused;
        if (lacks_web_identity()) return lacking(DocumentKind::trust);
        if (!is_same_account(request_)) return from_other_account();
        return within_account();
    }

private:
    static Decision denied(const Verdict& verdict, DocumentKind part) {
        return {Outcome::explicit_deny, part, verdict.deny_policy, verdict.deny};
    }
    static Decision allowed(const Verdict& verdict, DocumentKind part) {
        return {Outcome::allow, part, verdict.allow_policy, verdict.allow};
    }

    [[nodiscard]] StatementScope scope(DocumentKind part) const {
        return {policies_.boundary != nullptr, assumption_.of(part)};
    }

    /// What the listener's policies have against it.
    [[nodiscard]] std::optional<Decision> by_listener() const {
        const Policy* silent = nullptr;
        for (const auto* policy : {policies_.listener, policies_.stored_listener}) {
            if (policy == nullptr) continue;
            const auto verdict = consult_one(policy, request_, scope(DocumentKind::listener));
            if (verdict.deny != nullptr) return denied(verdict, DocumentKind::listener);
            if (verdict.allow == nullptr && silent == nullptr) silent = policy;
        }
        if (silent != nullptr) return lacking(DocumentKind::listener, silent);
        return std::nullopt;
    }

    [[nodiscard]] DocumentKind resource_kind() const {
        return policies_.resource != nullptr ? policies_.resource->kind() : DocumentKind::resource;
    }
    /// What is asked of the role itself, which has to agree.
    [[nodiscard]] bool needs_trust() const { return asks_trust_policy(request_.action()); }
    /// Nobody else has a token of an identity provider to show.
    [[nodiscard]] bool lacks_web_identity() const {
        return request_.action() == Action::sts_assume_role_with_web_identity &&
               request_.principal().type != PrincipalType::federated_user;
    }
    [[nodiscard]] bool is_root() const { return request_.principal().type == PrincipalType::account; }

    [[nodiscard]] Decision within_account() const {
        if (needs_trust() && resource_.allow == nullptr) return lacking(DocumentKind::trust);
        if (resource_.allowed_as == PrincipalMatch::direct) return allowed(resource_, resource_kind());
        if (is_root()) return {Outcome::allow, DocumentKind::identity, nullptr, nullptr};
        if (resource_.allowed_as == PrincipalMatch::issuer) {
            if (const auto limit = limited()) return *limit;
            return allowed(resource_, resource_kind());
        }
        return by_identity();
    }

    [[nodiscard]] Decision from_other_account() const {
        if (resource_.allow == nullptr)
            return lacking(needs_trust() ? DocumentKind::trust : DocumentKind::resource);
        if (is_root()) return allowed(resource_, resource_kind());
        const auto own = by_identity();
        return own.allowed() ? allowed(resource_, resource_kind()) : own;
    }

    [[nodiscard]] Decision by_identity() const {
        if (identity_.allow == nullptr) return lacking(DocumentKind::identity);
        if (const auto limit = limited()) return *limit;
        return allowed(identity_, DocumentKind::identity);
    }

    /// The implicit deny of a boundary or of session policies.
    [[nodiscard]] std::optional<Decision> limited() const {
        if (policies_.boundary != nullptr && boundary_.allow == nullptr)
            return lacking(DocumentKind::boundary);
        if (!policies_.session.empty() && session_.allow == nullptr) return lacking(DocumentKind::session);
        return std::nullopt;
    }

    const RequestContext& request_;
    const PolicySet& policies_;
    Assumption assumption_;
    Verdict identity_;
    Verdict resource_;
    Verdict boundary_;
    Verdict session_;
};

PolicyExplanation explain_policy(const Policy& policy, DocumentKind part, const RequestContext& request,
                                 StatementScope scope) {
    PolicyExplanation out{&policy, part, std::nullopt, {}};
    for (const auto& statement : policy.statements()) {
        const auto match = statement.match(request, scope);
        out.statements.push_back({&statement, match});
        if (match.result != StatementResult::applies) continue;
        if (statement.effect() == Effect::deny || !out.effect) out.effect = statement.effect();
    }
    return out;
}

/// "the key aws:SourceIp is not in the question (--context aws:SourceIp=...)", with what to do about it.
std::string missing_from_question(const KeyRef& key) {
    const auto* hint = key.key == Key::source_vpce ? "--listener NAME" : nullptr;
    return "the key " + key.written + " is not in the question (" +
           (hint != nullptr ? std::string(hint) : "--context " + key.written + "=...") + ")";
}

/// What is wrong with a condition that is false.
std::string describe_false(const Condition& condition, const RequestContext& request) {
    const auto& key = condition.key();
    if (request.is_open(key)) return missing_from_question(key);
    const auto text = "the condition " + condition.op_name() + " on " + key.written + " is false";
    return request.values(key).empty() ? text + ", the key is absent" : text;
}

/// The keys that a statement which applies as things stand would ask for as well.
std::string describe_open(const Statement& statement, const RequestContext& request) {
    std::vector<KeyRef> keys = statement.open_in_resource(request);
    for (const auto* condition : statement.open_conditions(request)) condition->collect_open(request, keys);
    std::string out;
    for (const auto& key : keys) out += (out.empty() ? ", as far as " : ", ") + missing_from_question(key);
    return out;
}

std::string describe_missing_variable(const Statement::Match& match, const RequestContext& request,
                                      const Statement& statement) {
    std::vector<KeyRef> open = statement.open_in_resource(request);
    if (match.condition != nullptr) {
        open.clear();
        match.condition->collect_open(request, open);
    }
    return "a policy variable has no value" +
           (match.condition == nullptr ? std::string(" in its Resource")
                                       : " in the condition on " + match.condition->key().written) +
           (open.empty() ? std::string() : ": " + missing_from_question(open.front()));
}

std::string describe_match(const Statement& statement, const Statement::Match& match,
                           const RequestContext& request) {
    switch (match.result) {
        case StatementResult::applies:
            return (statement.effect() == Effect::allow ? "allows" : "denies") +
                   describe_open(statement, request);
        case StatementResult::other_action:
            return "is about other actions";
        case StatementResult::other_principal:
            return "is about other principals";
        case StatementResult::other_resource:
            return "is about other resources";
        case StatementResult::condition_false:
            return "does not apply: " + describe_false(*match.condition, request);
        case StatementResult::variable_missing:
            return "does not apply: " + describe_missing_variable(match, request, statement);
    }
    return "";
}

}  // namespace

std::string_view outcome_name(Outcome outcome) noexcept {
    switch (outcome) {
        case Outcome::allow:
            return "allow";
        case Outcome::explicit_deny:
            return "explicit deny";
        case Outcome::implicit_deny:
            return "implicit deny";
    }
    return "";
}

Decision decide(const RequestContext& request, const PolicySet& policies) {
    return Evaluation(request, policies).decide();
}

namespace {

constexpr std::array kParts{DocumentKind::resource, DocumentKind::identity, DocumentKind::session,
                            DocumentKind::boundary, DocumentKind::listener};

void collect_open(const Policy* policy, DocumentKind part, Effect effect, const RequestContext& request,
                  StatementScope scope, std::vector<Dependency>& out) {
    if (policy == nullptr || !policy->actions()[static_cast<std::size_t>(request.action())]) return;
    for (const auto& statement : policy->statements()) {
        if (statement.effect() != effect || !statement.prospect(request, scope).open) continue;
        for (const auto* condition : statement.open_conditions(request)) {
            out.push_back({policy, part, &statement, condition, condition->key()});
        }
        for (const auto& key : statement.open_in_resource(request)) {
            out.push_back({policy, part, &statement, nullptr, key});
        }
    }
}

/// The open statements of one part, all of its policies.
void collect_open(const PolicySet& policies, DocumentKind part, Effect effect, const RequestContext& request,
                  std::vector<Dependency>& out) {
    const StatementScope scope{policies.boundary != nullptr};
    const auto add = [&](const Policy* policy) { collect_open(policy, part, effect, request, scope, out); };
    switch (part) {
        case DocumentKind::identity:
            for (const auto& policy : policies.identity) add(policy.get());
            return;
        case DocumentKind::session:
            for (const auto& policy : policies.session) add(policy.get());
            return;
        case DocumentKind::boundary:
            return add(policies.boundary);
        case DocumentKind::listener:
            add(policies.listener);
            return add(policies.stored_listener);
        case DocumentKind::resource:
        case DocumentKind::trust:
            return add(policies.resource);
    }
}

}  // namespace

Prospect prospect(const RequestContext& request, const PolicySet& policies) {
    Prospect out{decide(request, policies), {}};
    Assumption assumption{OpenStatements::denies_apply, {}};
    if (Evaluation(request, policies, assumption).decide().allowed()) return out;
    assumption.everywhere = OpenStatements::allows_apply;
    out.decision = Evaluation(request, policies, assumption).decide();
    if (!out.decision.allowed()) return out;
    // Of the Allows that hang on open keys, those without which it would not do.
    for (const auto part : kParts) {
        const auto i = static_cast<std::size_t>(part);
        assumption.silent.set(i);
        const auto without = Evaluation(request, policies, assumption).decide();
        if (without.allowed()) {
            out.decision = without;
            continue;
        }
        assumption.silent.reset(i);
        collect_open(policies, part, Effect::allow, request, out.depends_on);
    }
    for (const auto part : kParts) collect_open(policies, part, Effect::deny, request, out.depends_on);
    return out;
}

std::vector<KeyRef> open_keys(const RequestContext& request, const PolicySet& policies) {
    std::vector<Dependency> found;
    for (const auto part : kParts) {
        collect_open(policies, part, Effect::allow, request, found);
        collect_open(policies, part, Effect::deny, request, found);
    }
    std::vector<KeyRef> keys;
    for (const auto& each : found) {
        std::vector<KeyRef> of_this{each.key};
        if (each.condition != nullptr) {
            of_this.clear();
            each.condition->collect_open(request, of_this);
        }
        for (auto& key : of_this) {
            if (std::ranges::none_of(keys, [&](const KeyRef& known) { return known.same_as(key); })) {
                keys.push_back(std::move(key));
            }
        }
    }
    return keys;
}

std::string describe(const Decision& decision) {
    const std::string kind(kind_name(decision.part));
    if (decision.statement != nullptr) {
        return decision.statement->label() + " of the " + kind + " " + decision.policy->name();
    }
    if (decision.policy != nullptr)
        return "the " + kind + " " + decision.policy->name() + " does not allow it";
    return decision.allowed() ? "the account's root user" : "no " + kind + " allows it";
}

std::string denial_message(const RequestContext& request, const Decision& decision,
                           std::string_view resource) {
    const auto& principal = request.principal();
    const std::string action(action_info(request.action()).name);
    std::string text = "User: " + (principal.arn.empty() ? principal.name : principal.arn) +
                       " is not authorized to perform: " + action + " on resource: " + std::string(resource);
    const std::string kind(kind_name(decision.part));
    if (decision.outcome == Outcome::explicit_deny) {
        return text + " with an explicit deny in " + (kind.starts_with('i') ? "an " : "a ") + kind;
    }
    return text + " because no " + kind + " allows the " + action + " action";
}

Explanation explain(const RequestContext& request, const PolicySet& policies) {
    Explanation out{decide(request, policies), is_same_account(request), {}};
    const StatementScope scope{policies.boundary != nullptr};
    const auto add = [&](const Policy* policy, DocumentKind part) {
        if (policy != nullptr) out.policies.push_back(explain_policy(*policy, part, request, scope));
    };
    for (const auto& policy : policies.identity) add(policy.get(), DocumentKind::identity);
    if (policies.resource != nullptr) add(policies.resource, policies.resource->kind());
    add(policies.boundary, DocumentKind::boundary);
    for (const auto& policy : policies.session) add(policy.get(), DocumentKind::session);
    add(policies.listener, DocumentKind::listener);
    add(policies.stored_listener, DocumentKind::listener);
    return out;
}

std::string format_explanation(const RequestContext& request, const Explanation& explanation) {
    const auto& decision = explanation.decision;
    std::string out = std::string(outcome_name(decision.outcome)) + ": " +
                      std::string(action_info(request.action()).name) + " on " + request.resource();
    out += decision.statement != nullptr ? ", by " : decision.allowed() ? ", as " : ": ";
    out += describe(decision);
    out += '\n';
    for (const auto& policy : explanation.policies) {
        const char* says = !policy.effect                   ? "says nothing"
                           : policy.effect == Effect::allow ? "allows"
                                                            : "denies";
        out += std::string(kind_name(policy.part)) + " " + policy.policy->name() + ": " + says + '\n';
        for (const auto& statement : policy.statements) {
            out += "  " + statement.statement->label() + " (line " +
                   std::to_string(statement.statement->at().line) + ") " +
                   describe_match(*statement.statement, statement.match, request) + '\n';
        }
    }
    return out;
}

}  // namespace coffer::access
