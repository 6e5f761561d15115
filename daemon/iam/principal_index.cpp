#include "daemon/iam/principal_index.hpp"

#include <algorithm>

#include "daemon/access/document_parser.hpp"
#include "daemon/iam/names.hpp"

namespace coffer::iam {

using access::DocumentKind;

namespace {

/// Empty when there is none, or one with another path.
template <class Record>
std::string id_at(const Records& records, const std::string& account, const std::string& name,
                  std::string_view arn) {
    const auto* record = records.find<Record>(name);
    return record != nullptr && arn_of(account, *record) == arn ? record->id : std::string();
}

}  // namespace

std::optional<std::string> PrincipalIndex::id_of(std::string_view arn) const {
    const auto name = parse_arn(arn);
    if (!name || name->account != account_) return std::nullopt;
    if (name->kind == IamKind::user) return id_at<User>(records_, account_, name->name, arn);
    if (name->kind == IamKind::role) return id_at<Role>(records_, account_, name->name, arn);
    return std::nullopt;
}

std::optional<std::string> PrincipalIndex::arn_of(std::string_view id) const {
    return arn_of(find(id));
}

std::optional<std::string> PrincipalIndex::arn_of(const std::optional<IamKey>& owner) const {
    if (owner) {
        return owner->kind == IamKind::user ? iam::arn_of(account_, *records_.find<User>(owner->name))
                                            : iam::arn_of(account_, *records_.find<Role>(owner->name));
    }
    if (!is_whole()) return std::nullopt;
    return std::string();
}

bool PrincipalIndex::is_whole() const {
    return std::ranges::none_of(records_.faults, [](const auto& fault) {
        return fault.first.kind == IamKind::user || fault.first.kind == IamKind::role;
    });
}

std::optional<IamKey> PrincipalIndex::find(std::string_view id) const {
    if (!by_id_) {
        by_id_.emplace();
        for (const auto& [name, user] : records_.users)
            by_id_->emplace(user->id, IamKey{IamKind::user, name});
        for (const auto& [name, role] : records_.roles)
            by_id_->emplace(role->id, IamKey{IamKind::role, name});
    }
    const auto found = by_id_->find(id);
    return found == by_id_->end() ? std::nullopt : std::optional(found->second);
}

PrincipalIds bind_policy(const std::string& text, DocumentKind kind, const access::PrincipalNames& names) {
    return access::bind_principals(access::parse_policy(text, {.kind = kind}), names);
}

std::string shown_trust(const Role& role, const PrincipalIndex& index) {
    return access::shown_policy(role.trust, DocumentKind::trust, role.trust_principals, index);
}

}  // namespace coffer::iam
