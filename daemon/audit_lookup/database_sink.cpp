#include "daemon/audit_lookup/database_sink.hpp"

#include <algorithm>
#include <future>
#include <thread>
#include <utility>

#include "daemon/audit_lookup/event_rows.hpp"

namespace coffer::audit_lookup {

using storage::AuditEventRepository;

namespace {

/// How long a batch waits for the others to leave a connection free.
constexpr std::chrono::seconds kPatience{30};
constexpr std::chrono::seconds kDropPatience{10};
/// After each batch the sink rests for so many times as long as that took: copying must not take more than a
/// quarter of a processor, here and in PostgreSQL, from requests. What comes faster than that waits in the
/// journal.
constexpr int kRest = 3;
constexpr std::chrono::seconds kRestMax{5};
/// How soon cancelling is noticed.
constexpr std::chrono::milliseconds kGlance{50};

JobOptions last_in_line(std::chrono::seconds patience) {
    return {.priority = Priority::rewrap, .deadline = std::chrono::steady_clock::now() + patience};
}

}  // namespace

DatabaseSink::Batch DatabaseSink::batch_of(std::span<const audit::ShippedRecord> records) const {
    const auto oldest = clock_.now() - keep_for_;
    Batch batch;
    std::set<Timestamp> days;
    for (const auto& record : records) {
        if (record.kind == audit::RecordKind::checkpoint) {
            batch.checkpoints.push_back({record.sequence, record.json});
            continue;
        }
        auto row = row_of(record);
        if (!row || row->time < oldest) continue;
        const auto day = row->time.day();
        if (!days_.contains(day)) days.insert(day);
        batch.events.push_back(std::move(*row));
    }
    batch.new_days.assign(days.begin(), days.end());
    return batch;
}

void DatabaseSink::write(std::shared_ptr<const Batch> batch) {
    // Shared, since whoever is cancelled does not wait for the job to end.
    auto done = std::make_shared<std::promise<Outcome<Done>>>();
    auto outcome = done->get_future();
    database_.write<Done>(
        last_in_line(kPatience),
        [batch = std::move(batch), journal = journal_](storage::WriteTransaction& tx) {
            AuditEventRepository::make_days(tx, batch->new_days);
            AuditEventRepository::insert(tx, journal, batch->events);
            AuditEventRepository::insert_checkpoints(tx, journal, batch->checkpoints);
            return Done{};
        },
        [done](Outcome<Done> result) { done->set_value(std::move(result)); });
    while (outcome.wait_for(kGlance) != std::future_status::ready) {
        if (cancelled_) throw audit::SinkError("stopped");
    }
    static_cast<void>(outcome.get().take());
}

void DatabaseSink::rest() const {
    while (!cancelled_) {
        const auto now = std::chrono::steady_clock::now();
        if (now >= rested_) return;
        std::this_thread::sleep_for(std::min<std::chrono::steady_clock::duration>(rested_ - now, kGlance));
    }
    throw audit::SinkError("stopped");
}

void DatabaseSink::deliver(std::span<const audit::ShippedRecord> records) {
    rest();
    const auto begun = std::chrono::steady_clock::now();
    const auto batch = std::make_shared<const Batch>(batch_of(records));
    if (batch->events.empty() && batch->checkpoints.empty()) return;
    try {
        write(batch);
    } catch (const std::exception& error) {
        // Another node may have dropped a day that this one thinks is there.
        days_.clear();
        throw audit::SinkError(error.what());
    }
    days_.insert(batch->new_days.begin(), batch->new_days.end());
    const auto now = std::chrono::steady_clock::now();
    rested_ =
        now + std::clamp<std::chrono::steady_clock::duration>(kRest * (now - begun), rest_min_, kRestMax);
}

std::vector<std::string> drop_events(storage::Database& database, Timestamp before,
                                     const std::function<bool()>& stop) {
    std::vector<std::string> dropped;
    while (!stop()) {
        auto name = wait_for<std::optional<std::string>>([&](Completion<std::optional<std::string>> done) {
            database.write<std::optional<std::string>>(
                last_in_line(kDropPatience),
                [before](storage::WriteTransaction& tx) {
                    return AuditEventRepository::drop_oldest(tx, before);
                },
                std::move(done));
        });
        if (!name) break;
        dropped.push_back(std::move(*name));
    }
    static_cast<void>(wait_for<Done>([&](Completion<Done> done) {
        database.write<Done>(
            last_in_line(kDropPatience),
            [before](storage::WriteTransaction& tx) {
                AuditEventRepository::remove_checkpoints(tx, before);
                return Done{};
            },
            std::move(done));
    }));
    return dropped;
}

}  // namespace coffer::audit_lookup
