#pragma once
// Keeps token, register and this node's knowledge of both together: hears of keys that other nodes made or
// destroyed, finishes what a node that died left half done, and does what is due.

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "crypto/hsm.hpp"
#include "daemon/iam/directory_keeper.hpp"
#include "daemon/keys/generations.hpp"
#include "daemon/keys/retirement.hpp"
#include "daemon/secrets/master_keys.hpp"
#include "daemon/secrets/service_action.hpp"
#include "storage/change_listener.hpp"
#include "storage/database.hpp"
#include "storage/seal_key_repository.hpp"
#include "storage/token_key_repository.hpp"

namespace coffer::keys {

struct KeeperParts {
    crypto::Hsm& hsm;
    storage::Database& database;
    secrets::MasterKeys& master_keys;
    iam::DirectoryKeeper& principals;
    const Clock& clock;
    secrets::LeaveEvent leave_event;
    std::string node;
    /// Which generation of the audit key signs this node's journal; nothing without one.
    std::function<std::optional<storage::AuditSigner>()> journal_signer;
    /// Derives what lives in the daemon from all generations of the seal key that the token holds. Done
    /// before the others hear that this node knows a generation. May block, and throw; may be empty.
    std::function<void()> derive_keys;
};

/// What operators want to know. Called on the keeper's thread; must not block or throw.
struct KeyEvents {
    /// The set of keys may have changed, or something is due: there may be work.
    std::function<void()> changed;
    std::function<void(const std::string& key, std::uint32_t generation)> rotated;
    std::function<void(const std::string& key)> deleted;
    /// The token of this node does not hold a registered generation, though other nodes' may. Told once for
    /// each.
    std::function<void(const std::string& key, std::uint32_t generation)> missing;
    /// A key was to be deleted, and something is under it.
    std::function<void(const std::string& key, const std::string& why)> kept;
    std::function<void(const std::string& what, const std::string& reason)> failed;
};

/// A thread that looks when the database tells of a change (LISTEN), and every kInterval. On any number of
/// nodes: what is due is looked at again with the set of keys locked, so that one node does it once.
/// Thread-safe.
class KeyKeeper {
public:
    static constexpr std::chrono::seconds kInterval{10};
    /// A generation that is marked as retired and still registered for so long was left behind by a node that
    /// died.
    static constexpr std::chrono::seconds kLeftBehind{120};
    /// How often a node says which generation of the audit key signs its journal when that does not change.
    static constexpr std::chrono::hours kSignerTold{1};
    /// How soon to look again while the journal has not gone over to the newest generation.
    static constexpr std::chrono::seconds kSoon{1};
    /// How often a node says that it runs and which generation of the seal key it knows.
    static constexpr std::chrono::seconds kHolderTold{30};

    /// What `parts` refers to must outlive it.
    KeyKeeper(KeeperParts parts, KeyEvents events);
    ~KeyKeeper();
    KeyKeeper(const KeyKeeper&) = delete;
    KeyKeeper& operator=(const KeyKeeper&) = delete;

    void wake();
    /// One look, on the calling thread; for tests and the thread itself. Failures are told, not thrown.
    void run_once();
    /// Registered generations that this node's token does not hold.
    [[nodiscard]] std::size_t missing() const noexcept { return missing_count_; }
    void stop();

private:
    struct Seen {
        storage::StoredMasterKeys keys;
        std::vector<storage::RetiredGeneration> retired;
        std::vector<storage::StoredAuditKey> audit_keys;
        std::vector<storage::StoredSealKey> seal_keys;
    };
    void run(const std::stop_token& stop);
    [[nodiscard]] Seen load() const;
    void bring_token_up_to_date(const Seen& seen);
    void look_again(const Seen& seen);
    void tell_signer();
    [[nodiscard]] bool signer_is_behind();
    void go_over_to_seal_key(const Seen& seen);
    void tell_holder(std::uint32_t generation);
    void activate_if_all_know(std::uint32_t generation);
    void finish_retirements(const Seen& seen);
    void tell_missing(const Seen& seen);
    void rotate_if_due(const Seen& seen);
    void delete_if_due(const Seen& seen);
    /// Runs `work` and tells when it fails.
    template <class Work>
    void guarded(const char* what, const Work& work);

    const KeeperParts parts_;
    const KeyEvents events_;
    std::mutex round_mutex_;  ///< one look at a time
    std::map<storage::RetiredGeneration, std::chrono::steady_clock::time_point> half_retired_;
    std::map<crypto::MasterKeyRef, bool> missing_;
    std::atomic<std::size_t> missing_count_{0};
    std::optional<storage::AuditSigner> told_signer_;
    std::vector<std::uint32_t> derived_;  ///< the generations of the seal key that keys were derived from
    std::uint32_t told_generation_ = 0;
    std::chrono::steady_clock::time_point told_at_;
    std::string last_failure_;
    std::mutex mutex_;
    std::condition_variable_any wake_;
    bool woken_ = false;
    std::jthread thread_;
    std::optional<storage::ChangeListener> listener_;  // last: it wakes the thread
};

}  // namespace coffer::keys
