#pragma once
// How often something may happen: a token bucket in one atomic number, and the buckets and connection counts
// of each principal.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "daemon/base/time.hpp"

namespace coffer::server {

/// At most `per_second` events a second on average, with bursts of up to `burst`. Thread-safe, lock-free.
///
/// Kept as the time at which the bucket will be full again (the generic cell rate algorithm, ITU-T I.371):
/// each event moves it by one interval, and it may not be further ahead than a burst.
class TokenBucket {
public:
    /// `per_second` and `burst` at least 1.
    TokenBucket(std::uint64_t per_second, std::uint64_t burst);

    /// Takes a token when there is one.
    [[nodiscard]] bool take(Deadline now) noexcept;
    /// How long from `now` until the next token; zero when there is one.
    [[nodiscard]] std::chrono::nanoseconds wait_time(Deadline now) const noexcept;

private:
    const std::int64_t interval_ns_;
    const std::int64_t tolerance_ns_;
    std::atomic<std::int64_t> full_at_ns_{0};
};

/// What one principal uses, over all listeners and threads.
class PrincipalUse {
public:
    explicit PrincipalUse(std::uint64_t requests_per_second);

    /// Whether another request may be served now.
    [[nodiscard]] bool admit_request(Deadline now) noexcept { return !bucket_ || bucket_->take(now); }

private:
    friend class PrincipalLimits;
    std::optional<TokenBucket> bucket_;
    std::size_t connections_ = 0;  // guarded by PrincipalLimits' mutex
    Deadline idle_since_{};
};

/// Thread-safe. Forgets principals that have had no connection for a while, so that it stays small.
class PrincipalLimits {
public:
    /// 0 means no limit, for both.
    PrincipalLimits(std::size_t connections, std::uint64_t requests_per_second)
        : max_connections_(connections), requests_per_second_(requests_per_second) {}

    /// Counts a connection of `principal`; null when it has as many as it may. Give back with `release`.
    [[nodiscard]] std::shared_ptr<PrincipalUse> acquire(const std::string& principal, Deadline now);
    void release(const std::string& principal, Deadline now);

    /// Principals that are remembered.
    [[nodiscard]] std::size_t size() const;

private:
    void forget_idle(Deadline now);

    const std::size_t max_connections_;
    const std::uint64_t requests_per_second_;
    mutable std::mutex mutex_;
    std::map<std::string, std::shared_ptr<PrincipalUse>> principals_;
};

}  // namespace coffer::server
