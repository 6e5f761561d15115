#include "daemon/keys/token_key_keeper.hpp"

#include <algorithm>

#include "daemon/keys/audit_generations.hpp"
#include "daemon/keys/seal_generations.hpp"
#include "daemon/keys/token_key_retirement.hpp"
#include "storage/blocking.hpp"
#include "storage/master_key_repository.hpp"

namespace coffer::keys {

using storage::MasterKeyRepository;
using storage::SealKeyRepository;
using storage::TokenKeyRepository;

namespace {

constexpr std::chrono::seconds kTokenKeyPatience{30};
/// A stop does not wait long for a database that is away.
constexpr std::chrono::seconds kFarewellPatience{2};

JobOptions token_key_options() {
    return {Priority::rotation, std::chrono::steady_clock::now() + kTokenKeyPatience};
}

using Generations = std::vector<std::uint32_t>;

/// Those of `told` that are retired, or are not.
template <class Key>
Generations told_generations(const std::vector<Key>& told, bool retired) {
    Generations generations;
    for (const auto& key : told) {
        if (key.retired == retired) generations.push_back(key.generation);
    }
    return generations;
}

Generations held_audit_keys(crypto::Hsm& hsm) {
    Generations generations;
    for (const auto& key : hsm.audit_key().generations()) generations.push_back(key.generation);
    return generations;
}

bool contains(const Generations& generations, std::uint32_t generation) {
    return std::ranges::find(generations, generation) != generations.end();
}

}  // namespace

TokenKeyKeeper::Told TokenKeyKeeper::load() const {
    return storage::read_and_wait(parts_.database, token_key_options(), [](storage::ReadTransaction& tx) {
        return Told{TokenKeyRepository::audit_keys(tx), SealKeyRepository::keys(tx)};
    });
}

void TokenKeyKeeper::look() {
    told_ = load();
    auto& hsm = parts_.hsm;
    hsm.seals().told(newest_told(told_.seal_keys));
    if (told_generations(told_.audit_keys, false) != held_audit_keys(hsm) ||
        told_generations(told_.seal_keys, false) != hsm.seals().generations()) {
        hsm.key_changes().refresh(token_key_options().deadline);
    }
    tell_missing();
    if (!has_untold(told_.audit_keys, hsm) && !has_untold_seal_key(told_.seal_keys, hsm)) return;
    storage::write_and_wait(parts_.database, token_key_options(), [this](storage::WriteTransaction& tx) {
        tell_audit_generations(tx, {parts_.hsm, parts_.clock});
        tell_seal_generations(tx, {parts_.hsm, parts_.clock});
    });
    told_ = load();
}

std::set<std::pair<TokenKey, std::uint32_t>> TokenKeyKeeper::not_held() const {
    std::set<std::pair<TokenKey, std::uint32_t>> missing;
    const auto look = [&missing](TokenKey key, const Generations& in_use, const Generations& held) {
        for (const auto generation : in_use) {
            if (!contains(held, generation)) missing.emplace(key, generation);
        }
    };
    look(TokenKey::audit, told_generations(told_.audit_keys, false), held_audit_keys(parts_.hsm));
    look(TokenKey::seal, told_generations(told_.seal_keys, false), parts_.hsm.seals().generations());
    return missing;
}

void TokenKeyKeeper::tell_missing() {
    auto missing = not_held();
    for (const auto& each : missing) {
        if (!missing_.contains(each))
            events_.token_key_missing(std::string(alias_of(each.first)), each.second);
    }
    missing_ = std::move(missing);
    missing_count_ = missing_.size();
}

void TokenKeyKeeper::go_over_to_seal_key() {
    auto& seals = parts_.hsm.seals();
    const auto held = seals.generations();
    if (held != derived_) {
        if (parts_.derive_keys) parts_.derive_keys();
        derived_ = held;
    }
    const auto newest = newest_told(told_.seal_keys);
    const auto active = newest_active(told_.seal_keys);
    seals.seal_under(active);
    tell_holder();
    if (active < newest && held.back() >= newest) activate_if_all_know(newest);
}

void TokenKeyKeeper::tell_holder() {
    const auto now = std::chrono::steady_clock::now();
    // What keys were derived from, not what the token shows by now.
    const std::pair holder{derived_.back(), parts_.hsm.seals().sealing_generation()};
    if (told_holder_ == holder && now - told_at_ < kHolderTold) return;
    storage::write_and_wait(parts_.database, token_key_options(), [&](storage::WriteTransaction& tx) {
        SealKeyRepository::put_holder(tx, parts_.node, holder.first, holder.second, parts_.clock.now());
    });
    told_holder_ = holder;
    told_at_ = now;
}

/// The next look, which the change in the database causes, goes over to it.
void TokenKeyKeeper::activate_if_all_know(std::uint32_t generation) {
    storage::write_and_wait(parts_.database, token_key_options(), [&](storage::WriteTransaction& tx) {
        MasterKeyRepository::lock_token(tx);
        if (nodes_without(SealKeyRepository::holders(tx), generation).empty())
            SealKeyRepository::activate(tx, generation, parts_.clock.now());
    });
}

void TokenKeyKeeper::say_goodbye() {
    storage::write_and_wait(
        parts_.database, {Priority::rotation, std::chrono::steady_clock::now() + kFarewellPatience},
        [this](storage::WriteTransaction& tx) { SealKeyRepository::stop_holder(tx, parts_.node); });
}

void TokenKeyKeeper::tell_signer() {
    auto signer = parts_.journal_signer ? parts_.journal_signer() : std::nullopt;
    if (!signer) return;
    signer->seen = parts_.clock.now();
    if (told_signer_ && told_signer_->journal == signer->journal &&
        told_signer_->generation == signer->generation && signer->seen < told_signer_->seen + kSignerTold) {
        return;
    }
    storage::write_and_wait(parts_.database, token_key_options(), [&](storage::WriteTransaction& tx) {
        TokenKeyRepository::put_signer(tx, *signer);
    });
    told_signer_ = signer;
}

bool TokenKeyKeeper::signer_is_behind() const {
    const auto held = parts_.hsm.audit_key().generations();
    return told_signer_ && !held.empty() && told_signer_->generation < held.back().generation;
}

void TokenKeyKeeper::finish_retirements() {
    const bool left_behind = std::ranges::any_of(told_.seal_keys, [](const storage::StoredSealKey& key) {
        return key.marked_seconds_ago && *key.marked_seconds_ago >= kLeftBehind.count();
    });
    if (left_behind) {
        storage::write_and_wait(parts_.database, token_key_options(), [](storage::WriteTransaction& tx) {
            SealKeyRepository::unmark_left_behind(tx, kLeftBehind);
        });
    }
    const auto destroy = [this](TokenKey key, const Generations& retired, const Generations& held) {
        for (const auto generation : retired) {
            if (!contains(held, generation)) continue;
            destroy_in_token({parts_.hsm, parts_.database}, key, generation, token_key_options().deadline);
        }
    };
    destroy(TokenKey::audit, told_generations(told_.audit_keys, true), held_audit_keys(parts_.hsm));
    destroy(TokenKey::seal, told_generations(told_.seal_keys, true), parts_.hsm.seals().generations());
}

}  // namespace coffer::keys
