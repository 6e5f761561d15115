#include <algorithm>

#include "daemon/access/finding_list.hpp"
#include "daemon/access/pattern.hpp"

namespace coffer::access {
namespace {

/// Whether some caller may lack what the text needs.
bool may_be_void(const std::string& text) {
    const auto pattern = Pattern::parse(text, {true, true});
    const auto& variables = pattern.variables();
    return std::any_of(variables.begin(), variables.end(), [](const Pattern::Variable& variable) {
        const auto* info = key_info(variable.key.key);
        return !variable.fallback && (info == nullptr || info->presence != KeyPresence::always);
    });
}

void check_value(const PolicyDocument& document, const StatementDocument& statement, const Located& value,
                 FindingList& findings) {
    if (value.text.find("${") == std::string::npos) return;
    if (document.version == LanguageVersion::v2008) {
        findings.add(Severity::error, "VARIABLE_IN_OLD_VERSION", value.at,
                     "Version 2008-10-17 has no policy variables: " + value.text + " is read as it stands",
                     "Set Version to 2012-10-17");
    } else if (statement.effect == Effect::deny && may_be_void(value.text)) {
        findings.add(Severity::security_warning, "DENY_WITH_VARIABLE", value.at,
                     "The Deny does not apply to callers who lack the variable in " + value.text,
                     "Give the variable a default, as in ${aws:PrincipalTag/team, 'none'}");
    }
}

}  // namespace

void check_variables(const PolicyDocument& document, const StatementDocument& statement,
                     FindingList& findings) {
    if (statement.resources) {
        for (const auto& value : statement.resources->values)
            check_value(document, statement, value, findings);
    }
    for (const auto& entry : statement.conditions) {
        if (!takes_variables(entry.op.comparison)) continue;
        for (const auto& value : entry.values) check_value(document, statement, value, findings);
    }
}

}  // namespace coffer::access
