#include "daemon/rotation_parts.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "daemon/rotation_functions.hpp"
#include "daemon/rotation_restraints.hpp"

namespace coffer::daemon {

using server::gauge_family;

namespace {

rotation::WorkerSettings settings_of(const server::RotationSection& section) {
    constexpr std::int64_t kMicrosInASecond = 1'000'000;
    const auto begins = section.micros_begins_per_second;
    return {.workers = section.workers,
            .lease = std::chrono::duration_cast<std::chrono::seconds>(section.lease),
            .apart = begins == 0 ? std::chrono::nanoseconds(0)
                                 : std::chrono::nanoseconds(std::chrono::seconds(kMicrosInASecond)) / begins,
            .retry = {section.attempts, section.retry_after, section.retry_at_most}};
}

rotation::RunnerEvents events_of(const std::shared_ptr<server::Metrics>& metrics,
                                 const std::shared_ptr<server::Log>& log, RotationCounter rotated) {
    rotation::RunnerEvents events;
    events.rotated = std::move(rotated);
    events.succeeded = [metrics, log](const std::string& secret) {
        metrics->rotation("succeeded");
        log->info("a secret was rotated", {{"secret", std::string_view(secret)}});
    };
    events.failed = [metrics, log](const std::string& secret, rotation::Step step, const std::string& reason,
                                   bool final) {
        metrics->rotation(final ? "failed" : "retry");
        log->error(final ? "the rotation of a secret failed; see 'coffer rotation status'"
                         : "a step of a rotation failed; tried again later",
                   {{"secret", std::string_view(secret)},
                    {"step", rotation::step_name(step)},
                    {"reason", std::string_view(reason)}});
    };
    events.left = [metrics, log](const std::string& secret, const std::string& reason) {
        metrics->rotation("left");
        log->warning("a rotation is not gone on with",
                     {{"secret", std::string_view(secret)}, {"reason", std::string_view(reason)}});
    };
    events.interrupted = [metrics, log](const std::string& secret, const std::string& reason) {
        metrics->rotation("interrupted");
        log->error("a rotation was interrupted; tried again later",
                   {{"secret", std::string_view(secret)}, {"reason", std::string_view(reason)}});
    };
    return events;
}

rotation::RotationParts with_log(rotation::RotationParts parts, const std::shared_ptr<server::Log>& log) {
    parts.holds_value = [log](const std::string& secret, const std::string& reason) {
        log->error(
            "a value that nobody can get a second time waits to be stored: do not stop this node before it "
            "is",
            {{"secret", std::string_view(secret)}, {"reason", std::string_view(reason)}});
    };
    return parts;
}

std::vector<prometheus::MetricFamily> rotation_metrics(const rotation::Workers& workers, Timestamp now) {
    const auto counts = workers.counts();
    if (!counts) return {};
    const auto number = [](auto value) { return static_cast<double>(value); };
    const double oldest =
        counts->oldest_due ? std::max(0.0, now.seconds() - counts->oldest_due->seconds()) : 0.0;
    return {
        gauge_family("coffer_rotations_due", "Rotations that are due, those that run included.",
                     number(counts->due)),
        gauge_family("coffer_rotations_running", "Rotations that a node works on.", number(counts->running)),
        gauge_family("coffer_rotations_failed",
                     "Secrets whose last rotation failed, and is not tried again before its next window.",
                     number(counts->failed)),
        gauge_family("coffer_rotations_oldest_due_seconds",
                     "How long the rotation that waits longest has been due.", oldest),
        gauge_family("coffer_rotations_late",
                     "Secrets whose window for a rotation is over, and that were not rotated in it.",
                     number(counts->late)),
        gauge_family("coffer_rotations_all_paused",
                     "1 while all rotations are paused ('coffer rotation pause --all').",
                     counts->all_paused ? 1 : 0)};
}

}  // namespace

RotationParts::RotationParts(const server::Config& config, rotation::RotationParts parts,
                             std::shared_ptr<rotation::RoleCredentials> credentials,
                             CertificateBasis certificates, const secrets::PageTokens& page_tokens,
                             RotationCounter rotated, std::shared_ptr<server::Metrics> metrics,
                             std::shared_ptr<server::Log> log)
    : workers_(with_log(parts, log),
               rotation_functions(config, parts.clock, std::move(credentials), certificates),
               rotation_restraints(config.rotation, parts.clock.now()), settings_of(config.rotation),
               events_of(metrics, log, std::move(rotated))),
      service_(workers_, page_tokens, {config.node.region, config.node.account}) {
    metrics->add_sampler([this] { return rotation_metrics(workers_, workers_.parts().clock.now()); });
}

}  // namespace coffer::daemon
