#include "daemon/keys/rate_limiter.hpp"

#include <algorithm>

namespace coffer::keys {

void RateLimiter::take(std::size_t count, const std::stop_token& stop) {
    if (per_second_ == 0 || count == 0) return;
    std::unique_lock lock(mutex_);
    const auto now = Clock::now();
    const auto begin = std::max(next_, now);
    next_ = begin + std::chrono::duration_cast<Clock::duration>(
                        std::chrono::duration<double>(static_cast<double>(count) / per_second_));
    stopped_.wait_until(lock, stop, begin, [] { return false; });
}

}  // namespace coffer::keys
