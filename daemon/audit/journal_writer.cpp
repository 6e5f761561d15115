#include "daemon/audit/journal_writer.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <iterator>
#include <utility>

#include "daemon/base/thread_name.hpp"

namespace coffer::audit {

namespace {

using std::chrono::steady_clock;

constexpr std::chrono::seconds kSpaceInterval{1};
/// What of the reserve is given up at once, at least, in bytes.
constexpr std::uint64_t kReservePieceBytes = 64 * 1024;

/// A batch waits for those who were answered together and come back together: for a part of what the disk
/// takes.
constexpr int kGatherShare = 4;
constexpr std::chrono::milliseconds kGatherMax{1};
/// From so many records on it waits for twice as many: each fdatasync costs processors as well, which many
/// requests at a time have better use for.
constexpr std::size_t kBusyRecords = 6;
constexpr std::chrono::microseconds kGatherBusy{600};

struct Gathering {
    std::size_t records = 0;
    std::chrono::nanoseconds time{0};
};

Gathering gathering_after(std::size_t records, std::chrono::nanoseconds took) {
    if (records >= kBusyRecords) {
        return {2 * records, std::clamp<std::chrono::nanoseconds>(took, kGatherBusy, kGatherMax)};
    }
    return {records, std::min<std::chrono::nanoseconds>(took / kGatherShare, kGatherMax)};
}

std::size_t bytes_of(const std::vector<PendingRecord>& batch) {
    std::size_t bytes = 0;
    for (const auto& record : batch) bytes += record.json.size() + kRecordPrefixBytes + 1;
    return bytes;
}

}  // namespace

JournalWriter::JournalWriter(const JournalConfig& config, const Clock& clock, JournalStore store,
                             JournalQueue& queue, JournalObserver& observer)
    : config_(config),
      clock_(clock),
      store_(std::move(store)),
      queue_(queue),
      observer_(observer),
      journal_(store_.journal()) {
    status_.available = true;
    publish();
    look_at_space();
    thread_ = std::thread([this] { run(); });
    name_thread(thread_, "audit-write");
}

JournalWriter::~JournalWriter() {
    stop();
}

void JournalWriter::stop() {
    stopping_ = true;
    queue_.wake();
    if (thread_.joinable()) thread_.join();
}

void JournalWriter::run() {
    while (true) {
        const bool last = stopping_;
        auto until = std::max(steady_clock::now(), next_space_look_);
        if (refusing_) until = std::min(until, std::max(steady_clock::now(), next_retry_));
        const auto gathering = gathering_after(last_records_, last_took_);
        auto batch = queue_.pop(config_.batch_bytes_max, last ? steady_clock::now() : until,
                                gathering.records, gathering.time);
        if (batch.empty() && last) return;
        if (!batch.empty()) write(std::move(batch));
        if (refusing_ && steady_clock::now() >= next_retry_) try_to_resume();
        if (steady_clock::now() >= next_space_look_) look_at_space();
    }
}

void JournalWriter::write(std::vector<PendingRecord> batch) {
    if (refusing_) {
        // Requests that were queued before it was known.
        const auto ours = std::stable_partition(batch.begin(), batch.end(), [](const PendingRecord& record) {
            return record.admission == Admission::operator_action;
        });
        std::vector<PendingRecord> requests(std::make_move_iterator(ours),
                                            std::make_move_iterator(batch.end()));
        batch.erase(ours, batch.end());
        refuse(requests, *refusal());
        if (batch.empty()) return;
    }
    std::string reason;
    bool no_space = false;
    try {
        commit(batch);
        return;
    } catch (const FileError& error) {
        no_space = error.no_space();
        reason = error.what();
    } catch (const std::exception& error) {
        reason = error.what();
    }
    begin_refusing(reason, no_space);
    if (no_space) return write_from_reserve(std::move(batch), reason);
    refuse(batch, reason);
}

void JournalWriter::commit(std::vector<PendingRecord>& batch) {
    std::vector<NewRecord> records;
    records.reserve(batch.size());
    for (const auto& record : batch) records.push_back({record.kind, record.json});
    const auto begun = steady_clock::now();
    store_.commit(records);
    last_took_ = steady_clock::now() - begun;
    last_records_ = batch.size();
    publish();
    const auto bytes = bytes_of(batch);
    // The journal's own events and headers come first in what was committed.
    complete(batch, store_.state().sequence - batch.size() + 1);
    observer_.batch_written(last_records_, bytes, last_took_);
    for (auto& incident : store_.take_incidents()) observer_.incident(std::move(incident));
}

void JournalWriter::complete(std::vector<PendingRecord>& batch, std::uint64_t first) {
    for (auto& record : batch) {
        if (record.done) record.done(Receipt{first});
        ++first;
    }
}

void JournalWriter::refuse(std::vector<PendingRecord>& batch, const std::string& reason) {
    for (auto& record : batch) {
        count_refused();
        if (record.done) {
            record.done(
                std::make_exception_ptr(AuditUnavailable("the audit journal takes no events: " + reason)));
        }
    }
}

void JournalWriter::write_from_reserve(std::vector<PendingRecord> batch, const std::string& reason) {
    const auto ours = std::stable_partition(batch.begin(), batch.end(), [](const PendingRecord& record) {
        return record.admission == Admission::operator_action;
    });
    std::vector<PendingRecord> requests(std::make_move_iterator(ours), std::make_move_iterator(batch.end()));
    batch.erase(ours, batch.end());
    refuse(requests, reason);
    if (batch.empty()) return;
    std::string why = reason;
    // Each turn gives a piece up, so there is an end.
    while (store_.reserve().release(std::max<std::uint64_t>(kReservePieceBytes, 2 * bytes_of(batch)))) {
        try {
            return commit(batch);
        } catch (const std::exception& error) {
            why = error.what();
        }
    }
    refuse(batch, why);
}

std::uint64_t JournalWriter::wanted_bytes() noexcept {
    return store_.reserve().missing_bytes() + config_.resume_bytes;
}

/// Room may be there and not be enough: the fault's own words do not tell.
void JournalWriter::tell_room() {
    auto reason = fault_;
    if (no_space_) {
        reason += "; " + std::to_string(wanted_bytes()) + " bytes must be free to go on, " +
                  std::to_string(store_.free_bytes()) + " are";
    }
    const std::lock_guard lock(mutex_);
    status_.reason = std::move(reason);
}

void JournalWriter::begin_refusing(const std::string& reason, bool no_space) {
    no_space_ = no_space;
    fault_ = reason;
    tell_room();
    next_retry_ = steady_clock::now() + config_.retry_interval;
    for (auto& incident : store_.take_incidents()) observer_.incident(std::move(incident));
    {
        const std::lock_guard lock(mutex_);
        status_.available = false;
    }
    if (refusing_.exchange(true)) return;
    refusing_since_ = clock_.now();
    refused_before_ = refused_;
    observer_.availability_changed(false, *refusal());
}

void JournalWriter::try_to_resume() {
    next_retry_ = steady_clock::now() + config_.retry_interval;
    if (no_space_) {
        tell_room();
        if (store_.free_bytes() < wanted_bytes()) return;
        if (!store_.reserve().refill()) return;
    }
    const auto refused = refused_ - refused_before_;
    const auto text = to_json(journal_event(JournalEventKind::resumed, config_.node, clock_.now(),
                                            {{"reason", boost::json::string(fault_)},
                                             {"refusedRequests", static_cast<std::int64_t>(refused)},
                                             {"sinceMs", refusing_since_.millis()}}));
    try {
        const NewRecord record{RecordKind::event, text};
        store_.commit({&record, 1});
    } catch (const FileError& error) {
        return begin_refusing(error.what(), error.no_space());
    } catch (const std::exception& error) {
        return begin_refusing(error.what(), false);
    }
    publish();
    {
        const std::lock_guard lock(mutex_);
        status_.available = true;
        status_.reason.clear();
    }
    refusing_ = false;
    no_space_ = false;
    for (auto& incident : store_.take_incidents()) observer_.incident(std::move(incident));
    observer_.availability_changed(true, {});
}

void JournalWriter::look_at_space() {
    next_space_look_ = steady_clock::now() + kSpaceInterval;
    // What the reserve has lent is not free.
    const auto free = store_.free_bytes() - std::min(store_.free_bytes(), store_.reserve().missing_bytes());
    const bool low = free < config_.low_water_bytes;
    bool changed = false;
    {
        const std::lock_guard lock(mutex_);
        changed = status_.low_water != low;
        status_.low_water = low;
        status_.free_bytes = free;
    }
    if (changed) observer_.low_water_changed(low, free);
    // A reserve that could not be had whole at the start, or was used.
    if (!low && !refusing_ && store_.reserve().missing_bytes() > 0) (void)store_.reserve().refill();
}

void JournalWriter::publish() {
    {
        const std::lock_guard lock(mutex_);
        durable_ = store_.state();
        status_.sequence = durable_.sequence;
        status_.segment = store_.segment();
    }
    advanced_.notify_all();
}

std::optional<std::string> JournalWriter::refusal() const {
    if (!refusing_.load(std::memory_order_relaxed)) return std::nullopt;
    const std::lock_guard lock(mutex_);
    return status_.reason;
}

JournalStatus JournalWriter::status() const {
    const std::lock_guard lock(mutex_);
    auto status = status_;
    status.refused = refused_;
    return status;
}

ChainState JournalWriter::durable() const {
    const std::lock_guard lock(mutex_);
    return durable_;
}

std::uint64_t JournalWriter::wait_beyond(std::uint64_t sequence, Deadline until) const {
    std::unique_lock lock(mutex_);
    (void)advanced_.wait_until(lock, until, [&] { return durable_.sequence > sequence; });
    return durable_.sequence;
}

}  // namespace coffer::audit
