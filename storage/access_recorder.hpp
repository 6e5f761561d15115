#pragma once
// Days on which versions were read, gathered in memory and written in batches: no read writes a row.

#include <array>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "storage/database.hpp"
#include "storage/periodic_flush.hpp"
#include "storage/records.hpp"
#include "storage/secret_repository.hpp"

namespace coffer::storage {

struct AccessRecorderConfig {
    std::chrono::milliseconds flush_interval{10'000};
    /// Secrets remembered; past this, days that were written are forgotten, and when none were, new ones are
    /// not recorded (they are statistics) and counted as dropped.
    std::size_t max_secrets = 100'000;
};

/// Thread-safe.
class AccessRecorder {
public:
    AccessRecorder(Database& database, AccessRecorderConfig config);
    AccessRecorder(const AccessRecorder&) = delete;
    AccessRecorder& operator=(const AccessRecorder&) = delete;

    /// `version` of `secret` was read at `when`, by the principal with that ARN. Once a day is known, a hash
    /// lookup; of a day's readers the first one is remembered.
    void record(SecretId secret, const VersionId& version, Timestamp when, std::string_view principal = {});

    /// The latest day recorded here, whether written yet or not; nothing when there is none. The database may
    /// know a later one.
    [[nodiscard]] std::optional<Timestamp> day(SecretId secret) const;
    [[nodiscard]] std::optional<Timestamp> day(SecretId secret, const VersionId& version) const;

    /// Accesses not recorded for want of room.
    [[nodiscard]] std::uint64_t dropped() const;

    /// Writes what is not written yet and waits for it until `deadline`; what could not be written is kept
    /// for the next time. Called by a thread of the recorder's own at every interval.
    void flush(Deadline deadline);

    /// Writes the rest (waiting a few seconds at most) and stops the thread. Also done by the destructor.
    void close() { periodic_.close(); }

private:
    struct VersionDay {
        VersionId version;
        Timestamp day;
        bool written = false;
        std::string principal{};
    };
    struct Shard {
        mutable std::mutex mutex;
        std::unordered_map<SecretId, std::vector<VersionDay>> secrets;
        std::uint64_t dropped = 0;
        bool full = false;  ///< nothing can be forgotten before the next flush
    };
    static constexpr std::size_t kShards = 8;

    [[nodiscard]] const Shard& shard_of(SecretId secret) const;
    [[nodiscard]] Shard& shard_of(SecretId secret);
    [[nodiscard]] bool make_room(Shard& shard) const;
    [[nodiscard]] static bool make_room(std::vector<VersionDay>& days);
    [[nodiscard]] std::vector<SecretRepository::Access> unwritten() const;
    void mark_written(const std::vector<SecretRepository::Access>& accesses);

    Database& database_;
    const AccessRecorderConfig config_;
    std::array<Shard, kShards> shards_;
    std::mutex flush_mutex_;  ///< one flush at a time

    PeriodicFlush periodic_;
};

}  // namespace coffer::storage
