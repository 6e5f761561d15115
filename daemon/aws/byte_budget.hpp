#pragma once
// Memory that strangers may hold together: the bodies of requests whose signatures are not known to be right.

#include <atomic>
#include <cstddef>
#include <memory>
#include <utility>

namespace coffer::aws {

/// Thread-safe.
class ByteBudget {
public:
    explicit ByteBudget(std::size_t bytes) : left_(bytes) {}

    [[nodiscard]] bool take(std::size_t bytes) noexcept {
        auto left = left_.load();
        while (left >= bytes) {
            if (left_.compare_exchange_weak(left, left - bytes)) return true;
        }
        return false;
    }
    void give(std::size_t bytes) noexcept { left_.fetch_add(bytes); }

private:
    std::atomic<std::size_t> left_;
};

/// What one connection has taken of it; given back when it goes.
class ByteShare {
public:
    explicit ByteShare(std::shared_ptr<ByteBudget> budget) : budget_(std::move(budget)) {}
    ByteShare(const ByteShare&) = delete;
    ByteShare& operator=(const ByteShare&) = delete;
    ~ByteShare() { release(); }

    /// Has `bytes` of it from now on, more or fewer than before. False, and nothing changed, when there are
    /// not as many left.
    [[nodiscard]] bool hold(std::size_t bytes) noexcept {
        if (bytes > held_ && !budget_->take(bytes - held_)) return false;
        if (bytes < held_) budget_->give(held_ - bytes);
        held_ = bytes;
        return true;
    }
    void release() noexcept { (void)hold(0); }

private:
    const std::shared_ptr<ByteBudget> budget_;
    std::size_t held_ = 0;
};

}  // namespace coffer::aws
