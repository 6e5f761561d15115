#include "daemon/sts/session_keys.hpp"

#include <utility>

#include "daemon/base/errors.hpp"
#include "daemon/base/thread_name.hpp"

namespace coffer::sts {

namespace {

constexpr std::chrono::seconds kInterval{60};

}  // namespace

std::int64_t day_number(Timestamp time) noexcept {
    return time.day().millis() / kMillisPerDay;
}

SessionKeys::SessionKeys(Derive derive, const Clock& clock) : derive_(std::move(derive)), clock_(clock) {
    refresh();
    thread_ = std::thread([this] { run(); });
    name_thread(thread_, "session-keys");
}

SessionKeys::~SessionKeys() {
    close();
}

std::shared_ptr<const DayKeys> SessionKeys::of(std::int64_t day) const {
    const std::lock_guard lock(mutex_);
    const auto found = days_.find(day);
    return found == days_.end() ? nullptr : found->second;
}

void SessionKeys::refresh() {
    const auto today = day_number(clock_.now());
    for (auto day = today - kDaysBack; day <= today + kDaysAhead; ++day) {
        if (of(day)) continue;
        const auto number = std::to_string(day);
        auto keys = std::make_shared<const DayKeys>(
            DayKeys{derive_("session-tokens/" + number), derive_("session-secrets/" + number)});
        const std::lock_guard lock(mutex_);
        days_.emplace(day, std::move(keys));
    }
    const std::lock_guard lock(mutex_);
    std::erase_if(days_, [today](const auto& entry) {
        return entry.first < today - kDaysBack || entry.first > today + kDaysAhead;
    });
}

void SessionKeys::run() {
    std::unique_lock lock(stop_mutex_);
    while (!stopped_.wait_for(lock, kInterval, [this] { return stopping_; })) {
        lock.unlock();
        try {
            refresh();
        } catch (const Error&) {
            // The token is away, which its own observer reports; tried again in a minute, a day ahead of
            // need.
        }
        lock.lock();
    }
}

void SessionKeys::close() {
    {
        const std::lock_guard lock(stop_mutex_);
        stopping_ = true;
    }
    stopped_.notify_all();
    if (thread_.joinable()) thread_.join();
}

}  // namespace coffer::sts
