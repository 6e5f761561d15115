#pragma once
// The sink that copies events into PostgreSQL, where all nodes' events are searched.

#include <atomic>
#include <chrono>
#include <functional>
#include <set>

#include "daemon/audit/sink.hpp"
#include "daemon/base/time.hpp"
#include "storage/audit_event_repository.hpp"
#include "storage/database.hpp"

namespace coffer::audit_lookup {

/// Yields to everything else: one job at a time, of one batch, in the database's last lane, with rests
/// between them. Events that are older than what is kept are passed over. Records that are no events (there
/// are none in a journal that Coffer wrote) are passed over too: they would stop all others behind them.
class DatabaseSink final : public audit::Sink {
public:
    /// So long at least from one batch to the next: each is a commit, whose fsync takes the disk from others.
    static constexpr std::chrono::milliseconds kRestMin{250};

    /// All must outlive it. `keep_for`: as long as events stay in the table.
    DatabaseSink(storage::Database& database, storage::AuditJournalName journal,
                 std::chrono::milliseconds keep_for, const Clock& clock,
                 std::chrono::milliseconds rest_min = kRestMin)
        : database_(database),
          journal_(std::move(journal)),
          keep_for_(keep_for),
          clock_(clock),
          rest_min_(rest_min) {}

    [[nodiscard]] std::string_view name() const noexcept override { return "database"; }
    void deliver(std::span<const audit::ShippedRecord> records) override;
    void cancel() noexcept override { cancelled_ = true; }

private:
    struct Batch {
        std::vector<storage::AuditEventRow> events;
        std::vector<storage::AuditCheckpointRow> checkpoints;
        std::vector<Timestamp> new_days;
    };
    [[nodiscard]] Batch batch_of(std::span<const audit::ShippedRecord> records) const;
    void write(std::shared_ptr<const Batch> batch);
    /// Waits until it may go on. Throws SinkError when it was cancelled.
    void rest() const;

    storage::Database& database_;
    const storage::AuditJournalName journal_;
    const std::chrono::milliseconds keep_for_;
    const Clock& clock_;
    const std::chrono::milliseconds rest_min_;
    std::set<Timestamp> days_;  ///< whose partitions are there, as far as this node knows
    Deadline rested_{};
    std::atomic<bool> cancelled_{false};
};

/// Removes the days that ended before `before`, one after another, until `stop` says so; their partitions'
/// names. Blocks for as long as the database lets it. Throws what the database throws.
std::vector<std::string> drop_events(storage::Database& database, Timestamp before,
                                     const std::function<bool()>& stop);

}  // namespace coffer::audit_lookup
