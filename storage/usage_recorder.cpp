#include "storage/usage_recorder.hpp"

#include <algorithm>

#include "storage/blocking.hpp"

namespace coffer::storage {

UsageRecorder::UsageRecorder(Database& database, std::string node, UsageRecorderConfig config)
    : database_(database),
      node_(std::move(node)),
      requests_(config.max_principals),
      secrets_(config.max_secrets),
      rotations_(config.max_principals),
      periodic_(config.flush_interval, [this](Deadline deadline) { flush(deadline); }) {}

void UsageRecorder::record(std::string_view principal, std::string_view operation, Timestamp when,
                           bool failed, std::span<const std::string> secrets,
                           std::span<const std::string> refused) {
    const auto tally = [](bool error) { return UsageTally{.requests = 1, .errors = error ? 1 : 0}; };
    requests_.add(principal, operation, when.day(), tally(failed));
    for (const auto& secret : secrets) {
        const bool error = failed || std::ranges::find(refused, secret) != refused.end();
        secrets_.add(secret, {}, when.day(), tally(error));
    }
}

void UsageRecorder::record_rotation(std::string_view principal, std::string_view secret, Timestamp when) {
    const UsageTally tally{.rotations = 1};
    rotations_.add(principal, {}, when.day(), tally);
    secrets_.add(secret, {}, when.day(), tally);
}

void UsageRecorder::flush(Deadline deadline) {
    const std::lock_guard one_at_a_time(flush_mutex_);
    static_cast<void>(flush(requests_, UsageRepository::add_requests, deadline) &&
                      flush(secrets_, UsageRepository::add_by_tag, deadline) &&
                      flush(rotations_, UsageRepository::add_rotations, deadline));
}

bool UsageRecorder::flush(DailyCounts& counts, Adds adds, Deadline deadline) {
    auto rest = counts.take();
    while (!rest.empty()) {
        const auto cut = rest.end() - static_cast<std::ptrdiff_t>(std::min(kFlushBatchRows, rest.size()));
        const std::vector<UsageCount> batch(cut, rest.end());
        try {
            write_and_wait(database_, {.priority = Priority::rewrap, .deadline = deadline},
                           [&](WriteTransaction& tx) { adds(tx, node_, batch); });
        } catch (const std::exception&) {
            // Back to the others, since then counted; the database's own observer knows what is wrong.
            for (const auto& kept : rest) counts.add(kept.key, kept.part, kept.day, kept.tally);
            return false;
        }
        rest.erase(cut, rest.end());
    }
    return true;
}

}  // namespace coffer::storage
