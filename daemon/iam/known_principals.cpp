#include "daemon/iam/known_principals.hpp"

#include <string_view>

#include "daemon/access/arn.hpp"
#include "daemon/iam/names.hpp"

namespace coffer::iam {

namespace {

/// Whom a principal that is not there may mean one day.
enum class Later : std::uint8_t { nobody, who_has_the_name, not_who_has_the_name };

/// What becomes of the statement.
std::string consequence(const BoundDocument& policy, const access::StatementDocument& statement,
                        Later later) {
    if (later == Later::nobody) {
        return statement.principal->negated && statement.effect == access::Effect::deny
                   ? "the principal spares nobody from the Deny, and never will"
                   : "the principal matches nobody, and never will";
    }
    const std::string not_yet = later == Later::who_has_the_name ? "" : "not ";
    const std::string until = later == Later::who_has_the_name ? "" : " until the policy is put again";
    const auto who = "whoever is made under that name is " + not_yet;
    if (policy.document.kind == access::DocumentKind::trust) return who + "trusted" + until;
    if (statement.principal->negated) return who + "left out of the statement" + until;
    return who + (statement.effect == access::Effect::allow ? "allowed this" : "denied this") + until;
}

}  // namespace

std::string role_meant(const std::string& arn) {
    if (const auto name = parse_arn(arn)) return name->kind == IamKind::role ? name->name : std::string();
    constexpr std::string_view kSessions = "assumed-role/";
    const auto parts = access::split_arn(arn);
    if (!parts || parts->service() != "sts" || !parts->resource().starts_with(kSessions)) return {};
    const auto rest = parts->resource().substr(kSessions.size());
    return std::string(rest.substr(0, rest.find('/')));
}

KnownPrincipals::KnownPrincipals(const Records& records, std::string account)
    : records_(records), account_(std::move(account)), index_(records, account_) {}

std::vector<access::Finding> KnownPrincipals::problems_of(const BoundDocument& policy) const {
    std::vector<access::Finding> found;
    for (std::size_t i = 0; i < policy.document.statements.size(); ++i) {
        const auto& statement = policy.document.statements[i];
        if (!statement.principal) continue;
        for (const auto& entry : statement.principal->entries) {
            if (entry.kind != access::PrincipalKind::aws) continue;
            const auto problem = problem_of(policy, statement, entry.value.text);
            if (!problem) continue;
            found.push_back({problem->severity, problem->code, i + 1,
                             statement.sid ? statement.sid->text : std::string(), entry.value.at,
                             problem->message, problem->advice});
        }
    }
    return found;
}

std::optional<KnownPrincipals::Problem> KnownPrincipals::problem_of(
    const BoundDocument& policy, const access::StatementDocument& statement, const std::string& named) const {
    Problem problem;
    const auto bound = policy.ids.find(named);
    if (bound != policy.ids.end() && !bound->second.empty()) {
        if (has_id(bound->second)) return std::nullopt;
        problem.message = "Who was " + named + " when the policy was put, " + bound->second +
                          ", is gone: " + consequence(policy, statement, Later::nobody);
        problem.advice = "Remove the principal, or put the policy again if who has the ARN now is meant";
        return problem;
    }
    const bool by_id = !access::split_arn(named).has_value();
    if (!has(named)) {
        const bool idle = bound != policy.ids.end() && access::favours_named(statement);
        const auto later = by_id  ? Later::nobody
                           : idle ? Later::not_who_has_the_name
                                  : Later::who_has_the_name;
        problem.message = (by_id ? "Nobody has the unique id " : "There is no ") + named + ": " +
                          consequence(policy, statement, later);
        problem.advice =
            by_id ? "Remove the principal, or name its ARN" : "Remove the principal, or correct its ARN";
        return problem;
    }
    const auto id = index_.id_of(named);
    if (!id || id->empty()) return std::nullopt;
    if (bound != policy.ids.end()) {
        problem.code = "PRINCIPAL_NOT_BOUND";
        problem.message =
            named + " was made after the policy was put, which " +
            (access::favours_named(statement) ? "gives it nothing" : "means whoever has the name");
        problem.advice = "Put the policy again if this one is meant";
        return problem;
    }
    problem.code = "PRINCIPAL_BY_NAME";
    problem.message = "The policy was put before unique ids were kept: whoever is made under the name of " +
                      named + ", when it is gone, has what the policy says";
    problem.advice = "Put the policy again as it is";
    return problem;
}

std::string KnownPrincipals::role_of(const std::string& principal, const PrincipalIds& ids) const {
    const auto bound = ids.find(principal);
    if (bound == ids.end()) return role_meant(principal);
    const auto key = index_.find(bound->second);
    return key && key->kind == IamKind::role ? key->name : std::string();
}

bool KnownPrincipals::has(const std::string& principal) const {
    const auto parts = access::split_arn(principal);
    if (!parts) return has_id(principal);
    if (parts->account() != account_ || parts->resource() == "root") return true;
    const auto name = parse_arn(principal);
    if (!name) {
        const auto role = role_meant(principal);
        return role.empty() || has_named<Role>(role, {});
    }
    if (name->kind == IamKind::user) return has_named<User>(name->name, principal);
    return name->kind != IamKind::role || has_named<Role>(name->name, principal);
}

/// Ids of other accounts' principals look the same, but are resolved to nobody here either.
bool KnownPrincipals::has_id(const std::string& id) const {
    const bool is_id = id.starts_with("AIDA") || id.starts_with("AROA");
    return !is_id || !index_.is_whole() || index_.find(id).has_value();
}

template <class Record>
bool KnownPrincipals::has_named(const std::string& name, const std::string& arn) const {
    if (const auto* record = records_.find<Record>(name)) {
        return arn.empty() || arn_of(account_, *record) == arn;
    }
    return records_.faults.contains({Record::kKind, name});
}

}  // namespace coffer::iam
