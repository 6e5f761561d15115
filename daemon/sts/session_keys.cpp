#include "daemon/sts/session_keys.hpp"

#include <algorithm>
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

SessionKeys::SessionKeys(Derive derive, const Clock& clock, std::function<SealGenerations()> generations)
    : derive_(std::move(derive)), clock_(clock), generations_(std::move(generations)) {
    refresh();
    thread_ = std::thread([this] { run(); });
    name_thread(thread_, "session-keys");
}

SessionKeys::~SessionKeys() {
    close();
}

std::shared_ptr<const DayKeys> SessionKeys::of(std::int64_t day) const {
    const auto sealing = generations_().sealing;
    const std::lock_guard lock(mutex_);
    const auto beyond = keys_.upper_bound({day, sealing});
    if (beyond == keys_.begin() || std::prev(beyond)->first.day != day) return nullptr;
    return std::prev(beyond)->second;
}

std::vector<std::shared_ptr<const DayKeys>> SessionKeys::all_of(std::int64_t day) const {
    std::vector<std::shared_ptr<const DayKeys>> keys;
    const std::lock_guard lock(mutex_);
    for (auto each = keys_.rbegin(); each != keys_.rend(); ++each) {
        if (each->first.day == day) keys.push_back(each->second);
    }
    return keys;
}

void SessionKeys::refresh() {
    const auto today = day_number(clock_.now());
    const auto held = generations_().held;
    for (auto day = today - kDaysBack; day <= today + kDaysAhead; ++day) {
        for (const auto generation : held) {
            {
                const std::lock_guard lock(mutex_);
                if (keys_.contains({day, generation})) continue;
            }
            const auto number = std::to_string(day);
            auto keys =
                std::make_shared<const DayKeys>(DayKeys{derive_("session-tokens/" + number, generation),
                                                        derive_("session-secrets/" + number, generation)});
            const std::lock_guard lock(mutex_);
            keys_.emplace(Which{day, generation}, std::move(keys));
        }
    }
    const std::lock_guard lock(mutex_);
    std::erase_if(keys_, [&](const auto& entry) {
        const auto& [day, generation] = entry.first;
        return day < today - kDaysBack || day > today + kDaysAhead ||
               std::ranges::find(held, generation) == held.end();
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
