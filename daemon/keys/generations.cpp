#include "daemon/keys/generations.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "daemon/keys/key_set.hpp"
#include "daemon/secrets/errors.hpp"
#include "daemon/secrets/master_keys.hpp"

namespace coffer::keys {

using crypto::MasterKeyId;
using crypto::MasterKeyRef;
using secrets::ServiceError;
using storage::MasterKeyRepository;
using storage::StoredMasterKey;
using storage::StoredMasterKeys;

namespace {

JobOptions token_options(storage::WriteTransaction& tx) {
    return {Priority::write, tx.deadline()};
}

bool is_retired(const std::vector<storage::RetiredGeneration>& retired, const Uuid& key,
                std::uint32_t generation) {
    return std::ranges::find(retired, storage::RetiredGeneration{key, generation}) != retired.end();
}

/// The record of the key's newest generation in the token, which is `expected`.
StoredMasterKey record_of(storage::WriteTransaction& tx, const KeyTools& tools,
                          const MasterKeyRef& expected) {
    const auto info = tools.hsm.find_master_key(expected.id);
    if (!info || info->newest_generation != expected.generation) {
        throw Unavailable("the token does not show the key that it has just made; it is looked for again");
    }
    return secrets::make_master_key_record(tools.hsm, *info, tools.clock.now(), token_options(tx));
}

std::size_t count_keys(const StoredMasterKeys& keys) {
    return key_ids(keys).size();
}

}  // namespace

StoredMasterKey create_key(storage::WriteTransaction& tx, const KeyTools& tools, const std::string& name,
                           const std::string& description) {
    MasterKeyRepository::lock_token(tx);
    const auto locked = MasterKeyRepository::lock(tx);
    if (std::ranges::find(locked.generations, name, &StoredMasterKey::name) != locked.generations.end()) {
        throw ServiceError(v1::RESOURCE_EXISTS,
                           fmt::format("An alias with the name alias/{} already exists", name));
    }
    if (count_keys(locked) >= kMostKeys) {
        throw secrets::limit_exceeded(
            fmt::format("There are {} master keys already, which is the most.", kMostKeys));
    }
    auto& token = tools.hsm.key_changes();
    token.refresh(tx.deadline());
    const auto there = tools.hsm.find_master_key(name);
    const auto retired = MasterKeyRepository::retired(tx);
    if (there && is_retired(retired, there->id.value(), there->newest_generation)) {
        throw secrets::invalid_request(fmt::format(
            "A key named alias/{} is being destroyed in the token. Try again in a minute.", name));
    }
    const MasterKeyRef ref = there ? MasterKeyRef{there->id, there->newest_generation}
                                   : token.make_master_key(name, tx.deadline());
    auto changed = locked;
    changed.generations.push_back(record_of(tx, tools, ref));
    changed.settings[ref.id.value()].description = description;
    MasterKeyRepository::store(tx, locked, changed);
    return changed.generations.back();
}

StoredMasterKey make_next_generation(storage::WriteTransaction& tx, const KeyTools& tools, const Uuid& key) {
    MasterKeyRepository::lock_token(tx);
    const auto locked = MasterKeyRepository::lock(tx);
    const auto newest = newest_of(locked, key);
    const auto name = name_of(locked, key);
    if (newest == 0)
        throw ServiceError(v1::RESOURCE_NOT_FOUND, fmt::format("Key '{}' does not exist", key.text()));
    auto settings = settings_of(locked, key);
    if (settings.deletion_due) throw secrets::master_key_pending_deletion(key.text());
    if (generations_of(locked, key).size() >= kMostGenerations) {
        throw secrets::limit_exceeded(fmt::format(
            "alias/{} has {} generations, which is the most. Retire old ones (RetireKeyGenerations).", name,
            kMostGenerations));
    }
    auto& token = tools.hsm.key_changes();
    token.refresh(tx.deadline());
    const MasterKeyId id(key);
    const auto there = tools.hsm.find_master_key(id);
    if (!there || there->newest_generation < newest) {
        throw Unavailable(
            fmt::format("the token of this node does not show generation {} of alias/{}", newest, name));
    }
    MasterKeyRef ref{id, there->newest_generation};
    if (there->newest_generation == newest) {
        std::uint32_t last = newest;  // no number is used twice
        for (const auto& each : MasterKeyRepository::retired(tx)) {
            if (each.id == key) last = std::max(last, each.generation);
        }
        ref.generation = last + 1;
        token.make_generation(name, ref, tx.deadline());
    }
    auto changed = locked;
    changed.generations.push_back(record_of(tx, tools, ref));
    if (settings.rotation_days) {
        settings.next_rotation =
            Timestamp::from_millis(tools.clock.now().millis() + *settings.rotation_days * kMillisPerDay);
    }
    changed.settings[key] = settings;
    MasterKeyRepository::store(tx, locked, changed);
    return changed.generations.back();
}

std::vector<StoredMasterKey> register_unknown(storage::WriteTransaction& tx, const KeyTools& tools) {
    MasterKeyRepository::lock_token(tx);
    const auto locked = MasterKeyRepository::lock(tx);
    const auto retired = MasterKeyRepository::retired(tx);
    auto changed = locked;
    std::vector<StoredMasterKey> added;
    for (const auto& info : tools.hsm.master_keys()) {
        const auto& id = info.id.value();
        if (newest_of(locked, id) >= info.newest_generation ||
            is_retired(retired, id, info.newest_generation)) {
            continue;
        }
        added.push_back(record_of(tx, tools, {info.id, info.newest_generation}));
        changed.generations.push_back(added.back());
    }
    if (!added.empty()) MasterKeyRepository::store(tx, locked, std::move(changed));
    return added;
}

}  // namespace coffer::keys
