#pragma once
// PostgreSQL as the daemon uses it: threads that own a connection each, a bounded queue, reconnection, and
// an answer also when a COMMIT's outcome was lost with its connection.

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "daemon/base/job_queue.hpp"
#include "daemon/base/outcome.hpp"
#include "storage/seal_keeper.hpp"
#include "storage/transaction.hpp"

namespace coffer::storage {

struct DatabaseConfig {
    /// libpq connection string, without a password (peer, certificate or passfile authentication).
    std::string conninfo;
    std::size_t connections = 8;
    std::size_t queue_capacity = 4096;
    std::chrono::milliseconds statement_timeout{5000};
    std::chrono::milliseconds lock_timeout{3000};
    std::chrono::milliseconds connect_timeout{3000};
};

/// Told about what operators want to know. Called on storage threads; must not block or throw.
class DatabaseObserver {
public:
    virtual ~DatabaseObserver() = default;
    virtual void reachable_changed(bool reachable, std::string reason) = 0;
    virtual void job_done(std::chrono::nanoseconds queued, std::chrono::nanoseconds ran) = 0;
    /// A row's seal did not match. `what` names the table and the row, never its content.
    virtual void integrity_failure(std::string what) = 0;
};

/// Thread-safe.
///
/// Errors that reach a completion: Overloaded, DeadlineExceeded; Unavailable (retryable) when no connection
/// can be had or the server refuses writes (read-only standby, shutting down); IntegrityError for a broken
/// seal; and whatever the job itself throws.
class Database {
public:
    /// Connects at once, to find a wrong configuration at start: throws Error that says what is wrong when
    /// the server is unreachable, older than PostgreSQL 13, the schema is missing ("run 'cofferd migrate'"),
    /// older or newer than this binary.
    [[nodiscard]] static std::unique_ptr<Database> open(DatabaseConfig config,
                                                        std::shared_ptr<SealKeeper> seals,
                                                        std::shared_ptr<DatabaseObserver> observer);
    ~Database();
    Database(const Database&) = delete;
    Database& operator=(const Database&) = delete;

    /// Runs `job` in a READ ONLY transaction; again on a fresh connection when the connection broke.
    template <class T>
    void read(JobOptions options, UniqueFunction<T(ReadTransaction&)> job, Completion<T> completion) {
        submit<ReadTransaction, T>(options, std::move(job), std::move(completion));
    }

    /// Runs `job` in a transaction and commits. When the connection broke before COMMIT was sent, or on a
    /// serialization failure or deadlock (40001, 40P01), the job runs again. When it broke during COMMIT the
    /// server is asked, on a new connection, whether the transaction committed (pg_xact_status); only if it
    /// did not, the job runs again; if that cannot be found out in time, Unavailable. So a job may run
    /// several times and must not have effects outside the transaction.
    template <class T>
    void write(JobOptions options, UniqueFunction<T(WriteTransaction&)> job, Completion<T> completion) {
        submit<WriteTransaction, T>(options, std::move(job), std::move(completion));
    }

    /// `listener(name)` is called after a commit of this node that changed the secret `name`, before the
    /// write's completion. Set once, before the first write.
    void on_secret_changed(std::function<void(const std::string& name)> listener);

    [[nodiscard]] bool reachable() const noexcept;
    [[nodiscard]] std::size_t queued() const;
    [[nodiscard]] const DatabaseConfig& config() const noexcept;

    /// Finishes running jobs, fails queued ones, closes the connections.
    void close();

private:
    class Impl;
    explicit Database(std::unique_ptr<Impl> impl);
    template <class Tx, class T>
    void submit(JobOptions options, UniqueFunction<T(Tx&)> job, Completion<T> completion);
    std::unique_ptr<Impl> impl_;
};

}  // namespace coffer::storage
