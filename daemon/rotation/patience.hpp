#pragma once
// How long somebody waits for a peer.

#include <algorithm>
#include <atomic>
#include <chrono>

#include "daemon/base/time.hpp"

namespace coffer::rotation {

/// Until a deadline, or until nobody wants to know any more, which another thread says.
class Patience {
public:
    /// `ended` is set when nobody waits any more, and must outlive it; null: the deadline alone counts.
    // Most who wait have a deadline alone.
    Patience(Deadline deadline,
             const std::atomic<bool>* ended = nullptr)  // NOLINT(google-explicit-constructor)
        : deadline_(deadline), ended_(ended) {}

    [[nodiscard]] Deadline deadline() const noexcept { return deadline_; }
    /// The same, until `deadline` at most.
    [[nodiscard]] Patience until(Deadline deadline) const { return {std::min(deadline_, deadline), ended_}; }
    /// Whether it may end before its deadline.
    [[nodiscard]] bool may_end() const noexcept { return ended_ != nullptr; }
    [[nodiscard]] bool has_ended() const noexcept { return ended_ != nullptr && *ended_; }
    [[nodiscard]] bool is_over() const noexcept {
        return has_ended() || std::chrono::steady_clock::now() >= deadline_;
    }
    /// Until when a wait may last without another look at it.
    [[nodiscard]] Deadline next_look() const noexcept {
        if (!may_end()) return deadline_;
        return std::min(deadline_, std::chrono::steady_clock::now() + kBetweenLooks);
    }

    static constexpr std::chrono::milliseconds kBetweenLooks{200};

private:
    Deadline deadline_;
    const std::atomic<bool>* ended_;
};

}  // namespace coffer::rotation
