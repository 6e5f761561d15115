#include "daemon/keys/token_key_keeper.hpp"

#include <algorithm>

#include "daemon/keys/audit_generations.hpp"
#include "daemon/keys/seal_generations.hpp"
#include "daemon/keys/token_key_retirement.hpp"
#include "storage/master_key_repository.hpp"

namespace coffer::keys {

using storage::MasterKeyRepository;
using storage::SealKeyRepository;
using storage::TokenKeyRepository;

namespace {

constexpr std::chrono::seconds kTokenKeyPatience{30};
/// A stop does not wait long for a database that is away.
constexpr std::chrono::seconds kFarewellPatience{2};

Deadline token_key_deadline() {
    return std::chrono::steady_clock::now() + kTokenKeyPatience;
}

void write_token_keys(storage::Database& database, Deadline deadline,
                      const std::function<void(storage::WriteTransaction&)>& job) {
    static_cast<void>(wait_for<Done>([&](Completion<Done> done) {
        database.write<Done>(
            {Priority::rotation, deadline},
            [&job](storage::WriteTransaction& tx) {
                job(tx);
                return Done{};
            },
            std::move(done));
    }));
}

/// The generations of `told` that are in use and those that `held` has: whether they differ.
template <class Key>
bool differs(const std::vector<Key>& told, const std::vector<std::uint32_t>& held) {
    std::vector<std::uint32_t> wanted;
    for (const auto& key : told) {
        if (!key.retired) wanted.push_back(key.generation);
    }
    return wanted != held;
}

std::vector<std::uint32_t> held_audit_keys(crypto::Hsm& hsm) {
    std::vector<std::uint32_t> generations;
    for (const auto& key : hsm.audit_key().generations()) generations.push_back(key.generation);
    return generations;
}

bool contains(const std::vector<std::uint32_t>& generations, std::uint32_t generation) {
    return std::ranges::find(generations, generation) != generations.end();
}

}  // namespace

TokenKeyKeeper::Told TokenKeyKeeper::load() const {
    return wait_for<Told>([&](Completion<Told> done) {
        parts_.database.read<Told>(
            {Priority::rotation, token_key_deadline()},
            [](storage::ReadTransaction& tx) {
                return Told{TokenKeyRepository::audit_keys(tx), SealKeyRepository::keys(tx)};
            },
            std::move(done));
    });
}

void TokenKeyKeeper::look() {
    told_ = load();
    auto& hsm = parts_.hsm;
    hsm.seals().told(newest_told(told_.seal_keys));
    if (differs(told_.audit_keys, held_audit_keys(hsm)) ||
        differs(told_.seal_keys, hsm.seals().generations())) {
        hsm.key_changes().refresh(token_key_deadline());
    }
    tell_missing();
    if (!has_untold(told_.audit_keys, hsm) && !has_untold_seal_key(told_.seal_keys, hsm)) return;
    write_token_keys(parts_.database, token_key_deadline(), [this](storage::WriteTransaction& tx) {
        tell_audit_generations(tx, {parts_.hsm, parts_.clock});
        tell_seal_generations(tx, {parts_.hsm, parts_.clock});
    });
    told_ = load();
}

std::set<std::pair<TokenKey, std::uint32_t>> TokenKeyKeeper::not_held() const {
    std::set<std::pair<TokenKey, std::uint32_t>> missing;
    const auto audit_keys = held_audit_keys(parts_.hsm);
    for (const auto& key : told_.audit_keys) {
        if (!key.retired && !contains(audit_keys, key.generation))
            missing.emplace(TokenKey::audit, key.generation);
    }
    const auto seal_keys = parts_.hsm.seals().generations();
    for (const auto& key : told_.seal_keys) {
        if (!key.retired && !contains(seal_keys, key.generation))
            missing.emplace(TokenKey::seal, key.generation);
    }
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
    write_token_keys(parts_.database, token_key_deadline(), [&](storage::WriteTransaction& tx) {
        SealKeyRepository::put_holder(tx, parts_.node, holder.first, holder.second, parts_.clock.now());
    });
    told_holder_ = holder;
    told_at_ = now;
}

/// The next look, which the change in the database causes, goes over to it.
void TokenKeyKeeper::activate_if_all_know(std::uint32_t generation) {
    write_token_keys(parts_.database, token_key_deadline(), [&](storage::WriteTransaction& tx) {
        MasterKeyRepository::lock_token(tx);
        if (nodes_without(SealKeyRepository::holders(tx), generation).empty())
            SealKeyRepository::activate(tx, generation, parts_.clock.now());
    });
}

void TokenKeyKeeper::say_goodbye() {
    write_token_keys(
        parts_.database, std::chrono::steady_clock::now() + kFarewellPatience,
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
    write_token_keys(parts_.database, token_key_deadline(),
                     [&](storage::WriteTransaction& tx) { TokenKeyRepository::put_signer(tx, *signer); });
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
        write_token_keys(parts_.database, token_key_deadline(), [](storage::WriteTransaction& tx) {
            SealKeyRepository::unmark_left_behind(tx, kLeftBehind);
        });
    }
    const auto audit_keys = held_audit_keys(parts_.hsm);
    for (const auto& key : told_.audit_keys) {
        if (key.retired && contains(audit_keys, key.generation))
            destroy_in_token({parts_.hsm, parts_.database}, TokenKey::audit, key.generation,
                             token_key_deadline());
    }
    const auto seal_keys = parts_.hsm.seals().generations();
    for (const auto& key : told_.seal_keys) {
        if (key.retired && contains(seal_keys, key.generation))
            destroy_in_token({parts_.hsm, parts_.database}, TokenKey::seal, key.generation,
                             token_key_deadline());
    }
}

}  // namespace coffer::keys
