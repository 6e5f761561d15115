#pragma once
// Wall-clock times as the service stores and shows them, and the deadlines that waiting is bounded by.

#include <chrono>
#include <compare>
#include <cstdint>

namespace coffer {

/// When waiting for something ends. Monotonic: not moved by changes of the system's clock.
using Deadline = std::chrono::steady_clock::time_point;

inline constexpr std::int64_t kMillisPerDay = 24LL * 60 * 60 * 1000;

/// A moment in UTC, in whole milliseconds since 1970-01-01 (the resolution that AWS shows).
class Timestamp {
public:
    Timestamp() = default;
    [[nodiscard]] static Timestamp from_millis(std::int64_t ms) noexcept { return Timestamp(ms); }

    [[nodiscard]] std::int64_t millis() const noexcept { return ms_; }
    /// Epoch seconds with a fraction, as AWS JSON has times.
    [[nodiscard]] double seconds() const noexcept { return static_cast<double>(ms_) / 1000.0; }
    /// Midnight UTC of the same day.
    [[nodiscard]] Timestamp day() const noexcept;
    [[nodiscard]] Timestamp operator+(std::chrono::milliseconds d) const noexcept {
        return Timestamp(ms_ + d.count());
    }
    [[nodiscard]] Timestamp operator-(std::chrono::milliseconds d) const noexcept {
        return Timestamp(ms_ - d.count());
    }
    [[nodiscard]] auto operator<=>(const Timestamp&) const = default;

private:
    explicit Timestamp(std::int64_t ms) noexcept : ms_(ms) {}
    std::int64_t ms_ = 0;
};

/// Where the service gets the time from; a test moves its own. Thread-safe.
class Clock {
public:
    virtual ~Clock() = default;
    [[nodiscard]] virtual Timestamp now() const = 0;
};

class SystemClock final : public Clock {
public:
    [[nodiscard]] Timestamp now() const override;
};

}  // namespace coffer
