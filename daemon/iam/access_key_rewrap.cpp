#include "daemon/iam/access_key_rewrap.hpp"

#include <algorithm>

#include "daemon/iam/draft.hpp"
#include "daemon/iam/names.hpp"

namespace coffer::iam {

std::vector<StoredAccessKeySecret> access_key_secrets(const Directory& directory, const Uuid* master_key) {
    std::vector<StoredAccessKeySecret> secrets;
    for (const auto& [name, user] : directory.records().users) {
        for (const auto& key : user->access_keys) {
            if (master_key != nullptr && key.secret.master_key != *master_key) continue;
            secrets.push_back({name, user->id, arn_of(directory.account(), *user), key.id, key.secret});
        }
    }
    return secrets;
}

DirectoryPtr store_rewrapped(storage::WriteTransaction& tx, const DirectoryKeeper& keeper,
                             const std::vector<RewrappedAccessKey>& keys) {
    const auto directory = keeper.lock(tx);
    Draft draft(directory->records());
    for (const auto& rewrapped : keys) {
        const auto* user = draft.records().find<User>(rewrapped.user);
        if (user == nullptr) continue;
        const auto found = std::ranges::find(user->access_keys, rewrapped.access_key_id, &AccessKey::id);
        if (found == user->access_keys.end() || found->secret.wrapped_key != rewrapped.old_wrapped_key)
            continue;
        User& edited = draft.edit<User>(rewrapped.user);
        auto& secret = std::ranges::find(edited.access_keys, rewrapped.access_key_id, &AccessKey::id)->secret;
        secret.wrapped_key = rewrapped.wrapped_key;
        secret.generation = rewrapped.generation;
    }
    const auto changes = draft.changes();
    if (changes.empty()) return nullptr;
    return Directory::build(storage::IamRepository::store(tx, directory->stored(), changes),
                            directory->account(), directory.get());
}

}  // namespace coffer::iam
