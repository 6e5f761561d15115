#pragma once
// Whether to go on asking a token that keeps failing.

#include <atomic>

namespace coffer::crypto {

/// Opens after `failures` failures in a row; open means that nobody waits for the token any more. Changed by
/// one thread at a time, asked by any.
class Breaker {
public:
    explicit Breaker(unsigned failures) noexcept : limit_(failures) {}

    [[nodiscard]] bool is_open() const noexcept { return open_.load(std::memory_order_acquire); }
    /// Counts a failure. True when this one opened it.
    bool failed() noexcept { return ++in_a_row_ >= limit_ && trip(); }
    /// Opens it at once. True when it was closed.
    bool trip() noexcept { return !open_.exchange(true, std::memory_order_acq_rel); }
    /// True when it was open.
    bool succeeded() noexcept {
        in_a_row_ = 0;
        return open_.exchange(false, std::memory_order_acq_rel);
    }

private:
    const unsigned limit_;
    unsigned in_a_row_ = 0;
    std::atomic<bool> open_ = false;
};

}  // namespace coffer::crypto
