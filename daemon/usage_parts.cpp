#include "daemon/usage_parts.hpp"

namespace coffer::daemon {

namespace {

/// How long after midnight the secrets are counted at the latest, where a node runs.
constexpr std::chrono::minutes kSnapshotInterval{5};

std::optional<usage::Prices> prices_of(const server::UsageSection& section) {
    if (section.currency.empty()) return std::nullopt;
    return usage::Prices{section.currency, usage::Micros(section.micros_per_10000_requests),
                         usage::Micros(section.micros_per_secret_month)};
}

usage::SnapshotWorker::Events snapshot_events(const std::shared_ptr<server::Log>& log) {
    usage::SnapshotWorker::Events events;
    events.counted = [log] { log->info("secrets were counted for today's usage"); };
    events.failed = [log](const std::string& reason) {
        log->error("secrets could not be counted for today's usage; tried again",
                   {{"reason", std::string_view(reason)}});
    };
    return events;
}

}  // namespace

UsageParts::UsageParts(const server::Config& config, storage::Database& database, const Clock& clock,
                       std::shared_ptr<server::Log> log)
    : clock_(clock),
      service_(database, clock, prices_of(config.usage)),
      recorder_(database, config.node.name, {}),
      snapshots_(database, clock, config.node.name, kSnapshotInterval, snapshot_events(log)) {}

std::shared_ptr<secrets::RequestObserver> UsageParts::counted(
    std::shared_ptr<secrets::RequestObserver> next) {
    return std::make_shared<usage::UsageObserver>(std::move(next), recorder_, clock_);
}

std::function<void(const std::string&, const std::string&)> UsageParts::rotation_counter() {
    return [this](const std::string& secret, const std::string& function) {
        recorder_.record_rotation(function, secret, clock_.now());
    };
}

void UsageParts::close() {
    snapshots_.stop();
    recorder_.close();
}

}  // namespace coffer::daemon
