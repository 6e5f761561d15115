#include "daemon/iam/locked_secrets.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "daemon/access/arn.hpp"
#include "daemon/access/malformed_policy.hpp"
#include "daemon/access/policy.hpp"
#include "daemon/base/errors.hpp"
#include "daemon/iam/known_principals.hpp"
#include "daemon/iam/names.hpp"
#include "daemon/iam/naming_policies.hpp"
#include "daemon/iam/principal_index.hpp"

namespace coffer::iam {

namespace {

class Survivors {
public:
    explicit Survivors(const Work& work) : records_(work.records()), index_(records_, work.account()) {}

    /// Whether there is somebody whom the entry of a NotPrincipal spares. An account spares its root user,
    /// and there is none.
    [[nodiscard]] bool spared_by(const access::PrincipalEntry& entry, const PrincipalIds& ids) const {
        if (entry.kind == access::PrincipalKind::any || entry.kind == access::PrincipalKind::federated)
            return true;
        if (entry.kind != access::PrincipalKind::aws) return false;
        const auto& named = entry.value.text;
        const auto bound = ids.find(named);
        if (bound != ids.end()) return index_.find(bound->second).has_value();
        if (!access::split_arn(named)) return index_.find(named).has_value();
        if (const auto id = index_.id_of(named)) return !id->empty();
        const auto role = role_meant(named);
        return !role.empty() && records_.find<Role>(role) != nullptr;
    }

private:
    const Records& records_;
    PrincipalIndex index_;
};

bool denies_managing(const access::StatementDocument& statement, const access::Statement& compiled) {
    const auto covers = [&compiled](access::Action action) {
        return compiled.actions().test(static_cast<std::size_t>(action));
    };
    return statement.effect == access::Effect::deny && statement.principal && statement.principal->negated &&
           statement.conditions.empty() && covers(access::Action::put_resource_policy) &&
           covers(access::Action::delete_resource_policy);
}

/// Whom of `deleted` the statement's NotPrincipal spares; null: none of them.
const Deleted* spared_of(const access::StatementDocument& statement, const PrincipalIds& ids,
                         const std::vector<Deleted>& deleted) {
    for (const auto& entry : statement.principal->entries) {
        const auto bound = ids.find(entry.value.text);
        const auto& meant = bound == ids.end() ? entry.value.text : bound->second;
        const auto found = std::ranges::find_if(
            deleted, [&meant](const Deleted& each) { return each.id == meant || each.arn == meant; });
        if (found != deleted.end()) return &*found;
    }
    return nullptr;
}

void require_not_locked(const storage::StoredSecret& secret, const Survivors& survivors,
                        const std::vector<Deleted>& deleted) {
    const auto& ids = secret.policy_principals;
    const auto document =
        access::parse_policy(secret.resource_policy.value(), {.kind = access::DocumentKind::resource});
    const auto compiled = access::Policy::compile(document, secret.arn, ids);
    for (std::size_t i = 0; i < document.statements.size(); ++i) {
        const auto& statement = document.statements[i];
        if (!denies_managing(statement, compiled->statements()[i])) continue;
        const auto* const last = spared_of(statement, ids, deleted);
        if (last == nullptr) continue;
        const auto& entries = statement.principal->entries;
        if (std::ranges::any_of(entries, [&](const auto& entry) { return survivors.spared_by(entry, ids); }))
            continue;
        throw delete_conflict(
            fmt::format("Cannot delete {}: the resource policy of secret {} denies everybody else to manage "
                        "it (Deny with "
                        "NotPrincipal), so that nobody could change that policy any more. Change or delete "
                        "the policy first.",
                        last->arn, secret.name));
    }
}

}  // namespace

void require_none_locked(Work& work, const std::vector<Deleted>& deleted) {
    if (deleted.empty() || !work.has_database()) return;
    const Survivors survivors(work);
    std::vector<std::string> texts;
    for (const auto& each : deleted) {
        texts.push_back(each.arn);
        texts.push_back(each.id);
    }
    visit_secrets_about(work.database(), texts, [&](auto& rows) {
        for (auto& row : rows) {
            try {
                require_not_locked(row.secret.take(), survivors, deleted);
            } catch (const IntegrityError&) {
                // Whoever deletes is warned of those (naming_policies).
            } catch (const access::MalformedPolicy&) {
                // Of another version of Coffer, as well.
            }
        }
        return false;
    });
}

}  // namespace coffer::iam
