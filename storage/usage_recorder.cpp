#include "storage/usage_recorder.hpp"

#include <algorithm>

namespace coffer::storage {

UsageRecorder::UsageRecorder(Database& database, std::string node, UsageRecorderConfig config)
    : database_(database),
      node_(std::move(node)),
      config_(config),
      periodic_(config_.flush_interval, [this](Deadline deadline) { flush(deadline); }) {}

void UsageRecorder::record(std::string_view principal, std::string_view operation, Timestamp when,
                           bool failed) {
    add(principal, operation, when.day(), 1, failed ? 1 : 0);
}

void UsageRecorder::add(std::string_view principal, std::string_view operation, Timestamp day,
                        std::int64_t count, std::int64_t errors) {
    auto& shard = shards_[TextHash{}(principal) % kShards];
    const std::lock_guard lock(shard.mutex);
    auto found = shard.principals.find(principal);
    if (found == shard.principals.end()) {
        const bool room =
            shard.principals.size() < std::max<std::size_t>(config_.max_principals / kShards, 1);
        found = shard.principals.try_emplace(std::string(room ? principal : kOtherPrincipals)).first;
    }
    auto& counters = found->second;
    auto counter = std::find_if(counters.begin(), counters.end(), [&](const Counter& known) {
        return known.operation == operation && known.day == day;
    });
    if (counter == counters.end()) {
        counter = counters.insert(counters.end(), Counter{std::string(operation), day});
    }
    counter->count += count;
    counter->errors += errors;
}

std::vector<RequestCount> UsageRecorder::take() {
    std::vector<RequestCount> counts;
    for (auto& shard : shards_) {
        Principals principals;
        {
            const std::lock_guard lock(shard.mutex);
            principals.swap(shard.principals);
        }
        for (auto& [principal, counters] : principals) {
            for (auto& counter : counters) {
                counts.push_back(
                    {counter.day, principal, std::move(counter.operation), counter.count, counter.errors});
            }
        }
    }
    return counts;
}

void UsageRecorder::flush(Deadline deadline) {
    const std::lock_guard one_at_a_time(flush_mutex_);
    auto rest = take();
    while (!rest.empty()) {
        const auto cut = rest.end() - static_cast<std::ptrdiff_t>(std::min(kFlushBatchRows, rest.size()));
        const std::vector<RequestCount> batch(cut, rest.end());
        try {
            static_cast<void>(wait_for<Done>([&](Completion<Done> done) {
                database_.write<Done>(
                    {.priority = Priority::rewrap, .deadline = deadline},
                    [batch, node = node_](WriteTransaction& tx) {
                        UsageRepository::add_requests(tx, node, batch);
                        return Done{};
                    },
                    std::move(done));
            }));
        } catch (const std::exception&) {
            // Back to the others, since then counted; the database's own observer knows what is wrong.
            for (const auto& kept : rest) {
                add(kept.principal, kept.operation, kept.day, kept.count, kept.errors);
            }
            return;
        }
        rest.erase(cut, rest.end());
    }
}

}  // namespace coffer::storage
