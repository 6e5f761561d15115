#include "daemon/server/rate_limit.hpp"

#include <algorithm>
#include <boost/asio/ip/address_v6.hpp>
#include <iterator>

namespace coffer::server {

namespace {

/// More than one, so that more are forgotten than come.
constexpr int kLookedAtEachTime = 2;
constexpr std::size_t kCountedBytes = 8;  // of an IPv6 address

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

bool TokenBucket::is_full(Deadline now) const noexcept {
    return full_at_ns_.load(std::memory_order_relaxed) <= nanoseconds_of(now);
}

PrincipalUse::PrincipalUse(std::uint64_t requests_per_second) {
    if (requests_per_second > 0) bucket_.emplace(requests_per_second, requests_per_second);
}

PrincipalLease& PrincipalLease::operator=(PrincipalLease&& other) noexcept {
    if (this != &other) {
        release();
        use_ = std::move(other.use_);
    }
    return *this;
}

bool PrincipalLease::admit_request(Deadline now) noexcept {
    return use_ && (!use_->bucket_ || use_->bucket_->take(now));
}

void PrincipalLease::release() noexcept {
    if (use_) use_->connections_.fetch_sub(1);
    use_.reset();
}

PrincipalLease PrincipalLimits::acquire(const std::string& principal, Deadline now) {
    const std::lock_guard lock(mutex_);
    forget_some(now);
    auto& use = principals_[principal];
    if (!use) use = std::make_shared<PrincipalUse>(requests_per_second_);
    if (max_connections_ > 0 && use->connections_.load() >= max_connections_) return {};
    use->connections_.fetch_add(1);
    return PrincipalLease(use);
}

std::size_t PrincipalLimits::size() const {
    const std::lock_guard lock(mutex_);
    return principals_.size();
}

void PrincipalLimits::forget_some(Deadline now) {
    for (int i = 0; i < kLookedAtEachTime && !principals_.empty(); ++i) {
        if (next_ == principals_.end()) next_ = principals_.begin();
        const auto& use = next_->second;
        // An entry is null when there was no memory for it.
        const bool idle =
            !use || (use->connections_.load() == 0 && (!use->bucket_ || use->bucket_->is_full(now)));
        next_ = idle ? principals_.erase(next_) : std::next(next_);
    }
}

std::string counted_network(const std::string& address) {
    boost::system::error_code error;
    const auto v6 = boost::asio::ip::make_address_v6(address, error);
    if (error || v6.is_v4_mapped()) return address;
    auto bytes = v6.to_bytes();
    std::fill(bytes.begin() + kCountedBytes, bytes.end(), std::uint8_t{0});
    return boost::asio::ip::address_v6(bytes).to_string() + "/64";
}

}  // namespace coffer::server
