#include "daemon/base/time.hpp"

namespace coffer {

namespace {
constexpr std::int64_t kDayMs = 24LL * 60 * 60 * 1000;
}

Timestamp Timestamp::day() const noexcept {
    const auto into_day = ((ms_ % kDayMs) + kDayMs) % kDayMs;  // also right before 1970
    return Timestamp(ms_ - into_day);
}

Timestamp SystemClock::now() const {
    const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
    return Timestamp::from_millis(std::chrono::duration_cast<std::chrono::milliseconds>(since_epoch).count());
}

}  // namespace coffer
