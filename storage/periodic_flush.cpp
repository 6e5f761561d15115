#include "storage/periodic_flush.hpp"

#include <utility>

namespace coffer::storage {

namespace {

constexpr auto kFlushTimeout = std::chrono::seconds(5);

Deadline flush_deadline() {
    return std::chrono::steady_clock::now() + kFlushTimeout;
}

}  // namespace

PeriodicFlush::PeriodicFlush(std::chrono::milliseconds interval, std::function<void(Deadline)> flush)
    : interval_(interval), flush_(std::move(flush)), thread_([this] { run(); }) {}

PeriodicFlush::~PeriodicFlush() {
    close();
}

void PeriodicFlush::run() {
    std::unique_lock lock(mutex_);
    while (!stopped_.wait_for(lock, interval_, [this] { return stopping_; })) {
        lock.unlock();
        flush_(flush_deadline());
        lock.lock();
    }
}

void PeriodicFlush::close() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    stopped_.notify_all();
    if (!thread_.joinable()) return;
    thread_.join();
    flush_(flush_deadline());
}

}  // namespace coffer::storage
