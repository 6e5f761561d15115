#pragma once
// The thread of those who gather in memory and write in batches.

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "daemon/base/time.hpp"

namespace coffer::storage {

/// Rows that a flush writes in one transaction: short, so that it is in nobody's way.
inline constexpr std::size_t kFlushBatchRows = 500;

/// Calls a function at every interval, and once more at the end. Its owner declares it as the last of its
/// members, so that the function finds the others.
class PeriodicFlush {
public:
    /// `flush` is called on a thread of this object's own, at the end on that of close(), and with the time
    /// until which it may take: five seconds. It must not throw.
    PeriodicFlush(std::chrono::milliseconds interval, std::function<void(Deadline)> flush);
    ~PeriodicFlush();
    PeriodicFlush(const PeriodicFlush&) = delete;
    PeriodicFlush& operator=(const PeriodicFlush&) = delete;

    /// Stops the thread and flushes the rest; nothing when that was done. Also done by the destructor.
    void close();

private:
    void run();

    const std::chrono::milliseconds interval_;
    const std::function<void(Deadline)> flush_;
    std::mutex mutex_;
    std::condition_variable stopped_;
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace coffer::storage
