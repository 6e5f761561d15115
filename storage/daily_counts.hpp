#pragma once
// Counters in memory, by UTC day and by what is counted, until they are added to the database.

#include <array>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "storage/usage_repository.hpp"

namespace coffer::storage {

/// Thread-safe.
class DailyCounts {
public:
    /// Up to `most` keys are kept apart between two takes; those beyond are counted under kOthers.
    explicit DailyCounts(std::size_t most) : most_(most) {}

    static constexpr std::string_view kOthers = "(others)";

    /// `part` tells counters of one key apart, of which there are few.
    void add(std::string_view key, std::string_view part, Timestamp day, const UsageTally& tally);
    /// Everything, which is zero from then on.
    [[nodiscard]] std::vector<UsageCount> take();

private:
    struct Counter {
        std::string part;
        Timestamp day;
        UsageTally tally;
    };
    struct TextHash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const noexcept {
            return std::hash<std::string_view>{}(text);
        }
    };
    using Keys = std::unordered_map<std::string, std::vector<Counter>, TextHash, std::equal_to<>>;
    struct Shard {
        std::mutex mutex;
        Keys keys;
    };
    static constexpr std::size_t kShards = 8;

    const std::size_t most_;
    std::array<Shard, kShards> shards_;
};

}  // namespace coffer::storage
