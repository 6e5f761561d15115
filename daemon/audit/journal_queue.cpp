#include "daemon/audit/journal_queue.hpp"

#include <algorithm>
#include <utility>

namespace coffer::audit {

namespace {

/// Long enough for one of many that are on their way to arrive.
constexpr std::chrono::microseconds kLull{100};

}  // namespace

std::optional<QueueRefusal> JournalQueue::push(PendingRecord& record) {
    {
        const std::lock_guard lock(mutex_);
        if (closed_) return QueueRefusal::closed;
        if (records_.size() >= records_max_ || bytes_ + record.json.size() > bytes_max_) {
            return QueueRefusal::full;
        }
        bytes_ += record.json.size();
        records_.push_back(std::move(record));
        if (records_.size() < wanted_) return std::nullopt;
    }
    ready_.notify_one();
    return std::nullopt;
}

void JournalQueue::push_internal(PendingRecord record) {
    {
        const std::lock_guard lock(mutex_);
        bytes_ += record.json.size();
        records_.push_back(std::move(record));
        if (records_.size() < wanted_) return;
    }
    ready_.notify_one();
}

void JournalQueue::gather(std::unique_lock<std::mutex>& lock, std::size_t count,
                          std::chrono::nanoseconds time) {
    const auto enough = [&] { return records_.size() >= count || woken_ || closed_; };
    const auto until = std::chrono::steady_clock::now() + time;
    wanted_ = count;
    while (!enough()) {
        const auto now = std::chrono::steady_clock::now();
        if (now >= until) return;
        const auto before = records_.size();
        (void)ready_.wait_until(lock, std::min(until, now + kLull), enough);
        // Everybody waits for us already.
        if (records_.size() == before) return;
    }
}

std::vector<PendingRecord> JournalQueue::pop(std::size_t bytes_max, Deadline until, std::size_t gather_count,
                                             std::chrono::nanoseconds gather_for) {
    std::vector<PendingRecord> out;
    std::unique_lock lock(mutex_);
    wanted_ = 1;
    (void)ready_.wait_until(lock, until, [this] { return !records_.empty() || woken_; });
    if (!records_.empty()) gather(lock, gather_count, gather_for);
    wanted_ = kNobodyWaits;
    woken_ = false;
    std::size_t bytes = 0;
    while (!records_.empty() && (out.empty() || bytes + records_.front().json.size() <= bytes_max)) {
        bytes += records_.front().json.size();
        out.push_back(std::move(records_.front()));
        records_.pop_front();
    }
    bytes_ -= bytes;
    return out;
}

void JournalQueue::wake() {
    {
        const std::lock_guard lock(mutex_);
        woken_ = true;
    }
    ready_.notify_one();
}

void JournalQueue::close() {
    {
        const std::lock_guard lock(mutex_);
        closed_ = true;
    }
    ready_.notify_one();
}

std::size_t JournalQueue::size() const {
    const std::lock_guard lock(mutex_);
    return records_.size();
}

}  // namespace coffer::audit
