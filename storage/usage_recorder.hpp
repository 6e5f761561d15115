#pragma once
// Requests counted in memory and added to the database in batches: no request writes a row for statistics.

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "storage/database.hpp"
#include "storage/periodic_flush.hpp"
#include "storage/usage_repository.hpp"

namespace coffer::storage {

struct UsageRecorderConfig {
    std::chrono::milliseconds flush_interval{10'000};
    /// Principals between two flushes; those beyond are counted together, as kOtherPrincipals.
    std::size_t max_principals = 100'000;
};

/// Thread-safe. What is counted is on the disk an interval later, or lost with a node that dies before. When
/// the outcome of a COMMIT could not be found out, its batch may be counted twice.
class UsageRecorder {
public:
    /// Principals for whom there was no room.
    static constexpr std::string_view kOtherPrincipals = "(others)";

    /// `node` is whose counts they are. `database` must outlive it.
    UsageRecorder(Database& database, std::string node, UsageRecorderConfig config);
    UsageRecorder(const UsageRecorder&) = delete;
    UsageRecorder& operator=(const UsageRecorder&) = delete;

    /// A request of `principal` was answered on the UTC day of `when`, with an error if `failed`.
    void record(std::string_view principal, std::string_view operation, Timestamp when, bool failed);

    /// Adds what was counted and waits for it until `deadline`; what could not be written is kept for the
    /// next time. Called by a thread of the recorder's own at every interval.
    void flush(Deadline deadline);

    /// Writes the rest (waiting a few seconds at most) and stops the thread. Also done by the destructor.
    void close() { periodic_.close(); }

private:
    struct Counter {
        std::string operation;
        Timestamp day;
        std::int64_t count = 0;
        std::int64_t errors = 0;
    };
    struct TextHash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const noexcept {
            return std::hash<std::string_view>{}(text);
        }
    };
    using Principals = std::unordered_map<std::string, std::vector<Counter>, TextHash, std::equal_to<>>;
    struct Shard {
        std::mutex mutex;
        Principals principals;
    };
    static constexpr std::size_t kShards = 8;

    void add(std::string_view principal, std::string_view operation, Timestamp day, std::int64_t count,
             std::int64_t errors);
    [[nodiscard]] std::vector<RequestCount> take();

    Database& database_;
    const std::string node_;
    const UsageRecorderConfig config_;
    std::array<Shard, kShards> shards_;
    std::mutex flush_mutex_;  ///< one flush at a time

    PeriodicFlush periodic_;
};

}  // namespace coffer::storage
