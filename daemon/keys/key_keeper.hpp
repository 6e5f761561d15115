#pragma once
// Keeps token, register and this node's knowledge of both together: hears of keys that other nodes made or
// destroyed, finishes what a node that died left half done, and does what is due.

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>

#include "daemon/base/round_thread.hpp"
#include "daemon/keys/due_keys.hpp"
#include "daemon/keys/generations.hpp"
#include "daemon/keys/keeper_parts.hpp"
#include "daemon/keys/retirement.hpp"
#include "daemon/keys/token_key_keeper.hpp"
#include "storage/change_listener.hpp"

namespace coffer::keys {

/// A thread that looks when the database tells of a change (LISTEN), and every kInterval. On any number of
/// nodes: what is due is looked at again with the set of keys locked, so that one node does it once.
/// Thread-safe.
class KeyKeeper {
public:
    static constexpr std::chrono::seconds kInterval{10};
    /// A generation that is marked as retired and still registered for so long was left behind by a node that
    /// died.
    static constexpr std::chrono::seconds kLeftBehind{120};
    /// How soon to look again while the journal has not gone over to the newest generation, or a look failed
    /// since the database or the token was away.
    static constexpr std::chrono::seconds kSoon{1};

    /// What `parts` refers to must outlive it.
    KeyKeeper(KeeperParts parts, KeyEvents events);
    ~KeyKeeper();
    KeyKeeper(const KeyKeeper&) = delete;
    KeyKeeper& operator=(const KeyKeeper&) = delete;

    void wake() noexcept { thread_.wake(); }
    /// One look, on the calling thread; for tests and the thread itself. Failures are told, not thrown.
    void run_once();
    /// Registered generations that this node's token does not hold.
    [[nodiscard]] std::size_t missing() const noexcept { return missing_count_; }
    /// Versions that are under those, as of when the first or last of them began to be missing.
    [[nodiscard]] std::int64_t unreadable_versions() const noexcept { return unreadable_versions_; }
    /// Generations of the token's other keys that nodes told of and this node's token does not hold.
    [[nodiscard]] std::size_t token_keys_missing() const noexcept { return token_keys_.missing(); }
    void stop();

private:
    struct Seen {
        storage::StoredMasterKeys keys;
        std::vector<storage::RetiredGeneration> retired;
    };
    [[nodiscard]] Seen load() const;
    void bring_token_up_to_date(const Seen& seen);
    void look_again(const Seen& seen);
    void look_after_master_keys();
    void look_after_token_keys();
    [[nodiscard]] bool is_behind();
    void finish_retirements(const Seen& seen);
    void tell_missing(const Seen& seen);

    const KeeperParts parts_;
    const KeyEvents events_;
    std::mutex round_mutex_;  ///< one look at a time
    std::map<storage::RetiredGeneration, std::chrono::steady_clock::time_point> half_retired_;
    std::set<crypto::MasterKeyRef> missing_;
    std::atomic<std::size_t> missing_count_{0};
    std::atomic<std::int64_t> unreadable_versions_{0};
    TokenKeyKeeper token_keys_;
    DueKeys due_;
    ToldFailures failures_;
    RoundThread thread_;
    std::optional<storage::ChangeListener> listener_;  // last: it wakes the thread
};

}  // namespace coffer::keys
