#pragma once
// Requests and rotations counted in memory and added to the database in batches: no request writes a row for
// statistics.

#include <chrono>
#include <mutex>
#include <span>
#include <string>
#include <string_view>

#include "storage/daily_counts.hpp"
#include "storage/database.hpp"
#include "storage/periodic_flush.hpp"

namespace coffer::storage {

struct UsageRecorderConfig {
    std::chrono::milliseconds flush_interval{10'000};
    /// Principals between two flushes; those beyond are counted together, as DailyCounts::kOthers.
    std::size_t max_principals = 100'000;
    /// Secrets between two flushes; those beyond are counted, but for none of their tags.
    std::size_t max_secrets = 100'000;
};

/// Thread-safe. What is counted is on the disk an interval later, or lost with a node that dies before. When
/// the outcome of a COMMIT could not be found out, its batch may be counted twice.
class UsageRecorder {
public:
    /// `node` is whose counts they are. `database` must outlive it.
    UsageRecorder(Database& database, std::string node, UsageRecorderConfig config);
    UsageRecorder(const UsageRecorder&) = delete;
    UsageRecorder& operator=(const UsageRecorder&) = delete;

    /// A request of `principal` was answered on the UTC day of `when`, with an error if `failed`. It was for
    /// the secrets with these ARNs; for `refused`, which are some of them, it failed.
    void record(std::string_view principal, std::string_view operation, Timestamp when, bool failed,
                std::span<const std::string> secrets = {}, std::span<const std::string> refused = {});
    /// The secret with that ARN was rotated by `principal`.
    void record_rotation(std::string_view principal, std::string_view secret, Timestamp when);

    /// Adds what was counted and waits for it until `deadline`; what could not be written is kept for the
    /// next time. Called by a thread of the recorder's own at every interval.
    void flush(Deadline deadline);

    /// Writes the rest (waiting a few seconds at most) and stops the thread. Also done by the destructor.
    void close() { periodic_.close(); }

private:
    using Adds = void (*)(WriteTransaction&, const std::string&, const std::vector<UsageCount>&);
    /// Whether all of `counts` was added; the rest is kept.
    [[nodiscard]] bool flush(DailyCounts& counts, Adds adds, Deadline deadline);

    Database& database_;
    const std::string node_;
    DailyCounts requests_;
    DailyCounts secrets_;
    DailyCounts rotations_;
    std::mutex flush_mutex_;  ///< one flush at a time

    PeriodicFlush periodic_;
};

}  // namespace coffer::storage
