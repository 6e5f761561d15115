#pragma once
// The thread that writes: takes batches from the queue to the store, completes them, refuses when the disk
// does, and finds out by itself when the fault has gone.

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "daemon/audit/journal.hpp"
#include "daemon/audit/journal_queue.hpp"
#include "daemon/audit/journal_store.hpp"

namespace coffer::audit {

/// Thread-safe.
class JournalWriter {
public:
    /// Starts the thread. All arguments but the store must outlive the writer.
    JournalWriter(const JournalConfig& config, const Clock& clock, JournalStore store, JournalQueue& queue,
                  JournalObserver& observer);
    ~JournalWriter();
    JournalWriter(const JournalWriter&) = delete;
    JournalWriter& operator=(const JournalWriter&) = delete;

    [[nodiscard]] std::optional<std::string> refusal() const;
    void count_refused() noexcept { refused_.fetch_add(1, std::memory_order_relaxed); }
    /// What of the status the writer knows.
    [[nodiscard]] JournalStatus status() const;
    /// Where the durable chain stands.
    [[nodiscard]] ChainState durable() const;
    [[nodiscard]] std::uint64_t wait_beyond(std::uint64_t sequence, Deadline until) const;
    [[nodiscard]] Uuid journal() const noexcept { return journal_; }

    /// Writes what is queued, or refuses it, and ends the thread.
    void stop();

private:
    void run();
    void write(std::vector<PendingRecord> batch);
    void commit(std::vector<PendingRecord>& batch);
    void complete(std::vector<PendingRecord>& batch, std::uint64_t first);
    void refuse(std::vector<PendingRecord>& batch, const std::string& reason);
    void write_from_reserve(std::vector<PendingRecord> batch, const std::string& reason);
    void begin_refusing(const std::string& reason, bool no_space);
    void try_to_resume();
    [[nodiscard]] std::uint64_t wanted_bytes() noexcept;
    void tell_room();
    void look_at_space();
    void publish();

    const JournalConfig& config_;
    const Clock& clock_;
    JournalStore store_;
    JournalQueue& queue_;
    JournalObserver& observer_;
    const Uuid journal_;

    // Of the thread alone.
    bool no_space_ = false;
    std::string fault_;  // why it refuses, as the system said it
    Timestamp refusing_since_;
    std::uint64_t refused_before_ = 0;
    std::size_t last_records_ = 1;           // of the last batch
    std::chrono::nanoseconds last_took_{0};  // and how long the disk took
    Deadline next_retry_{};
    Deadline next_space_look_{};

    std::atomic<bool> refusing_{false};
    std::atomic<bool> stopping_{false};
    std::atomic<std::uint64_t> refused_{0};
    mutable std::mutex mutex_;
    mutable std::condition_variable advanced_;
    ChainState durable_;
    JournalStatus status_;

    std::thread thread_;
};

}  // namespace coffer::audit
