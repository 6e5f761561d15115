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
    /// Whether a new bucket would have no more tokens at `now`.
    [[nodiscard]] bool is_full(Deadline now) const noexcept;

private:
    const std::int64_t interval_ns_;
    const std::int64_t tolerance_ns_;
    std::atomic<std::int64_t> full_at_ns_{0};
};

/// What one principal uses, over all listeners and threads.
class PrincipalUse {
public:
    explicit PrincipalUse(std::uint64_t requests_per_second);

private:
    friend class PrincipalLease;
    friend class PrincipalLimits;
    std::optional<TokenBucket> bucket_;
    std::atomic<std::size_t> connections_{0};  // raised under PrincipalLimits' mutex alone
};

/// A connection's place among those of its principal; given back when it goes. It may outlive the limits
/// that it came from.
class PrincipalLease {
public:
    /// No place.
    PrincipalLease() = default;
    PrincipalLease(PrincipalLease&& other) noexcept = default;
    PrincipalLease& operator=(PrincipalLease&& other) noexcept;
    PrincipalLease(const PrincipalLease&) = delete;
    PrincipalLease& operator=(const PrincipalLease&) = delete;
    ~PrincipalLease() { release(); }

    explicit operator bool() const noexcept { return use_ != nullptr; }
    /// Whether another request of the principal may be served now; never without a place.
    [[nodiscard]] bool admit_request(Deadline now) noexcept;
    void release() noexcept;

private:
    friend class PrincipalLimits;
    explicit PrincipalLease(std::shared_ptr<PrincipalUse> use) noexcept : use_(std::move(use)) {}

    std::shared_ptr<PrincipalUse> use_;
};

/// Thread-safe. Forgets principals that have no connection and a full bucket, so that it stays small: each
/// call looks at two of them, however many there are.
class PrincipalLimits {
public:
    /// 0 means no limit, for both.
    PrincipalLimits(std::size_t connections, std::uint64_t requests_per_second)
        : max_connections_(connections), requests_per_second_(requests_per_second) {}
    PrincipalLimits(const PrincipalLimits&) = delete;
    PrincipalLimits& operator=(const PrincipalLimits&) = delete;

    /// Counts a connection of `principal`; no place when it has as many as it may.
    [[nodiscard]] PrincipalLease acquire(const std::string& principal, Deadline now);

    /// Principals that are remembered.
    [[nodiscard]] std::size_t size() const;

private:
    using Principals = std::map<std::string, std::shared_ptr<PrincipalUse>>;

    void forget_some(Deadline now);

    const std::size_t max_connections_;
    const std::uint64_t requests_per_second_;
    mutable std::mutex mutex_;
    Principals principals_;
    Principals::iterator next_ = principals_.end();  // that forget_some looks at
};

/// What requests from an address are counted by: an IPv4 address itself; of IPv6 its /64, from which one host
/// may take as many addresses as it likes (RFC 4291, 2.5.4; RFC 8981). Other texts are themselves.
[[nodiscard]] std::string counted_network(const std::string& address);

}  // namespace coffer::server
