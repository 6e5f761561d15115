#pragma once
// Copies the journal to one sink, on a thread of its own: in order, at least once, from where it stopped the
// last time, with growing pauses while the sink fails. It reads files: a sink that hangs holds up nobody but
// itself, and one batch is all that is in memory.

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "daemon/audit/journal.hpp"
#include "daemon/audit/journal_reader.hpp"
#include "daemon/audit/sink.hpp"

namespace coffer::audit {

struct ShipperConfig {
    /// Where the position is kept; must exist, and not be the journal's directory.
    std::filesystem::path state_directory;
    std::size_t batch_records_max = 500;
    std::size_t batch_bytes_max = 1024 * 1024;
    /// Pause after the first failure; doubled after each further one, up to the longest.
    std::chrono::milliseconds back_off_min{1'000};
    std::chrono::milliseconds back_off_max{60'000};
};

/// Told how shipping goes. Called on the shipper's thread; must not block or throw.
class ShipperObserver {
public:
    virtual ~ShipperObserver() = default;
    virtual void delivered(std::string_view sink, std::uint64_t sequence, std::size_t records) = 0;
    virtual void delivery_failed(std::string_view sink, std::string reason,
                                 std::chrono::milliseconds pause) = 0;
    /// Records `first` to `last` were removed before they were shipped.
    virtual void gap(std::string_view sink, std::uint64_t first, std::uint64_t last) = 0;
    /// The journal is not the one of which the sink has everything up to record `sequence`: it was put back
    /// to an earlier state, and other events got the numbers of those that the sink has. All of it is handed
    /// over again.
    virtual void forked(std::string_view sink, std::uint64_t sequence) = 0;
};

struct ShipperStatus {
    std::string sink;
    std::uint64_t sequence = 0;  ///< up to which the sink has everything
    std::uint64_t segment = 0;   ///< segments before this one are not needed any more; 0 at first
    std::string failure;         ///< of the last try; empty when it succeeded
};

/// Thread-safe.
class Shipper {
public:
    /// Starts. `journal` must outlive the shipper; `observer` may be null.
    Shipper(ShipperConfig config, const Journal& journal, std::unique_ptr<Sink> sink,
            std::shared_ptr<ShipperObserver> observer);
    ~Shipper();
    Shipper(const Shipper&) = delete;
    Shipper& operator=(const Shipper&) = delete;

    [[nodiscard]] ShipperStatus status() const;
    /// Cancels what is under way and ends the thread.
    void stop();

private:
    void run();
    void check_position();
    [[nodiscard]] std::vector<ShippedRecord> read_batch();
    void deliver_until_done(const std::vector<ShippedRecord>& batch);
    void pause(const std::string& reason);
    void keep_position(std::size_t records);

    const ShipperConfig config_;
    const Journal& journal_;
    const std::unique_ptr<Sink> sink_;
    const std::shared_ptr<ShipperObserver> observer_;
    const std::filesystem::path position_file_;

    JournalReader reader_;
    bool position_checked_ = false;
    std::chrono::milliseconds back_off_;

    mutable std::mutex mutex_;
    std::condition_variable stopped_;
    ShipperStatus status_;
    std::atomic<bool> stopping_{false};
    std::thread thread_;
};

/// Removes segments that every one of `shippers` has shipped and whose events are all older than `keep_for`;
/// how many. Without shippers only the age counts. Throws what Journal::remove_segments throws.
std::size_t apply_retention(Journal& journal, const std::vector<const Shipper*>& shippers,
                            std::chrono::hours keep_for, const Clock& clock);

}  // namespace coffer::audit
