#pragma once
// One storage thread's connection and how it carries out jobs: reconnecting, running again, and finding out
// what became of a COMMIT. Internal to storage/.

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "storage/database.hpp"
#include "storage/pqxx_connection.hpp"
#include "storage/reachability.hpp"
#include "storage/sql_failure.hpp"

namespace coffer::storage {

/// Where a job's time limit is held against a connection that hangs: the thread that waits on the socket
/// cannot, so a watchdog shuts the socket down. Thread-safe.
class HangGuard {
public:
    ~HangGuard() { release(); }
    /// Watches over `socket`. Keeps a duplicate, since libpq closes its own descriptor when a connection
    /// breaks and its number may then be somebody else's.
    void adopt(int socket);
    void release() noexcept;
    /// From here on the connection may be used until `until`.
    void arm(Deadline until) noexcept;
    void disarm() noexcept { arm(Deadline::max()); }
    /// Shuts the socket down if its time is over; its owner then finds the connection broken.
    void cut_if_overdue(Deadline now) noexcept;
    /// The same if somebody waits on the connection: the server is known not to answer.
    void cut_if_used() noexcept;

private:
    void cut() noexcept;  ///< `mutex_` is held

    std::mutex mutex_;
    int socket_ = -1;
    Deadline until_ = Deadline::max();
};

/// What the sessions of a database share. Outlives them.
struct SessionContext {
    const DatabaseConfig& config;
    SealKeeper& seals;
    DatabaseObserver& observer;
    Reachability& reachability;
    const std::function<void(const std::string&)>& on_secret_changed;
};

/// Used by one thread; guard() by the watchdog as well.
class DatabaseSession {
public:
    explicit DatabaseSession(SessionContext context) : context_(context) {}

    /// Runs the job to its end, running it again where that is safe. Throws what the job's completion is to
    /// get: its own exception, DeadlineExceeded, Unavailable, Error.
    void execute(TransactionJob& job);

    [[nodiscard]] HangGuard& guard() noexcept { return guard_; }
    [[nodiscard]] DatabaseObserver& observer() noexcept { return context_.observer; }

private:
    void attempt(TransactionJob& job, Deadline deadline);
    void attempt_read(TransactionJob& job);
    void attempt_write(TransactionJob& job, Deadline deadline);
    [[nodiscard]] bool settle_doubt(const std::vector<std::string>& changed,
                                    const std::string& transaction_id, Deadline deadline);
    /// To this node's cache.
    void announce(const std::vector<std::string>& changed);
    /// To the other nodes, after a commit. What fails here is told by the event (migration 0017).
    void tell_others(const std::vector<std::string>& changed) noexcept;
    void connect(Deadline deadline);
    /// Throws unless the job may run again.
    void recover(const Failure& failure, int attempts, Deadline deadline);
    void drop_connection() noexcept;

    SessionContext context_;
    std::unique_ptr<Connection> connection_;
    HangGuard guard_;
};

}  // namespace coffer::storage
