#pragma once
// The directory as this node has it: loaded, kept up to date by LISTEN/NOTIFY and by the node's own changes,
// and never exchanged for one that is older or cannot be believed.

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "daemon/access/caller.hpp"
#include "daemon/iam/directory.hpp"
#include "daemon/iam/seen_manifest.hpp"
#include "daemon/secrets/principal_directory.hpp"
#include "storage/change_listener.hpp"
#include "storage/database.hpp"

namespace coffer::iam {

/// What operators want to know. Called on threads of the keeper and of storage; must not block or throw.
struct KeeperEvents {
    /// What the tables hold cannot be believed as a whole, and why. The node goes on with what it had. Told
    /// when it begins, and when the reason is another.
    std::function<void(const std::string& reason)> distrusted;
    /// It can again.
    std::function<void()> trusted;
    /// A new state is in force.
    std::function<void(const Directory& directory)> changed;
    /// What was seen could not be kept, and why; tried again with the next load. Told when the reason is
    /// another.
    std::function<void(const std::string& reason)> seen_not_kept;
    /// The tables could not be read, and why: a change of them may not be in force here. Told when it begins.
    std::function<void(const std::string& reason)> not_read{};
    /// They were read again.
    std::function<void()> read_again{};
};

/// Thread-safe.
class DirectoryKeeper final : public access::CallerDirectory,
                              public access::ListenerPolicies,
                              public secrets::PrincipalDirectory {
public:
    /// How often everything is read although nothing was told: changes made with the triggers switched off
    /// are found by it. And how often while changes may be missed, or were not read.
    static constexpr std::chrono::milliseconds kRereadInterval{60'000};
    static constexpr std::chrono::milliseconds kBlindInterval{500};

    /// Loads, and waits for it. When the tables cannot be believed, or are older than what `seen_file` says
    /// that this node has seen, it starts with a directory in which nobody is known; throws what Database
    /// throws when they cannot be read. Without `seen_file` nothing is known of earlier runs.
    DirectoryKeeper(storage::Database& database, std::string account, const Clock& clock, KeeperEvents events,
                    std::optional<SeenManifestFile> seen_file, Deadline deadline);
    ~DirectoryKeeper() override;
    DirectoryKeeper(const DirectoryKeeper&) = delete;
    DirectoryKeeper& operator=(const DirectoryKeeper&) = delete;

    [[nodiscard]] DirectoryPtr directory() const;
    void recognise(const access::CertificateIdentity& identity, access::Recognition& known) const override;
    /// The number of the directory in force; raised by every change. Read it before directory().
    [[nodiscard]] std::uint64_t generation() const noexcept {
        return generation_.load(std::memory_order_acquire);
    }
    [[nodiscard]] access::ListenerStanding stored_listener(const std::string& name) const override;

    [[nodiscard]] std::unique_ptr<const access::PrincipalNames> names() const override;
    [[nodiscard]] std::unique_ptr<const access::PrincipalNames> names(
        storage::ReadTransaction& tx) const override;

    /// Locks and loads what there is, inside a change's transaction. Throws IntegrityError when it cannot be
    /// believed, OlderManifest when it is older than what this node has seen.
    [[nodiscard]] DirectoryPtr lock(storage::WriteTransaction& tx) const;
    /// Puts a state in force that this node has just committed.
    void publish(DirectoryPtr directory);

    /// Whether the tables can be believed at the moment; the reason when not.
    [[nodiscard]] std::optional<std::string> distrust() const;

    /// Why nobody is known: nothing that could be believed was there since the start. Nothing where a state
    /// is in force, also an earlier one than what the tables hold.
    [[nodiscard]] std::optional<std::string> nobody_known() const;

    /// Whether the tables could not be read the last time: what they have by now may not be in force.
    [[nodiscard]] bool load_pending() const noexcept { return load_pending_.load(std::memory_order_acquire); }

    /// Stops listening and loading. Also done by the destructor.
    void close();

private:
    void run();
    void load(Deadline deadline);
    void load_or_tell();
    void wake();
    void distrusted(const std::string& reason);
    [[nodiscard]] std::optional<SeenManifest> seen() const;
    void read_seen();
    void keep_seen();

    storage::Database& database_;
    const std::string account_;
    const Clock& clock_;
    const KeeperEvents events_;
    const std::optional<SeenManifestFile> seen_file_;
    // For the thread that loads: what the file has, whether it could be read, why it could not be written.
    std::optional<SeenManifest> kept_;
    bool seen_read_ = false;
    std::string not_kept_;

    mutable std::mutex mutex_;
    DirectoryPtr directory_;
    /// The newest that was ever believed. Not that of directory_: a node that began with nothing must not
    /// take the older state for news.
    std::optional<SeenManifest> seen_;
    std::optional<std::string> distrust_;
    bool ever_believed_ = false;
    std::atomic<std::uint64_t> generation_{0};
    /// Most installations have none, and no request should take a lock to learn that.
    std::atomic<bool> has_listeners_{false};
    std::atomic<bool> load_pending_{false};

    std::mutex wake_mutex_;
    std::condition_variable woken_;
    bool reload_ = false;
    bool blind_ = true;
    bool stopping_ = false;
    std::thread thread_;
    std::optional<storage::ChangeListener> listener_;
};

}  // namespace coffer::iam
