#pragma once
// Counts the secrets once in each day of UTC, on whichever node comes first, and forgets old usage.

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "daemon/base/time.hpp"
#include "storage/database.hpp"

namespace coffer::usage {

/// A thread that looks every `interval` whether today was counted. On any number of nodes at once.
class SnapshotWorker {
public:
    struct Events {
        std::function<void()> counted;
        std::function<void(const std::string& reason)> failed;
    };
    /// Usage of days before that many is removed.
    static constexpr std::int64_t kKeepDays = 800;

    /// `database` and `clock` must outlive it.
    SnapshotWorker(storage::Database& database, const Clock& clock, std::string node,
                   std::chrono::milliseconds interval, Events events);
    ~SnapshotWorker();
    SnapshotWorker(const SnapshotWorker&) = delete;
    SnapshotWorker& operator=(const SnapshotWorker&) = delete;

    /// One round, on the calling thread; for tests and the worker itself. True when this call counted.
    bool run_once();

    /// Ends after the round at hand.
    void stop();

private:
    void run(const std::stop_token& stop);

    storage::Database& database_;
    const Clock& clock_;
    const std::string node_;
    const std::chrono::milliseconds interval_;
    const Events events_;
    std::mutex round_mutex_;  ///< one round at a time
    std::optional<Timestamp> last_;
    std::mutex mutex_;
    std::condition_variable_any wake_;
    std::jthread thread_;  // last: it uses the others
};

}  // namespace coffer::usage
