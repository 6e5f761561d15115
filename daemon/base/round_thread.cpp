#include "daemon/base/round_thread.hpp"

#include <utility>

#include "daemon/base/thread_name.hpp"

namespace coffer {

void RoundThread::start(const char* name, Round round) {
    thread_ =
        std::jthread([this, round = std::move(round)](const std::stop_token& stop) { run(stop, round); });
    name_thread(thread_, name);
}

void RoundThread::wake() noexcept {
    {
        const std::lock_guard lock(mutex_);
        woken_ = true;
    }
    stirred_.notify_all();
}

bool RoundThread::stop() {
    thread_.request_stop();
    if (!thread_.joinable()) return false;
    thread_.join();
    return true;
}

void RoundThread::run(const std::stop_token& stop, const Round& round) {
    while (!stop.stop_requested()) {
        const auto pause = round(stop);
        std::unique_lock lock(mutex_);
        stirred_.wait_for(lock, stop, pause, [this] { return woken_; });
        woken_ = false;
    }
}

}  // namespace coffer
