#include "daemon/rotation/workers.hpp"

#include <algorithm>

#include "daemon/base/thread_name.hpp"
#include "daemon/base/vector_registers.hpp"

namespace coffer::rotation {

using storage::RotationRepository;
using storage::RotationTask;

namespace {

constexpr std::chrono::seconds kClaimPatience{10};
/// Counting is not to keep a lease from being renewed.
constexpr std::chrono::seconds kCountPatience{2};
constexpr std::chrono::seconds kLookInterval{10};

JobOptions patient() {
    return {Priority::rotation, std::chrono::steady_clock::now() + kClaimPatience};
}

}  // namespace

Workers::Workers(RotationParts parts, FunctionSet functions, Restraints restraints, WorkerSettings settings,
                 RunnerEvents events)
    : parts_(std::move(parts)),
      functions_(std::move(functions)),
      restraints_(std::move(restraints)),
      settings_(settings),
      runner_(parts_, functions_, restraints_, settings.retry, std::move(events), stops_) {}

Workers::~Workers() {
    stop();
}

void Workers::start() {
    for (unsigned i = 0; i < settings_.workers; ++i) {
        threads_.emplace_back([this](const std::stop_token& stop) { work(stop); });
        name_thread(threads_.back(), "rotation");
    }
    threads_.emplace_back([this](const std::stop_token& stop) { look_after(stop); });
    name_thread(threads_.back(), "rotation lease");
}

void Workers::stop() {
    stops_ = true;
    for (auto& thread : threads_) thread.request_stop();
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
        for (auto& held : held_) held.ended = true;
    }
    threads_.clear();
}

void Workers::wake() noexcept {
    {
        const std::lock_guard lock(mutex_);
        woken_ = true;
    }
    stirred_.notify_all();
}

std::optional<RotationTask> Workers::claim(std::vector<std::string> full) {
    using Claimed = std::optional<RotationTask>;
    return wait_for<Claimed>([&, this](Completion<Claimed> done) {
        parts_.database.write<Claimed>(
            patient(),
            [this, now = parts_.clock.now(),
             full = std::move(full)](storage::WriteTransaction& tx) -> Claimed {
                auto tasks = RotationRepository::claim(tx, now, 1, parts_.node, settings_.lease, full);
                if (tasks.empty()) return std::nullopt;
                return std::move(tasks.front());
            },
            std::move(done));
    });
}

bool Workers::run_one() {
    std::unique_lock lock(mutex_);
    auto full = full_functions();
    lock.unlock();
    const auto task = claim(std::move(full));
    if (!task) return false;
    lock.lock();
    const auto held = hold(*task);
    lock.unlock();
    carry_on(held);
    return true;
}

Workers::HeldPlace Workers::hold(const RotationTask& task) {
    const auto held = held_.emplace(held_.end());
    held->task = task;
    held->leased_until = std::chrono::steady_clock::now() + settings_.lease;
    held->ended = stopping_;  // claimed while the threads were told to stop
    return held;
}

void Workers::carry_on(HeldPlace held) {
    auto task = held->task;  // renewals read the other one
    runner_.run(std::move(task), held->ended);
    const bool makes_room = is_limited(held->task);
    {
        const std::lock_guard lock(mutex_);
        held_.erase(held);
        if (makes_room) woken_ = true;
    }
    if (makes_room) stirred_.notify_all();
}

bool Workers::is_limited(const RotationTask& task) const noexcept {
    const auto* function = task.function ? functions_.find(*task.function) : nullptr;
    return function != nullptr && function->at_once != 0;
}

std::vector<std::string> Workers::full_functions() const {
    std::vector<std::string> full;
    for (const auto& function : functions_.all()) {
        if (function.at_once == 0) continue;
        const auto at_work = std::ranges::count_if(held_, [&](const Held& held) {
            return held.task.function && functions_.find(*held.task.function) == &function;
        });
        if (static_cast<std::size_t>(at_work) >= function.at_once) full.push_back(function.arn);
    }
    return full;
}

void Workers::wait_for_turn(std::unique_lock<std::mutex>& lock, const std::stop_token& stop) {
    if (settings_.apart.count() == 0) return;
    stirred_.wait_until(lock, stop, next_begin_, [] { return false; });
}

/// One of the threads at a time looks for work: what it finds it does, and the next one looks.
void Workers::work(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
        std::unique_lock lock(mutex_);
        if (!stirred_.wait(lock, stop, [this] { return !somebody_polls_; })) return;
        somebody_polls_ = true;
        wait_for_turn(lock, stop);
        if (stop.stop_requested()) return;
        woken_ = false;
        auto full = full_functions();
        lock.unlock();
        std::optional<RotationTask> task;
        try {
            task = claim(std::move(full));
        } catch (const Error&) {
            // The database is away, which its own observers tell; asked again after the interval.
        }
        lock.lock();
        std::optional<HeldPlace> held;
        if (task) {
            // Before the next one looks, who then knows what is full.
            held = hold(*task);
            next_begin_ = std::chrono::steady_clock::now() + settings_.apart;
        } else {
            stirred_.wait_for(lock, stop, settings_.poll, [this] { return woken_; });
        }
        somebody_polls_ = false;
        lock.unlock();
        stirred_.notify_all();
        if (held) carry_on(*held);
        forget_vector_registers();
    }
}

Workers::Renewal Workers::renew(const RotationTask& task) {
    try {
        const bool kept = wait_for<bool>([&](Completion<bool> done) {
            parts_.database.write<bool>(
                patient(),
                [task, lease = settings_.lease](storage::WriteTransaction& tx) {
                    return RotationRepository::renew(tx, task, lease);
                },
                std::move(done));
        });
        return kept ? Renewal::done : Renewal::lost;
    } catch (const Error&) {
        return Renewal::unknown;
    }
}

/// Whoever cannot renew its lease in time begins no further step: another node may have taken the rotation.
void Workers::renew_all(std::unique_lock<std::mutex>& lock) {
    std::vector<RotationTask> tasks;
    for (const auto& held : held_) tasks.push_back(held.task);
    for (const auto& task : tasks) {
        lock.unlock();
        const auto asked = std::chrono::steady_clock::now();
        const auto renewal = renew(task);
        lock.lock();
        for (auto& held : held_) {
            if (held.task.secret != task.secret || held.task.fence != task.fence) continue;
            if (renewal == Renewal::done) held.leased_until = asked + settings_.lease;
            if (renewal == Renewal::lost || held.leased_until <= std::chrono::steady_clock::now())
                held.ended = true;
        }
    }
}

void Workers::count() {
    using Counts = RotationRepository::Counts;
    try {
        const auto counts = wait_for<Counts>([&](Completion<Counts> done) {
            parts_.database.read<Counts>(
                {Priority::rewrap, std::chrono::steady_clock::now() + kCountPatience},
                [now = parts_.clock.now()](storage::ReadTransaction& tx) {
                    return RotationRepository::counts(tx, now);
                },
                std::move(done));
        });
        const std::lock_guard lock(mutex_);
        counts_ = counts;
    } catch (const Error&) {
        // What was counted last stays.
    }
}

std::optional<RotationRepository::Counts> Workers::counts() const {
    const std::lock_guard lock(mutex_);
    return counts_;
}

void Workers::look_after(const std::stop_token& stop) {
    const auto interval = std::min<std::chrono::milliseconds>(settings_.lease / 4, kLookInterval);
    std::unique_lock lock(mutex_);
    while (!stop.stop_requested()) {
        renew_all(lock);
        lock.unlock();
        count();
        lock.lock();
        stirred_.wait_for(lock, stop, interval, [] { return false; });
    }
}

}  // namespace coffer::rotation
