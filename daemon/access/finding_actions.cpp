#include <algorithm>
#include <array>

#include "daemon/access/actions.hpp"
#include "daemon/access/arn.hpp"
#include "daemon/access/ascii.hpp"
#include "daemon/access/finding_list.hpp"
#include "daemon/base/edit_distance.hpp"

namespace coffer::access {
namespace {

/// ", did you mean X", when some action is spelt nearly so.
std::string nearest(std::string_view name) {
    constexpr std::size_t kFarthest = 4;
    constexpr std::size_t kLongest = 64;
    if (name.size() > kLongest) return "";
    const ActionInfo* best = nullptr;
    std::size_t best_distance = kFarthest + 1;
    for (const auto& info : action_table()) {
        const auto d = edit_distance(to_lower(name), to_lower(info.name));
        if (d < best_distance) {
            best = &info;
            best_distance = d;
        }
    }
    return best == nullptr ? "" : "; did you mean " + std::string(best->name) + "?";
}

bool is_own_service(std::string_view prefix) {
    constexpr std::array kServices{"secretsmanager", "sts", "iam", "kms", "coffer"};
    return std::any_of(kServices.begin(), kServices.end(),
                       [&](std::string_view service) { return equals_ignore_case(service, prefix); });
}

void check_name(const Located& value, FindingList& findings) {
    if (matching_actions(value.text).any()) return;
    const auto prefix = std::string_view(value.text).substr(0, value.text.find(':'));
    if (is_own_service(prefix)) {
        // A document of nothing but wrong names must not keep the checker busy.
        constexpr std::size_t kMostProposals = 32;
        const auto proposal = findings.size() < kMostProposals ? nearest(value.text) : std::string();
        findings.add(Severity::error, "INVALID_ACTION", value.at,
                     "The action " + value.text + " does not exist" + proposal,
                     "Correct the name; docs/policies.md lists the actions");
    } else {
        findings.add(
            Severity::warning, "FOREIGN_SERVICE", value.at,
            "No service " + std::string(prefix) + " is served here: " + value.text + " matches no request",
            "Remove it, or keep it for a policy that is also used elsewhere");
    }
}

bool only_arns(const ElementList& resources) {
    return !resources.negated && !resources.values.empty() &&
           std::none_of(resources.values.begin(), resources.values.end(), [](const Located& value) {
               return value.text.find_first_not_of('*') == std::string::npos;
           });
}

bool suits(const Located& resource, ResourceType type) {
    if (resource.text.find_first_not_of('*') == std::string::npos) return true;
    const auto arn = split_arn_pattern(resource.text);
    return arn && equals_ignore_case(arn->service(), resource_form(type).service);
}

/// Actions that were named, not matched in passing: a wildcard over all of a service is meant for what it
/// suits.
void check_suitability(const StatementDocument& statement, FindingList& findings) {
    if (!statement.resources || statement.actions.negated || !only_arns(*statement.resources)) return;
    for (const auto& value : statement.actions.values) {
        const auto action = find_action(value.text);
        if (!action) continue;
        const auto type = action_info(*action).resource;
        if (type == ResourceType::none) {
            findings.add(
                Severity::error, "ACTION_NEEDS_ALL_RESOURCES", value.at,
                value.text + " is about no single resource: with an ARN in Resource it never matches",
                "Put it in a statement of its own with Resource \"*\"");
            continue;
        }
        const auto& resources = statement.resources->values;
        if (std::none_of(resources.begin(), resources.end(),
                         [&](const Located& r) { return suits(r, type); })) {
            findings.add(Severity::error, "UNSUITABLE_RESOURCE", value.at,
                         "No resource of the statement is one that " + value.text + " is about",
                         "Name an ARN of the service " + std::string(resource_form(type).service));
        }
    }
}

/// Actions that were named and that no secret's own policy is ever asked about: those on other resources, and
/// to make a secret, which has no policy yet.
void check_own_actions(const StatementDocument& statement, FindingList& findings) {
    if (statement.actions.negated) return;
    for (const auto& value : statement.actions.values) {
        const auto action = find_action(value.text);
        if (!action) continue;
        if (action_info(*action).resource == ResourceType::secret && *action != Action::create_secret)
            continue;
        findings.add(Severity::warning, "NOT_AN_ACTION_ON_SECRETS", value.at,
                     "A secret's own policy is never asked about " + value.text,
                     "Put it in a policy of the user, group or role");
    }
}

}  // namespace

ActionSet actions_of(const StatementDocument& statement) {
    ActionSet set;
    for (const auto& value : statement.actions.values) set |= matching_actions(value.text);
    return statement.actions.negated ? ~set : set;
}

void check_actions(const PolicyDocument& document, const StatementDocument& statement,
                   FindingList& findings) {
    for (const auto& value : statement.actions.values) check_name(value, findings);
    check_suitability(statement, findings);
    if (document.kind == DocumentKind::resource) check_own_actions(statement, findings);
}

}  // namespace coffer::access
