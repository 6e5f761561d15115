#include "daemon/keys/seal_generations.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "daemon/secrets/errors.hpp"
#include "storage/blocking.hpp"
#include "storage/master_key_repository.hpp"

namespace coffer::keys {

using storage::MasterKeyRepository;
using storage::SealKeyRepository;
using storage::StoredSealKey;

namespace {

/// All of them where none was told yet, of which the oldest is in use; then those that are newer. An older
/// one that is not told was destroyed.
void tell_seal_keys(storage::WriteTransaction& tx, const KeyTools& tools,
                    const std::vector<StoredSealKey>& told) {
    const auto now = tools.clock.now();
    bool oldest = told.empty();
    for (const auto generation : tools.hsm.seals().generations()) {
        if (generation <= newest_told(told)) continue;
        SealKeyRepository::add(tx, {generation, now, oldest ? std::optional(now) : std::nullopt, false});
        oldest = false;
    }
}

std::string joined(const std::vector<std::string>& names) {
    std::string all;
    for (const auto& name : names) all += (all.empty() ? "" : ", ") + name;
    return all;
}

void require_last_is_known(storage::WriteTransaction& tx, const std::vector<StoredSealKey>& told) {
    if (told.empty() || told.back().activated) return;
    const auto behind = nodes_without(SealKeyRepository::holders(tx), told.back().generation);
    throw secrets::invalid_request(
        fmt::format("Generation {} of the seal key is not in use yet: {}. Rotate again when it is.",
                    told.back().generation,
                    behind.empty() ? "nodes are about to go over to it"
                                   : "these nodes do not know it: " + joined(behind)));
}

}  // namespace

std::uint32_t newest_told(const std::vector<StoredSealKey>& told) {
    return told.empty() ? 0 : told.back().generation;
}

std::uint32_t newest_active(const std::vector<StoredSealKey>& told) {
    std::uint32_t newest = 0;
    for (const auto& key : told) {
        if (key.activated) newest = key.generation;
    }
    return newest;
}

bool runs(const storage::SealHolder& holder) noexcept {
    return !holder.stopped && holder.seconds_ago < kSilentSeconds;
}

std::vector<std::string> nodes_behind(const std::vector<storage::SealHolder>& holders,
                                      std::uint32_t generation) {
    std::vector<std::string> nodes;
    for (const auto& holder : holders) {
        if (runs(holder) && std::min(holder.generation, holder.sealing) < generation)
            nodes.push_back(holder.node);
    }
    return nodes;
}

std::vector<std::string> nodes_without(const std::vector<storage::SealHolder>& holders,
                                       std::uint32_t generation) {
    std::vector<std::string> nodes;
    for (const auto& holder : holders) {
        if (runs(holder) && holder.generation < generation) nodes.push_back(holder.node);
    }
    return nodes;
}

StoredSealKey make_next_seal_generation(storage::WriteTransaction& tx, const KeyTools& tools) {
    MasterKeyRepository::lock_token(tx);
    const auto told = SealKeyRepository::keys(tx);
    require_last_is_known(tx, told);
    auto& token = tools.hsm.key_changes();
    token.refresh(tx.deadline());
    const auto held = tools.hsm.seals().generations();
    if (held.back() < newest_told(told)) {
        throw Unavailable(fmt::format("the token of this node does not show generation {} of the seal key",
                                      newest_told(told)));
    }
    tell_seal_keys(tx, tools, told);
    const auto now = tools.clock.now();
    if (!told.empty() && held.back() > newest_told(told)) return {held.back(), now, {}, false};
    if (held.size() >= kMostGenerations) {
        throw secrets::limit_exceeded(fmt::format(
            "The seal key has {} generations, which is the most. Retire old ones (RetireKeyGenerations).",
            kMostGenerations));
    }
    const StoredSealKey made{held.back() + 1, now, {}, false};
    token.make_seal_generation(made.generation, tx.deadline());
    SealKeyRepository::add(tx, made);
    return made;
}

void tell_seal_generations(storage::WriteTransaction& tx, const KeyTools& tools) {
    MasterKeyRepository::lock_token(tx);
    tell_seal_keys(tx, tools, SealKeyRepository::keys(tx));
}

void seal_under_active(crypto::Hsm& hsm, storage::Database& database, Deadline deadline) {
    const auto told =
        storage::read_and_wait(database, {Priority::read, deadline},
                               [](storage::ReadTransaction& tx) { return SealKeyRepository::keys(tx); });
    hsm.seals().told(newest_told(told));
    hsm.seals().seal_under(newest_active(told));
}

bool has_untold_seal_key(const std::vector<StoredSealKey>& told, crypto::Hsm& hsm) {
    return hsm.seals().generations().back() > newest_told(told);
}

}  // namespace coffer::keys
