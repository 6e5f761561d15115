#include "daemon/audit/journal_queue.hpp"

#include <utility>

namespace coffer::audit {

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

std::vector<PendingRecord> JournalQueue::pop(std::size_t bytes_max, Deadline until, std::size_t gather_count,
                                             std::chrono::nanoseconds gather_for) {
    std::vector<PendingRecord> out;
    std::unique_lock lock(mutex_);
    wanted_ = 1;
    (void)ready_.wait_until(lock, until, [this] { return !records_.empty() || woken_; });
    if (!records_.empty() && !woken_ && !closed_ && records_.size() < gather_count) {
        wanted_ = gather_count;
        (void)ready_.wait_for(lock, gather_for,
                              [&] { return records_.size() >= gather_count || woken_ || closed_; });
    }
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
