#pragma once
// Last uses of access keys, gathered in memory and written in batches: no request writes a row for them.

#include <chrono>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "storage/access_key_uses.hpp"
#include "storage/database.hpp"
#include "storage/periodic_flush.hpp"

namespace coffer::storage {

/// Thread-safe. What is recorded is in the table an interval later, or lost with a node that dies before.
class AccessKeyRecorder {
public:
    static constexpr std::chrono::milliseconds kFlushInterval{10'000};

    /// `database` must outlive it.
    explicit AccessKeyRecorder(Database& database, std::chrono::milliseconds flush_interval = kFlushInterval);
    AccessKeyRecorder(const AccessKeyRecorder&) = delete;
    AccessKeyRecorder& operator=(const AccessKeyRecorder&) = delete;

    /// To be called for keys that exist alone: it keeps an entry for each until the next flush.
    void record(std::string_view access_key_id, Timestamp when, std::string_view service,
                std::string_view region);

    /// Writes what was recorded and waits for it until `deadline`; what could not be written is kept for the
    /// next time. Called by a thread of the recorder's own at every interval.
    void flush(Deadline deadline);

    /// Writes the rest (waiting a few seconds at most) and stops the thread. Also done by the destructor.
    void close() { periodic_.close(); }

private:
    Database& database_;
    std::mutex mutex_;
    std::map<std::string, AccessKeyUse, std::less<>> uses_;
    std::mutex flush_mutex_;  ///< one flush at a time

    PeriodicFlush periodic_;
};

}  // namespace coffer::storage
