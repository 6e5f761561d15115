#pragma once
// What can be set of the journal, with its limits.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>

namespace coffer::audit {

struct JournalConfig {
    /// Must exist, belong to this process's user and be writable by nobody else. Not made by the journal: a
    /// path whose file system is not mounted must not be filled by mistake.
    std::filesystem::path directory;
    /// Name of this node in every header and checkpoint; 1 to 200 bytes.
    std::string node;

    /// Largest JSON of one event, in bytes; 4 KiB to 1 MiB, which every event keeps by the limits of its
    /// members.
    std::size_t record_bytes_max = 1024 * 1024;
    /// Events that may wait for the disk, by number and by bytes of JSON. Beyond: Overloaded at once.
    std::size_t queue_records_max = 8192;
    std::size_t queue_bytes_max = 64 * 1024 * 1024;
    /// What one fdatasync covers at most, in bytes.
    std::size_t batch_bytes_max = 4 * 1024 * 1024;

    /// A segment that is larger, in bytes, or older is followed by a new one.
    std::uint64_t segment_bytes_max = 64 * 1024 * 1024;
    std::chrono::seconds segment_age_max{24 * 60 * 60};

    /// A checkpoint is signed after so many records or so much time, whichever comes first. What lies after
    /// the newest one is chained but not signed for.
    std::uint64_t checkpoint_records = 10'000;
    std::chrono::milliseconds checkpoint_interval{10'000};

    /// Space that is kept for operators' events, in bytes; 0 keeps none.
    std::uint64_t reserve_bytes = 8 * 1024 * 1024;
    /// Free space below which the observer is told, in bytes.
    std::uint64_t low_water_bytes = 256 * 1024 * 1024;
    /// Free space, besides what refills the reserve, at which refused requests are taken again, in bytes.
    std::uint64_t resume_bytes = 4 * 1024 * 1024;

    /// How often a fault is looked at again.
    std::chrono::milliseconds retry_interval{500};
};

/// Throws Error that names the setting and its limit.
void require_valid(const JournalConfig& config);

}  // namespace coffer::audit
