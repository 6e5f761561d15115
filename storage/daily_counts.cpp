#include "storage/daily_counts.hpp"

#include <algorithm>

namespace coffer::storage {

void DailyCounts::add(std::string_view key, std::string_view part, Timestamp day, const UsageTally& tally) {
    auto& shard = shards_[TextHash{}(key) % kShards];
    const std::lock_guard lock(shard.mutex);
    auto found = shard.keys.find(key);
    if (found == shard.keys.end()) {
        const bool room = shard.keys.size() < std::max<std::size_t>(most_ / kShards, 1);
        found = shard.keys.try_emplace(std::string(room ? key : kOthers)).first;
    }
    auto& counters = found->second;
    auto counter = std::find_if(counters.begin(), counters.end(),
                                [&](const Counter& known) { return known.part == part && known.day == day; });
    if (counter == counters.end()) {
        counter = counters.insert(counters.end(), Counter{std::string(part), day, {}});
    }
    counter->tally += tally;
}

std::vector<UsageCount> DailyCounts::take() {
    std::vector<UsageCount> counts;
    for (auto& shard : shards_) {
        Keys keys;
        {
            const std::lock_guard lock(shard.mutex);
            keys.swap(shard.keys);
        }
        for (auto& [key, counters] : keys) {
            for (auto& counter : counters) {
                counts.push_back({counter.day, key, std::move(counter.part), counter.tally});
            }
        }
    }
    return counts;
}

}  // namespace coffer::storage
