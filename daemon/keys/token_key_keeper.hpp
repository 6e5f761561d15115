#pragma once
// Keeps this node's token and the other nodes together over the keys that are not master keys: finds what
// others made, goes over to it, says so, and destroys here what was retired anywhere.

#include <atomic>
#include <chrono>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "daemon/keys/keeper_parts.hpp"
#include "daemon/keys/token_keys.hpp"
#include "storage/seal_key_repository.hpp"

namespace coffer::keys {

/// The steps of one look, for KeyKeeper: each may throw what database and token throw, and those after it are
/// done all the same. Blocks. Not thread-safe, but for missing().
class TokenKeyKeeper {
public:
    /// How often a node says which generation of the audit key signs its journal when that does not change.
    static constexpr std::chrono::hours kSignerTold{1};
    /// How often a node says that it runs and which generations of the seal key it works with.
    static constexpr std::chrono::seconds kHolderTold{30};
    /// An attempt to retire a generation that is so old was left behind by a node that died.
    static constexpr std::chrono::seconds kLeftBehind{120};

    /// Both must outlive it.
    TokenKeyKeeper(const KeeperParts& parts, const KeyEvents& events) : parts_(parts), events_(events) {}

    /// Reads what the nodes told, looks in the token again when it should hold others than this node knows
    /// of, and tells of what is not told yet.
    void look();
    void go_over_to_seal_key();
    void tell_signer();
    /// Destroys retired generations in this node's token, and ends attempts to retire that were left behind.
    void finish_retirements();
    /// Nobody waits for a node that has said that it stops.
    void say_goodbye();

    /// While the journal has not gone over to the newest generation of the audit key.
    [[nodiscard]] bool signer_is_behind() const;
    /// Generations that nodes told of and this node's token does not hold.
    [[nodiscard]] std::size_t missing() const noexcept { return missing_count_; }

private:
    struct Told {
        std::vector<storage::StoredAuditKey> audit_keys;
        std::vector<storage::StoredSealKey> seal_keys;
    };
    [[nodiscard]] Told load() const;
    [[nodiscard]] std::set<std::pair<TokenKey, std::uint32_t>> not_held() const;
    void tell_missing();
    void tell_holder();
    void activate_if_all_know(std::uint32_t generation);

    const KeeperParts& parts_;
    const KeyEvents& events_;
    Told told_;
    std::set<std::pair<TokenKey, std::uint32_t>> missing_;
    std::atomic<std::size_t> missing_count_{0};
    std::optional<storage::AuditSigner> told_signer_;
    std::vector<std::uint32_t> derived_;  ///< the generations of the seal key that keys were derived from
    std::pair<std::uint32_t, std::uint32_t> told_holder_;  ///< the newest, and what seals
    std::chrono::steady_clock::time_point told_at_;
};

}  // namespace coffer::keys
