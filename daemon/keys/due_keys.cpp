#include "daemon/keys/due_keys.hpp"

#include <algorithm>
#include <optional>

#include "daemon/keys/generations.hpp"
#include "daemon/keys/key_set.hpp"
#include "daemon/keys/retirement.hpp"
#include "storage/blocking.hpp"

namespace coffer::keys {

using storage::MasterKeyRepository;
using storage::StoredMasterKeys;

namespace {

constexpr std::chrono::seconds kPatience{30};

JobOptions patiently() {
    return {Priority::rotation, std::chrono::steady_clock::now() + kPatience};
}

bool is_due(const std::optional<Timestamp>& time, Timestamp now) {
    return time && *time <= now;
}

std::string what_is_under(std::uint32_t generation, const std::string& count) {
    return "generation " + std::to_string(generation) + ": " + count;
}

}  // namespace

void DueKeys::rotate(const StoredMasterKeys& keys) {
    for (const auto& [id, settings] : keys.settings) {
        if (!is_due(settings.next_rotation, parts_.clock.now()) || settings.deletion_due) continue;
        failures_.guard("rotating alias/" + name_of(keys, id) + " by its schedule",
                        [this, &key = id] { rotate_if_still_due(key); });
    }
}

void DueKeys::rotate_if_still_due(const Uuid& key) {
    using Made = std::optional<storage::StoredMasterKey>;
    const auto made = storage::write_and_wait(
        parts_.database, patiently(), [this, &key](storage::WriteTransaction& tx) -> Made {
            MasterKeyRepository::lock_token(tx);
            const auto locked = MasterKeyRepository::lock(tx);
            if (!is_due(settings_of(locked, key).next_rotation, parts_.clock.now())) return std::nullopt;
            auto generation = make_next_generation(tx, {parts_.hsm, parts_.clock}, key);
            if (parts_.leave_event) {
                parts_.leave_event(tx, {"RotateKey",
                                        "key rotation",
                                        {},
                                        {{"keyId", key.text()}, {"generation", generation.generation}}});
            }
            return generation;
        });
    if (made) events_.rotated(made->name, made->generation);
}

void DueKeys::remove(const StoredMasterKeys& keys) {
    std::erase_if(kept_, [&](const auto& kept) { return !settings_of(keys, kept.first).deletion_due; });
    for (const auto& [id, settings] : keys.settings) {
        if (!is_due(settings.deletion_due, parts_.clock.now())) continue;
        const auto kept = kept_.find(id);
        if (kept != kept_.end() && std::chrono::steady_clock::now() - kept->second.seen < kKeptPause)
            continue;
        const auto name = name_of(keys, id);
        failures_.guard("deleting alias/" + name, [&, &key = id] { remove(keys, key, name); });
    }
}

void DueKeys::remove(const StoredMasterKeys& keys, const Uuid& key, const std::string& name) {
    // Before anything is marked, since that holds up whoever writes a version.
    const RetirementParts parts{parts_.hsm, parts_.database, parts_.principals};
    const auto under = count_under(parts, key, patiently());
    const auto used = std::ranges::find_if(under, [](const auto& each) { return each.second.any(); });
    if (used != under.end()) return keep(key, name, what_is_under(used->first, describe(used->second)));

    std::vector<std::uint32_t> generations;
    for (const auto& generation : generations_of(keys, key)) generations.push_back(generation.generation);
    const auto event = [this, &key](storage::WriteTransaction& tx, const RetirementResult& result) {
        if (!parts_.leave_event || !result.kept.empty()) return;
        parts_.leave_event(tx, {"DeleteKey", "key deletion", {}, {{"keyId", key.text()}}});
    };
    const auto result = retire_generations(parts, key, generations, true, patiently().deadline, event);
    if (!result.kept.empty()) {
        const auto& [generation, count] = *result.kept.begin();
        return keep(key, name, what_is_under(generation, count));
    }
    kept_.erase(key);
    events_.deleted(name);
}

void DueKeys::keep(const Uuid& key, const std::string& name, std::string why) {
    auto& kept = kept_[key];
    kept.seen = std::chrono::steady_clock::now();
    if (kept.why != why) events_.kept(name, why);
    kept.why = std::move(why);
}

}  // namespace coffer::keys
