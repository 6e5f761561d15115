#include "daemon/secrets/purge_worker.hpp"

#include <optional>
#include <utility>
#include <vector>

#include "storage/secret_repository.hpp"

namespace coffer::secrets {

using storage::SecretRepository;

namespace {

/// Secrets of one round; the rest waits for the next.
constexpr std::size_t kSecretsPerRound = 1000;
constexpr std::chrono::seconds kPurgePatience{30};

JobOptions patient() {
    return {Priority::rotation, std::chrono::steady_clock::now() + kPurgePatience};
}

/// A secret that was purged.
struct Purge {
    std::vector<Bytes> wrapped_keys;
    std::optional<ChangeEvent> event;
};
/// Nothing when it was not due any more.
using Purged = std::optional<Purge>;

Purged purge_if_due(storage::WriteTransaction& tx, const std::string& name, Timestamp now,
                    AuditTrail* trail) {
    const auto secret = SecretRepository::lock(tx, name);
    if (!secret || !secret->purge_due || *secret->purge_due > now) return std::nullopt;
    Purge purge{SecretRepository::wrapped_keys(tx, secret->id), std::nullopt};
    SecretRepository::purge(tx, *secret);
    if (trail != nullptr) {
        // Of one version; the others have events of their own. A secret without any has this one.
        boost::json::object details{{"SecretId", secret->arn}};
        const auto& destroyed = tx.destroyed_versions();
        if (!destroyed.empty()) details["VersionId"] = destroyed.front().version;
        purge.event = trail->store_action(
            {std::string(kVersionDestroyed), "purge worker", {secret->arn}, std::move(details)}, tx);
    }
    return purge;
}

}  // namespace

PurgeWorker::PurgeWorker(storage::Database& database, crypto::Hsm& hsm, const Clock& clock, AuditTrail* trail,
                         std::chrono::milliseconds interval, Events events)
    : database_(database),
      hsm_(hsm),
      clock_(clock),
      trail_(trail),
      interval_(interval),
      events_(std::move(events)),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

PurgeWorker::~PurgeWorker() {
    stop();
}

void PurgeWorker::stop() {
    thread_.request_stop();
    if (thread_.joinable()) thread_.join();
}

void PurgeWorker::run(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
        run_once(stop);
        std::unique_lock lock(mutex_);
        wake_.wait_for(lock, stop, interval_, [] { return false; });
    }
}

std::size_t PurgeWorker::run_once(const std::stop_token& stop) {
    const auto now = clock_.now();
    std::vector<std::string> due;
    try {
        due = wait_for<std::vector<std::string>>([&](Completion<std::vector<std::string>> done) {
            database_.read<std::vector<std::string>>(
                patient(),
                [now](storage::ReadTransaction& tx) {
                    return SecretRepository::due_for_purge(tx, now, kSecretsPerRound);
                },
                std::move(done));
        });
    } catch (const std::exception& e) {
        events_.failed("the search for secrets that are due for destruction", e.what());
    }
    std::size_t purged = 0;
    for (const auto& name : due) {
        if (stop.stop_requested()) break;
        if (purge(name, now)) ++purged;
    }
    return purged;
}

bool PurgeWorker::purge(const std::string& name, Timestamp now) {
    // Of all attempts: a transaction may be run again.
    const auto stored = std::make_shared<std::vector<Uuid>>();
    try {
        auto purged = wait_for<Purged>([&](Completion<Purged> done) {
            database_.write<Purged>(
                patient(),
                [name, now, stored, trail = trail_](storage::WriteTransaction& tx) {
                    auto purge = purge_if_due(tx, name, now, trail);
                    if (purge && purge->event) stored->push_back(purge->event->id);
                    return purge;
                },
                std::move(done));
        });
        if (purged && purged->event) std::erase(*stored, purged->event->id);
        for (const auto& id : *stored) trail_->abandon_action(id);
        stored->clear();
        if (!purged) return false;
        for (const auto& wrapped_key : purged->wrapped_keys) hsm_.envelope().forget(wrapped_key);
        if (purged->event) trail_->action_committed(std::move(*purged->event));
        events_.purged(name);
        return true;
    } catch (const std::exception& e) {
        for (const auto& id : *stored) trail_->abandon_action(id);
        events_.failed("the destruction of secret " + name, e.what());
        return false;
    }
}

}  // namespace coffer::secrets
