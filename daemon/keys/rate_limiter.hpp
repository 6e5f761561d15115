#pragma once
// So many a second at most, over all who ask.

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <stop_token>

namespace coffer::keys {

/// Thread-safe.
class RateLimiter {
public:
    /// `per_second` 0: no limit.
    explicit RateLimiter(std::uint32_t per_second) : per_second_(per_second) {}

    /// Takes `count`, and waits until they may be had, or until it is told to stop.
    void take(std::size_t count, const std::stop_token& stop);

private:
    using Clock = std::chrono::steady_clock;
    const std::uint32_t per_second_;
    std::mutex mutex_;
    std::condition_variable_any stopped_;
    Clock::time_point next_{};
};

}  // namespace coffer::keys
