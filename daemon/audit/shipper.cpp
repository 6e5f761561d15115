#include "daemon/audit/shipper.hpp"

#include <algorithm>
#include <utility>

#include "daemon/audit/ship_position.hpp"
#include "daemon/base/thread_name.hpp"

namespace coffer::audit {

namespace {
/// How long one wait for new records lasts, so that stopping is noticed.
constexpr std::chrono::milliseconds kWait{100};
}  // namespace

Shipper::Shipper(ShipperConfig config, const Journal& journal, std::unique_ptr<Sink> sink,
                 std::shared_ptr<ShipperObserver> observer)
    : config_(std::move(config)),
      journal_(journal),
      sink_(std::move(sink)),
      observer_(std::move(observer)),
      position_file_(config_.state_directory / (std::string(sink_->name()) + ".position")),
      reader_(journal.directory(), load_position(position_file_, journal.id()).value_or(JournalPosition{})),
      back_off_(config_.back_off_min) {
    status_.sink = sink_->name();
    status_.sequence = reader_.position().sequence;  // the segment is told when the position has been checked
    thread_ = std::thread([this] { run(); });
    name_thread(thread_, "ship-" + status_.sink);
}

Shipper::~Shipper() {
    stop();
}

void Shipper::stop() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    stopped_.notify_all();
    sink_->cancel();
    if (thread_.joinable()) thread_.join();
}

ShipperStatus Shipper::status() const {
    const std::lock_guard lock(mutex_);
    return status_;
}

void Shipper::run() {
    while (!stopping_) {
        if (position_checked_) {
            (void)journal_.wait_beyond(reader_.position().sequence, std::chrono::steady_clock::now() + kWait);
        }
        auto from = reader_.position();
        try {
            check_position();
            from = reader_.position();
            const auto batch = read_batch();
            if (!batch.empty()) deliver_until_done(batch);
            if (!stopping_ && reader_.position() != from) keep_position(batch.size());
        } catch (const std::exception& error) {
            // A file that cannot be read or written now. Nothing is passed over.
            reader_ = JournalReader(journal_.directory(), from);
            pause(error.what());
        }
    }
}

/// A directory that was put back as it was earlier has this journal's id, and gives the numbers that the sink
/// has seen to other records.
void Shipper::check_position() {
    if (position_checked_) return;
    const auto kept = reader_.position();
    const bool fits = fits_journal(journal_.directory(), kept);
    position_checked_ = true;
    if (!fits) {
        reader_ = JournalReader(journal_.directory());
        if (observer_) observer_->forked(sink_->name(), kept.sequence);
    }
    const std::lock_guard lock(mutex_);
    status_.sequence = reader_.position().sequence;
    status_.segment = reader_.position().segment;
}

std::vector<ShippedRecord> Shipper::read_batch() {
    const auto durable = journal_.status().sequence;
    std::vector<ShippedRecord> batch;
    std::size_t bytes = 0;
    while (batch.size() < config_.batch_records_max && bytes < config_.batch_bytes_max) {
        const auto before = reader_.position().sequence;
        auto record = reader_.next(durable);
        if (!record) break;
        if (before != 0 && record->sequence > before + 1 && observer_) {
            observer_->gap(sink_->name(), before + 1, record->sequence - 1);
        }
        if (record->kind == RecordKind::header) continue;
        bytes += record->json.size();
        batch.push_back({record->kind, record->sequence, std::move(record->json)});
    }
    return batch;
}

void Shipper::deliver_until_done(const std::vector<ShippedRecord>& batch) {
    while (!stopping_) {
        try {
            sink_->deliver(batch);
            back_off_ = config_.back_off_min;
            return;
        } catch (const std::exception& error) {
            pause(error.what());
        }
    }
}

void Shipper::pause(const std::string& reason) {
    if (stopping_) return;
    if (observer_) observer_->delivery_failed(sink_->name(), reason, back_off_);
    std::unique_lock lock(mutex_);
    status_.failure = reason;
    (void)stopped_.wait_for(lock, back_off_, [this] { return stopping_.load(); });
    back_off_ = std::min(2 * back_off_, config_.back_off_max);
}

void Shipper::keep_position(std::size_t records) {
    const auto position = reader_.position();
    save_position(position_file_, journal_.id(), position);
    {
        const std::lock_guard lock(mutex_);
        status_.sequence = position.sequence;
        status_.segment = position.segment;
        status_.failure.clear();
    }
    if (observer_ && records > 0) observer_->delivered(sink_->name(), position.sequence, records);
}

std::size_t apply_retention(Journal& journal, const std::vector<const Shipper*>& shippers,
                            std::chrono::hours keep_for, const Clock& clock) {
    auto keep_from = UINT64_MAX;
    for (const auto* shipper : shippers) keep_from = std::min(keep_from, shipper->status().segment);
    return journal.remove_segments(keep_from, clock.now() - keep_for);
}

}  // namespace coffer::audit
