// The executor's watchdog: deadlines of jobs that workers have or that are queued, and calls that hang.

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "crypto/executor.hpp"
#include "crypto/hsm.hpp"

namespace coffer::crypto {

namespace {

using WatchClock = std::chrono::steady_clock;

/// How late the watchdog may notice a deadline.
constexpr std::chrono::milliseconds kWatchdogTick{20};

}  // namespace

void Executor::watch() {
    std::unique_lock lock(mutex_);
    while (!changed_.wait_for(lock, kWatchdogTick, [this] { return !watching_; })) {
        lock.unlock();
        check_deadlines();
        queue_.fail_expired();
        lock.lock();
    }
}

void Executor::check_deadlines() {
    bool stalled = false;
    std::vector<Slot*> late;
    {
        const std::lock_guard lock(mutex_);
        for (Slot& slot : slots_) {
            if (slot.job == nullptr || slot.job->done() || !slot.job->expired()) continue;
            slot.pinned = true;
            late.push_back(&slot);
        }
        stalled = nobody_gets_on();
    }
    // Without the lock: a completion may submit the next job.
    for (const Slot* slot : late) {
        slot->job->fail(
            std::make_exception_ptr(DeadlineExceeded("the deadline passed before the token answered")));
    }
    if (!late.empty()) {
        const std::lock_guard lock(mutex_);
        for (Slot* slot : late) slot->pinned = false;
        changed_.notify_all();
    }
    if (stalled != stalled_) note_stall(stalled);
}

bool Executor::nobody_gets_on() const {
    const auto now = WatchClock::now();
    const auto hangs = [&](const Inside& since) { return since && now - *since > config_.stall_limit; };
    const auto hanging = static_cast<std::size_t>(std::ranges::count_if(slots_, hangs, &Slot::inside));
    // A call that hangs keeps a recovery, or a change of keys, from beginning, and so all workers.
    return hanging == slots_.size() || (hanging > 0 && recovering_) || hangs(exclusive_);
}

/// While the breaker is open its own reason stays, and who closes it tells of that.
void Executor::note_stall(bool stalled) {
    stalled_ = stalled;
    const bool gave_up = breaker_.is_open();
    const bool told = std::exchange(stall_told_, stalled && !gave_up);
    if (gave_up || stalled == told) return;
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(config_.stall_limit).count();
    const std::string reason =
        stalled ? fmt::format("the token has not answered a call for {} s", seconds) : "";
    set_reason(reason);
    observer_->readiness_changed(!stalled, reason);
}

}  // namespace coffer::crypto
