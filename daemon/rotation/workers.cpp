#include "daemon/rotation/workers.hpp"

#include <algorithm>

#include "daemon/base/thread_name.hpp"

namespace coffer::rotation {

using storage::RotationRepository;
using storage::RotationTask;

namespace {

constexpr std::chrono::seconds kClaimPatience{10};
constexpr std::chrono::seconds kLookInterval{10};

JobOptions patient() {
    return {Priority::rotation, std::chrono::steady_clock::now() + kClaimPatience};
}

}  // namespace

Workers::Workers(RotationParts parts, FunctionSet functions, WorkerSettings settings, RunnerEvents events)
    : parts_(std::move(parts)),
      functions_(std::move(functions)),
      settings_(settings),
      runner_(parts_, functions_, settings.retry, std::move(events)) {}

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
    for (auto& thread : threads_) thread.request_stop();
    threads_.clear();
}

void Workers::wake() noexcept {
    {
        const std::lock_guard lock(mutex_);
        woken_ = true;
    }
    stirred_.notify_all();
}

std::optional<RotationTask> Workers::claim() {
    using Claimed = std::optional<RotationTask>;
    return wait_for<Claimed>([this](Completion<Claimed> done) {
        parts_.database.write<Claimed>(
            patient(),
            [this, now = parts_.clock.now()](storage::WriteTransaction& tx) -> Claimed {
                auto tasks = RotationRepository::claim(tx, now, 1, parts_.node, settings_.lease);
                if (tasks.empty()) return std::nullopt;
                return std::move(tasks.front());
            },
            std::move(done));
    });
}

bool Workers::run_one() {
    auto task = claim();
    if (!task) return false;
    carry_on(std::move(*task));
    return true;
}

void Workers::carry_on(RotationTask task) {
    std::unique_lock lock(mutex_);
    const auto held = held_.emplace(held_.end());
    held->task = task;
    lock.unlock();
    runner_.run(std::move(task), held->lost);
    lock.lock();
    held_.erase(held);
}

/// One of the threads at a time looks for work: what it finds it does, and the next one looks.
void Workers::work(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
        std::unique_lock lock(mutex_);
        if (!stirred_.wait(lock, stop, [this] { return !somebody_polls_; })) return;
        somebody_polls_ = true;
        woken_ = false;
        lock.unlock();
        std::optional<RotationTask> task;
        try {
            task = claim();
        } catch (const Error&) {
            // The database is away, which its own observers tell; asked again after the interval.
        }
        lock.lock();
        if (!task) stirred_.wait_for(lock, stop, settings_.poll, [this] { return woken_; });
        somebody_polls_ = false;
        lock.unlock();
        stirred_.notify_all();
        if (task) carry_on(std::move(*task));
    }
}

std::vector<bool> Workers::renew(const std::vector<RotationTask>& tasks) {
    std::vector<bool> kept;
    for (const auto& task : tasks) {
        bool is_kept = true;
        try {
            is_kept = wait_for<bool>([&](Completion<bool> done) {
                parts_.database.write<bool>(
                    patient(),
                    [task, lease = settings_.lease](storage::WriteTransaction& tx) {
                        return RotationRepository::renew(tx, task, lease);
                    },
                    std::move(done));
            });
        } catch (const Error&) {
            // Tried again while the lease lasts; when it does not, whoever takes it raises the fence.
        }
        kept.push_back(is_kept);
    }
    return kept;
}

void Workers::count() {
    using Counts = RotationRepository::Counts;
    try {
        const auto counts = wait_for<Counts>([&](Completion<Counts> done) {
            parts_.database.read<Counts>(
                patient(),
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
    const auto interval = std::min<std::chrono::milliseconds>(settings_.lease / 3, kLookInterval);
    std::unique_lock lock(mutex_);
    while (!stop.stop_requested()) {
        std::vector<RotationTask> tasks;
        for (const auto& held : held_) tasks.push_back(held.task);
        lock.unlock();
        const auto kept = renew(tasks);
        count();
        lock.lock();
        for (auto& held : held_) {
            for (std::size_t i = 0; i < tasks.size(); ++i) {
                const bool same = held.task.secret == tasks[i].secret && held.task.fence == tasks[i].fence;
                if (same && !kept[i]) held.lost = true;
            }
        }
        stirred_.wait_for(lock, stop, interval, [] { return false; });
    }
}

}  // namespace coffer::rotation
