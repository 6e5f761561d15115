#pragma once
// Whether the server can be reached, as all storage threads know it. While it cannot, jobs fail at once
// instead of each waiting for a connection; one prober looks for it, with back-off and jitter.
// Internal to storage/.

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "storage/database.hpp"
#include "storage/pg_connection.hpp"

namespace coffer::storage {

/// Thread-safe.
class Reachability {
public:
    /// `observer` hears of every change.
    Reachability(DatabaseConfig config, std::shared_ptr<DatabaseObserver> observer);
    ~Reachability();
    Reachability(const Reachability&) = delete;
    Reachability& operator=(const Reachability&) = delete;

    [[nodiscard]] bool reachable() const noexcept { return reachable_.load(std::memory_order_relaxed); }
    /// Not reachable because it does not answer: whoever waits on a connection of before waits in vain. A
    /// server that refuses new connections may still serve those.
    [[nodiscard]] bool silent() const noexcept { return silent_.load(std::memory_order_relaxed); }
    /// A connection was made.
    void reached();
    /// A connection could not be made.
    void lost(const std::exception& error);
    /// The server refused a write.
    void writes_refused(const std::string& reason);

    void close();

private:
    void probe();
    void probe_once(std::optional<PgConnection>& connection);
    void change(bool reachable, const std::string& reason, bool silent = false);

    const DatabaseConfig config_;
    const std::shared_ptr<DatabaseObserver> observer_;
    std::atomic<bool> reachable_{true};
    std::atomic<bool> silent_{false};
    std::mutex mutex_;
    std::condition_variable stirred_;
    bool closing_ = false;
    bool probe_now_ = false;
    bool fresh_connection_ = false;
    std::string reason_;  ///< empty: reads and writes are served
    std::thread prober_;
};

}  // namespace coffer::storage
