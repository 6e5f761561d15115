#pragma once
// Events that wait for the journal's thread: bounded by number and by bytes. Internal records (checkpoints,
// the journal's own events) pass the bounds: there are few, and nobody else would write them.

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "daemon/audit/journal.hpp"
#include "daemon/audit/record.hpp"

namespace coffer::audit {

/// A record with who waits for it.
struct PendingRecord {
    RecordKind kind = RecordKind::event;
    Admission admission = Admission::request;
    std::string json;
    Completion<Receipt> done;
};

/// Why a record was not taken in.
enum class QueueRefusal : std::uint8_t { full, closed };

/// Thread-safe.
class JournalQueue {
public:
    JournalQueue(std::size_t records_max, std::size_t bytes_max)
        : records_max_(records_max), bytes_max_(bytes_max) {}

    /// Takes `record` in, or says why not and leaves it as it was.
    [[nodiscard]] std::optional<QueueRefusal> push(PendingRecord& record);
    /// The same without bounds, also after close().
    void push_internal(PendingRecord record);
    /// The oldest records of at most `bytes_max` together, one at least. Waits until there is one, `until`,
    /// or wake(). Once there is one, waits up to `gather_for` until there are `gather_count`, or no more
    /// come: those who were just answered together come back together, and one sync is cheaper than two.
    [[nodiscard]] std::vector<PendingRecord> pop(std::size_t bytes_max, Deadline until,
                                                 std::size_t gather_count = 1,
                                                 std::chrono::nanoseconds gather_for = {});
    /// Ends a wait in pop().
    void wake();
    /// Takes no more records of callers.
    void close();
    [[nodiscard]] std::size_t size() const;

private:
    void gather(std::unique_lock<std::mutex>& lock, std::size_t count, std::chrono::nanoseconds time);

    const std::size_t records_max_;
    const std::size_t bytes_max_;
    mutable std::mutex mutex_;
    std::condition_variable ready_;
    std::deque<PendingRecord> records_;
    std::size_t bytes_ = 0;
    /// So many records end the wait in pop(): waking it for each would cost two switches of threads a record.
    static constexpr std::size_t kNobodyWaits = SIZE_MAX;
    std::size_t wanted_ = kNobodyWaits;
    bool closed_ = false;
    bool woken_ = false;
};

}  // namespace coffer::audit
