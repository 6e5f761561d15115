#include <algorithm>

#include "daemon/access/actions.hpp"
#include "daemon/access/arn.hpp"
#include "daemon/access/finding_list.hpp"
#include "daemon/access/glob.hpp"

namespace coffer::access {
namespace {

/// Statements beyond this many are not compared with each other: the work is quadratic.
constexpr std::size_t kMostStatements = 100;

bool covers_actions(const ActionSet& outer, const ActionSet& inner) {
    return inner.any() && (inner & ~outer).none();
}

bool is_star(const std::string& text) {
    return text.find_first_not_of('*') == std::string::npos;
}

bool covers_resource(const std::string& outer, const std::string& inner) {
    if (is_star(outer) || outer == inner) return true;
    const auto a = split_arn(outer);
    const auto b = split_arn(inner);
    if (!a || !b || outer.find("${") != std::string::npos || inner.find("${") != std::string::npos)
        return false;
    return std::equal(
        a->parts.begin(), a->parts.end(), b->parts.begin(),
        [](std::string_view x, std::string_view y) { return glob_covers(to_glob(x), to_glob(y)); });
}

bool covers_resources(const StatementDocument& outer, const StatementDocument& inner) {
    if (!outer.resources || !inner.resources)
        return outer.resources.has_value() == inner.resources.has_value();
    if (outer.resources->negated) return false;
    const auto& values = outer.resources->values;
    if (inner.resources->negated) {
        return std::any_of(values.begin(), values.end(), [](const Located& v) { return is_star(v.text); });
    }
    return std::all_of(
        inner.resources->values.begin(), inner.resources->values.end(), [&](const Located& one) {
            return std::any_of(values.begin(), values.end(),
                               [&](const Located& v) { return covers_resource(v.text, one.text); });
        });
}

bool covers_principals(const StatementDocument& outer, const StatementDocument& inner) {
    if (!outer.principal || !inner.principal)
        return outer.principal.has_value() == inner.principal.has_value();
    if (outer.principal->negated) return false;
    const auto& entries = outer.principal->entries;
    const auto any = std::any_of(entries.begin(), entries.end(),
                                 [](const PrincipalEntry& e) { return e.kind == PrincipalKind::any; });
    if (any) return true;
    if (inner.principal->negated) return false;
    return std::all_of(inner.principal->entries.begin(), inner.principal->entries.end(),
                       [&](const auto& one) {
                           return std::any_of(entries.begin(), entries.end(), [&](const PrincipalEntry& e) {
                               return e.kind == one.kind && e.value.text == one.value.text;
                           });
                       });
}

/// Whether whatever `inner` applies to, `outer` applies to as well, but for the actions.
bool covers(const StatementDocument& outer, const StatementDocument& inner) {
    return outer.conditions.empty() && covers_resources(outer, inner) && covers_principals(outer, inner);
}

std::string label(const StatementDocument& statement, std::size_t index) {
    return statement.sid && !statement.sid->text.empty() ? statement.sid->text
                                                         : "statement " + std::to_string(index + 1);
}

}  // namespace

void check_coverage(const PolicyDocument& document, const std::vector<ActionSet>& actions, std::size_t index,
                    FindingList& findings) {
    const auto& all = document.statements;
    if (all.size() > kMostStatements) return;
    const auto covered_by = [&](std::size_t outer, std::size_t inner) {
        return covers_actions(actions[outer], actions[inner]) && covers(all[outer], all[inner]);
    };
    const auto& statement = all[index];
    for (std::size_t i = 0; i < all.size(); ++i) {
        if (i == index || !covered_by(i, index)) continue;
        const bool same_effect = all[i].effect == statement.effect;
        if (!same_effect && statement.effect == Effect::allow) {
            findings.add(Severity::warning, "SHADOWED_ALLOW", statement.at,
                         "The Allow never takes effect: " + label(all[i], i) + " denies all of it",
                         "Remove the Allow, or narrow the Deny");
            return;
        }
        // Of two that cover each other, the second is the one too many.
        if (same_effect && (i < index || !covered_by(index, i))) {
            findings.add(Severity::suggestion, "REDUNDANT_STATEMENT", statement.at,
                         "The statement adds nothing to " + label(all[i], i), "Remove it");
            return;
        }
    }
}

}  // namespace coffer::access
