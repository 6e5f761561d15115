#include "daemon/iam/draft.hpp"

#include "daemon/iam/record_json.hpp"

namespace coffer::iam {

namespace {

template <class Record>
std::optional<std::string> document_of(const Records& records, const std::string& name) {
    const auto* record = records.find<Record>(name);
    if (record == nullptr) return std::nullopt;
    return to_document(*record);
}

std::optional<std::string> document_of(const Records& records, const IamKey& key) {
    switch (key.kind) {
        case IamKind::user:
            return document_of<User>(records, key.name);
        case IamKind::group:
            return document_of<Group>(records, key.name);
        case IamKind::role:
            return document_of<Role>(records, key.name);
        case IamKind::policy:
            return document_of<ManagedPolicy>(records, key.name);
        case IamKind::account:
            break;
    }
    return std::nullopt;
}

}  // namespace

std::vector<storage::IamChange> Draft::changes() const {
    std::vector<storage::IamChange> changes;
    for (const auto& key : changed_) changes.push_back({key, document_of(records_, key)});
    return changes;
}

}  // namespace coffer::iam
