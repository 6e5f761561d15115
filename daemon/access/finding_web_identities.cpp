#include <algorithm>

#include "daemon/access/ascii.hpp"
#include "daemon/access/finding_list.hpp"

namespace coffer::access {
namespace {

constexpr std::string_view kProviderPart = ":oidc-provider/";

/// The provider that a principal under "Federated" names; empty for another kind of provider.
std::string_view provider_of(std::string_view arn) {
    const auto at = arn.find(kProviderPart);
    return at == std::string_view::npos ? std::string_view{} : arn.substr(at + kProviderPart.size());
}

/// The provider that a condition key begins with; a port may be in it, so the claim is what follows the last
/// colon.
std::string_view provider_of(const KeyRef& key) {
    return std::string_view(key.written).substr(0, key.written.rfind(':'));
}

bool is_known(const FindingOptions& options, std::string_view provider) {
    if (!options.identity_providers) return true;
    return std::ranges::any_of(*options.identity_providers,
                               [&](const std::string& name) { return equals_ignore_case(name, provider); });
}

bool takes_web_identities(const ActionSet& actions) {
    return actions[static_cast<std::size_t>(Action::sts_assume_role_with_web_identity)] ||
           actions[static_cast<std::size_t>(Action::sts_tag_session)] ||
           actions[static_cast<std::size_t>(Action::sts_set_source_identity)];
}

/// Whether a condition holds tokens of the provider to some of its subjects, or to some other claim than who
/// it is for.
bool narrows(const ConditionEntry& entry, std::string_view provider) {
    if (!is_provider_key(entry.key) || !equals_ignore_case(provider_of(entry.key), provider)) return false;
    const auto claim = std::string_view(entry.key.written).substr(entry.key.written.rfind(':') + 1);
    const bool all = std::ranges::any_of(entry.values, [](const Located& value) {
        return !value.text.empty() && value.text.find_first_not_of('*') == std::string::npos;
    });
    return !equals_ignore_case(claim, "aud") && !equals_ignore_case(claim, "oaud") && !entry.op.negated &&
           !entry.op.if_exists && entry.op.set != SetOperator::for_all_values &&
           entry.op.comparison != Comparison::null && !all;
}

void check_provider_principal(const StatementDocument& statement, const ActionSet& actions,
                              const PrincipalEntry& entry, const FindingOptions& options,
                              FindingList& findings) {
    const auto provider = provider_of(entry.value.text);
    if (provider.empty() || !is_known(options, provider)) {
        findings.add(
            Severity::warning, "UNKNOWN_IDENTITY_PROVIDER", entry.value.at,
            "There is no identity provider " + entry.value.text + ": this principal never matches",
            "Correct the ARN (arn:aws:iam::ACCOUNT:oidc-provider/ISSUER without https://), or add the "
            "[[oidc_provider]] to the daemon's configuration");
        return;
    }
    const bool lets_in = statement.effect == Effect::allow &&
                         actions[static_cast<std::size_t>(Action::sts_assume_role_with_web_identity)];
    const bool narrow = std::ranges::any_of(
        statement.conditions, [&](const ConditionEntry& each) { return narrows(each, provider); });
    if (lets_in && !narrow) {
        findings.add(Severity::security_warning, "WEB_IDENTITY_WITHOUT_SUBJECT", entry.value.at,
                     "Everybody to whom " + std::string(provider) + " gives a token may assume the role",
                     "Add a condition such as StringEquals on " + std::string(provider) + ":sub");
    }
}

}  // namespace

void check_web_identities(const StatementDocument& statement, const ActionSet& actions,
                          const FindingOptions& options, FindingList& findings) {
    if (statement.principal && !statement.principal->negated) {
        for (const auto& entry : statement.principal->entries) {
            if (entry.kind != PrincipalKind::federated) continue;
            check_provider_principal(statement, actions, entry, options, findings);
        }
    }
    for (const auto& entry : statement.conditions) {
        if (!is_provider_key(entry.key)) continue;
        if (!is_known(options, provider_of(entry.key))) {
            findings.add(Severity::warning, "UNKNOWN_IDENTITY_PROVIDER", entry.key_at,
                         "There is no identity provider " + std::string(provider_of(entry.key)) + ": " +
                             entry.key.written + " is absent from every request",
                         "Correct the name: it is the issuer without https://, a colon, and the claim");
        } else if (actions.any() && !takes_web_identities(actions)) {
            findings.add(Severity::error, "KEY_NOT_FOR_ACTION", entry.key_at,
                         "No action of the statement has the key " + entry.key.written,
                         "Put the condition on sts:AssumeRoleWithWebIdentity, in a role's trust policy");
        }
    }
}

}  // namespace coffer::access
