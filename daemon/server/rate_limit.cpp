#include "daemon/server/rate_limit.hpp"

#include <algorithm>

namespace coffer::server {

namespace {

/// A bucket is full again after one second, so a principal forgotten later than that loses nothing.
constexpr std::chrono::seconds kForgetAfter{10};
/// Remembered principals from which on idle ones are looked for.
constexpr std::size_t kForgetFrom = 256;

std::int64_t nanoseconds_of(Deadline time) noexcept {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
}

}  // namespace

TokenBucket::TokenBucket(std::uint64_t per_second, std::uint64_t burst)
    : interval_ns_(1'000'000'000 /
                   static_cast<std::int64_t>(std::clamp<std::uint64_t>(per_second, 1, 1'000'000'000))),
      tolerance_ns_(interval_ns_ * static_cast<std::int64_t>(std::max<std::uint64_t>(burst, 1) - 1)) {}

bool TokenBucket::take(Deadline now) noexcept {
    const std::int64_t now_ns = nanoseconds_of(now);
    std::int64_t seen = full_at_ns_.load(std::memory_order_relaxed);
    while (true) {
        const std::int64_t from = std::max(seen, now_ns);
        if (from - now_ns > tolerance_ns_) return false;
        if (full_at_ns_.compare_exchange_weak(seen, from + interval_ns_, std::memory_order_relaxed))
            return true;
    }
}

std::chrono::nanoseconds TokenBucket::wait_time(Deadline now) const noexcept {
    const std::int64_t ahead = full_at_ns_.load(std::memory_order_relaxed) - nanoseconds_of(now);
    return std::chrono::nanoseconds(std::max<std::int64_t>(0, ahead - tolerance_ns_));
}

PrincipalUse::PrincipalUse(std::uint64_t requests_per_second) {
    if (requests_per_second > 0) bucket_.emplace(requests_per_second, requests_per_second);
}

std::shared_ptr<PrincipalUse> PrincipalLimits::acquire(const std::string& principal, Deadline now) {
    const std::lock_guard lock(mutex_);
    if (principals_.size() >= kForgetFrom) forget_idle(now);
    auto& use = principals_[principal];
    if (!use) use = std::make_shared<PrincipalUse>(requests_per_second_);
    if (max_connections_ > 0 && use->connections_ >= max_connections_) return nullptr;
    ++use->connections_;
    return use;
}

void PrincipalLimits::release(const std::string& principal, Deadline now) {
    const std::lock_guard lock(mutex_);
    const auto found = principals_.find(principal);
    if (found == principals_.end() || found->second->connections_ == 0) return;
    if (--found->second->connections_ == 0) found->second->idle_since_ = now;
}

std::size_t PrincipalLimits::size() const {
    const std::lock_guard lock(mutex_);
    return principals_.size();
}

void PrincipalLimits::forget_idle(Deadline now) {
    std::erase_if(principals_, [now](const auto& entry) {
        return entry.second->connections_ == 0 && now - entry.second->idle_since_ > kForgetAfter;
    });
}

}  // namespace coffer::server
