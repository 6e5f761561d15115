#pragma once
// Keeps revocation lists fresh, in the database and in files, and revokes what was superseded.

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "daemon/certificates/revocation_lists.hpp"
#include "daemon/secrets/audit_trail.hpp"
#include "storage/database.hpp"

namespace coffer::certificates {

struct KeeperParts {
    RevocationLists& lists;
    storage::Database& database;
    const Clock& clock;
    /// Null: no events are written.
    secrets::AuditTrail* trail = nullptr;
};

/// What operators want to know. Called on the keeper's thread; must not block or throw.
struct KeeperEvents {
    std::function<void(const std::string& authority, std::size_t entries)> signed_list;
    std::function<void(const std::string& secret, const std::string& serial)> superseded;
    std::function<void(const std::string& authority, const std::string& reason)> failed;
};

/// A thread on every node. The list's row is locked while the next one is made, and looked at again then, so
/// that of several nodes one does it.
class ListKeeper {
public:
    static constexpr std::chrono::seconds kInterval{5};
    /// What was superseded is looked for in every so many rounds: every certificate is looked at for that.
    static constexpr unsigned kSweepEvery = 6;
    /// How long after its end a certificate is remembered.
    static constexpr std::chrono::hours kRemembered{24 * 400};

    /// What `parts` refers to must outlive it. Nothing is begun before start().
    ListKeeper(KeeperParts parts, KeeperEvents events);
    ~ListKeeper();
    ListKeeper(const ListKeeper&) = delete;
    ListKeeper& operator=(const ListKeeper&) = delete;

    void start();
    void stop();
    /// There may be something to do. Returns at once.
    void wake() noexcept;
    /// One look, on the calling thread; for tests and the thread itself. Failures are told, not thrown.
    enum class Look : std::uint8_t { at_lists, at_everything };
    void run_once(Look look = Look::at_everything);

private:
    void run(const std::stop_token& stop);
    void look_after(const Authority& authority, Look look);
    void sign_next(const Authority& authority, const std::vector<storage::IssuedCertificate>& gone);
    /// Certificates whose version the sealed secret does not need any more.
    [[nodiscard]] std::vector<storage::IssuedCertificate> superseded(const Authority& authority) const;
    void write_file(const Authority& authority) const;

    const KeeperParts parts_;
    const KeeperEvents events_;
    std::map<std::string, std::string> failures_;  ///< by authority; the thread's own
    std::mutex mutex_;
    std::condition_variable_any wake_;
    bool woken_ = false;
    std::jthread thread_;
};

}  // namespace coffer::certificates
