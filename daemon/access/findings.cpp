#include "daemon/access/findings.hpp"

#include <algorithm>

#include "daemon/access/finding_list.hpp"

namespace coffer::access {
namespace {

void check_principal_element(const PolicyDocument& document, const StatementDocument& statement,
                             FindingList& findings) {
    if (!statement.principal) return;
    const auto& principal = *statement.principal;
    const bool allows = statement.effect == Effect::allow;
    if (principal.negated && allows) {
        findings.add(
            Severity::security_warning, "ALLOW_WITH_NOT_PRINCIPAL", principal.at,
            "Allow with NotPrincipal grants access to everybody who is not named, other accounts included",
            "Name those who may in Principal");
    } else if (principal.negated) {
        findings.add(Severity::warning, "DENY_WITH_NOT_PRINCIPAL", principal.at,
                     "NotPrincipal with Deny denies everybody who has a permissions boundary, named or not",
                     "Use Principal \"*\" with ArnNotEquals on aws:PrincipalArn");
    } else if (document.kind != DocumentKind::listener && is_public(statement)) {
        findings.add(
            Severity::security_warning, "PUBLIC_ACCESS", principal.at,
            "The statement grants access to every principal of every account",
            "Name the principals, or limit it to fixed values, e.g. StringEquals on aws:PrincipalAccount");
    }
    if (principal.entries.empty()) {
        findings.add(Severity::suggestion, "EMPTY_OBJECT_PRINCIPAL", principal.at,
                     "Principal names nobody: the statement has no effect",
                     "Name a principal or remove the statement");
    }
    for (const auto& entry : principal.entries) {
        if (entry.kind == PrincipalKind::canonical_user) {
            findings.add(Severity::warning, "UNSUPPORTED_PRINCIPAL", entry.value.at,
                         "No caller has a canonical user id: this principal never matches",
                         "Use the ARN under AWS");
        }
    }
}

void check_empty(const ElementList& list, const char* code, const char* name, FindingList& findings) {
    if (!list.values.empty()) return;
    findings.add(Severity::suggestion, code, list.at,
                 std::string(name) + " is empty: the statement has no effect",
                 "Add a value or remove the statement");
}

bool has_star(const ElementList& list) {
    return !list.negated && std::any_of(list.values.begin(), list.values.end(), [](const Located& value) {
        return !value.text.empty() && value.text.find_first_not_of('*') == std::string::npos;
    });
}

void check_breadth(const PolicyDocument& document, const StatementDocument& statement,
                   FindingList& findings) {
    if (statement.effect != Effect::allow || !statement.conditions.empty()) return;
    const bool limits = document.kind == DocumentKind::boundary || document.kind == DocumentKind::listener;
    if (limits || !statement.resources || !has_star(*statement.resources)) return;
    if (has_star(statement.actions)) {
        findings.add(Severity::security_warning, "ALLOW_ALL", statement.actions.at,
                     "The statement allows every action on every resource",
                     "Name the actions that are needed");
    } else if (statement.actions.negated) {
        findings.add(Severity::security_warning, "ALLOW_WITH_NOT_ACTION", statement.actions.at,
                     "Allow with NotAction allows every action of every service but those listed",
                     "Name the actions that are needed in Action");
    }
}

void check_version(const PolicyDocument& document, std::vector<Finding>& out) {
    if (document.version_given && document.version == LanguageVersion::v2012) return;
    const auto at = document.statements.front().at;
    out.push_back({Severity::warning, document.version_given ? "OUTDATED_VERSION" : "MISSING_VERSION", 0, "",
                   at,
                   document.version_given
                       ? "Version 2008-10-17 has no policy variables"
                       : "Without Version the policy is read as 2008-10-17, without policy variables",
                   "Set Version to 2012-10-17"});
}

void check_statement(const PolicyDocument& document, const std::vector<ActionSet>& actions, std::size_t index,
                     const FindingOptions& options, std::vector<Finding>& out) {
    const auto& statement = document.statements[index];
    FindingList findings(out, statement, index + 1);
    check_principal_element(document, statement, findings);
    check_empty(statement.actions, "EMPTY_ARRAY_ACTION", "Action", findings);
    if (statement.resources) check_empty(*statement.resources, "EMPTY_ARRAY_RESOURCE", "Resource", findings);
    check_breadth(document, statement, findings);
    check_actions(document, statement, findings);
    check_resources(document, statement, options, findings);
    check_conditions(statement, actions[index], options, findings);
    check_web_identities(statement, actions[index], options, findings);
    check_variables(document, statement, findings);
    check_lookalikes(statement, findings);
    check_coverage(document, actions, index, findings);
}

}  // namespace

std::string_view severity_name(Severity severity) noexcept {
    switch (severity) {
        case Severity::error:
            return "ERROR";
        case Severity::security_warning:
            return "SECURITY_WARNING";
        case Severity::warning:
            return "WARNING";
        case Severity::suggestion:
            return "SUGGESTION";
    }
    return "";
}

std::vector<Finding> find_problems(const PolicyDocument& document, const FindingOptions& options) {
    std::vector<Finding> out;
    check_version(document, out);
    std::vector<ActionSet> actions;
    for (const auto& statement : document.statements) actions.push_back(actions_of(statement));
    for (std::size_t i = 0; i < document.statements.size(); ++i)
        check_statement(document, actions, i, options, out);
    std::stable_sort(out.begin(), out.end(), [](const Finding& a, const Finding& b) { return a.at < b.at; });
    return out;
}

bool is_public(const PolicyDocument& document) {
    return std::any_of(document.statements.begin(), document.statements.end(),
                       [](const StatementDocument& statement) { return is_public(statement); });
}

}  // namespace coffer::access
