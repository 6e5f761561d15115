#include "daemon/usage/snapshot_worker.hpp"

#include "storage/usage_repository.hpp"

namespace coffer::usage {

namespace {

/// Counting reads all secrets: seconds for a million.
constexpr std::chrono::minutes kPatience{5};

}  // namespace

SnapshotWorker::SnapshotWorker(storage::Database& database, const Clock& clock, std::string node,
                               std::chrono::milliseconds interval, Events events)
    : database_(database),
      clock_(clock),
      node_(std::move(node)),
      interval_(interval),
      events_(std::move(events)),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

SnapshotWorker::~SnapshotWorker() {
    stop();
}

void SnapshotWorker::stop() {
    thread_.request_stop();
    if (thread_.joinable()) thread_.join();
}

bool SnapshotWorker::run_once() {
    const std::lock_guard one_at_a_time(round_mutex_);
    const auto now = clock_.now();
    if (last_ && now.day() == last_->day() && now < *last_ + storage::UsageRepository::kCountEvery)
        return false;
    try {
        const bool counted = wait_for<bool>([&](Completion<bool> done) {
            database_.write<bool>(
                {Priority::rewrap, std::chrono::steady_clock::now() + kPatience},
                [now, node = node_](storage::WriteTransaction& tx) {
                    if (!storage::UsageRepository::take_snapshot(tx, node, now)) return false;
                    storage::UsageRepository::forget_before(
                        tx, Timestamp::from_millis(now.day().millis() - kKeepDays * kMillisPerDay));
                    return true;
                },
                std::move(done));
        });
        last_ = now;
        if (counted) events_.counted();
        return counted;
    } catch (const std::exception& error) {
        events_.failed(error.what());
        return false;
    }
}

void SnapshotWorker::run(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
        run_once();
        std::unique_lock lock(mutex_);
        wake_.wait_for(lock, stop, interval_, [] { return false; });
    }
}

}  // namespace coffer::usage
