#pragma once
// Growing, random waits between attempts to reach a server. Internal to storage/.

#include <algorithm>
#include <chrono>
#include <random>

namespace coffer::storage {

/// Used by one thread.
class BackOff {
public:
    static constexpr std::chrono::milliseconds kFirst{50};
    /// Short, because what is waited for ends within a second or two and a refused connection costs next to
    /// nothing: a server that is back is found within 375 ms.
    static constexpr std::chrono::milliseconds kLongest{250};

    /// The next wait: half to one and a half of a time that doubles with each call, so that the nodes of a
    /// rack do not come back in step.
    [[nodiscard]] std::chrono::milliseconds next() {
        std::uniform_int_distribution<std::int64_t> spread(time_.count() / 2, time_.count() * 3 / 2);
        time_ = std::min(2 * time_, kLongest);
        return std::chrono::milliseconds(spread(random_));
    }
    void reset() noexcept { time_ = kFirst; }
    [[nodiscard]] bool waiting() const noexcept { return time_ != kFirst; }

private:
    std::chrono::milliseconds time_ = kFirst;
    std::minstd_rand random_{std::random_device{}()};
};

}  // namespace coffer::storage
