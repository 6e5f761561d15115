#include "daemon/iam/draft.hpp"

#include "daemon/iam/record_json.hpp"

namespace coffer::iam {

namespace {

template <class Record>
storage::IamChange change_of(const Records& records, const IamKey& key) {
    const auto* record = records.find<Record>(key.name);
    if (record == nullptr) return {key, std::nullopt};
    storage::IamChange change{key, to_document(*record)};
    if constexpr (std::is_same_v<Record, User> || std::is_same_v<Record, Role>) {
        change.claims = to_claims(record->identities);
    }
    return change;
}

storage::IamChange change_of(const Records& records, const IamKey& key) {
    switch (key.kind) {
        case IamKind::user:
            return change_of<User>(records, key);
        case IamKind::group:
            return change_of<Group>(records, key);
        case IamKind::role:
            return change_of<Role>(records, key);
        case IamKind::policy:
            return change_of<ManagedPolicy>(records, key);
        case IamKind::listener:
            return change_of<ListenerPolicy>(records, key);
        case IamKind::account:
            break;
    }
    return {key, std::nullopt};
}

}  // namespace

std::vector<storage::IamChange> Draft::changes() const {
    std::vector<storage::IamChange> changes;
    for (const auto& key : changed_) changes.push_back(change_of(records_, key));
    return changes;
}

}  // namespace coffer::iam
