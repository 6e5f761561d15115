#pragma once
// The bounded queue between callers that must not block and threads that may (PKCS#11, libpqxx). Four
// priorities, each a FIFO, the more urgent first; a deadline for every job; full means an error at once.

#include <algorithm>
#include <array>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <iterator>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "daemon/base/errors.hpp"
#include "daemon/base/time.hpp"

namespace coffer {

/// Who goes first when a backend is busy. A queue has one lane for each.
enum class Priority : std::uint8_t { read, write, rotation, rewrap };
inline constexpr std::size_t kPriorityCount = 4;

/// How urgent a job is and how long its caller waits for it.
struct JobOptions {
    Priority priority = Priority::read;
    Deadline deadline = Deadline::max();
};

/// One unit of work for a thread that owns a `Context` (a session, a connection).
template <class Context>
class Job {
public:
    explicit Job(JobOptions options) : options_(options) {}
    Job(const Job&) = delete;
    Job& operator=(const Job&) = delete;
    virtual ~Job() = default;

    /// Does the work and calls the completion. May be called again after it threw, when the executor has
    /// recovered from the failure and the deadline allows.
    virtual void run(Context& context) = 0;
    /// Calls the completion with `error`: the job is given up.
    virtual void fail(std::exception_ptr error) noexcept = 0;

    /// Whether it may be begun now; once it said yes it will be. A job that says no is passed over until
    /// JobQueue::stir(). Called with the queue locked: must be quick.
    [[nodiscard]] virtual bool may_begin() noexcept { return true; }

    [[nodiscard]] const JobOptions& options() const noexcept { return options_; }
    [[nodiscard]] bool expired() const noexcept {
        return options_.deadline <= std::chrono::steady_clock::now();
    }

private:
    JobOptions options_;
};

/// Thread-safe. `capacity` bounds the jobs that wait in each lane. With a `fair_share` of N, a lane that
/// others went before N times while it waited goes first once: under saturation it would starve otherwise. 0:
/// never.
template <class Context>
class JobQueue {
public:
    using Item = std::unique_ptr<Job<Context>>;

    explicit JobQueue(std::size_t capacity, std::size_t fair_share = 0)
        : capacity_(capacity), fair_share_(fair_share) {}

    /// Queues `job`, or fails it at once: with Overloaded when its lane is full, with Unavailable after
    /// close(). Never throws for these, so every caller hears through the completion alone.
    void push(Item job) {
        if (std::exception_ptr refusal = try_push(job)) {
            job->fail(std::move(refusal));
        } else {
            ready_.notify_one();
        }
    }

    /// The next job that may begin, most urgent lane first. Waits until `until`; nothing when none came or
    /// the queue was closed and is empty. Jobs whose deadline passed while queued are failed here, never
    /// returned.
    [[nodiscard]] Item pop(Deadline until = Deadline::max()) {
        while (true) {
            Item job = next(until);
            if (!job || !job->expired()) return job;
            job->fail(std::make_exception_ptr(
                DeadlineExceeded("the deadline passed while the request was queued")));
        }
    }

    /// Takes up to `most` further jobs of one lane that `wanted` says yes to, the longest queued first,
    /// without waiting: for a backend that does several jobs in one go. Looks at no more than the lane's
    /// first `kMostLookedAt` jobs. `wanted` must be quick.
    template <class Wanted>
    [[nodiscard]] std::vector<Item> take_if(Priority priority, std::size_t most, Wanted wanted) {
        std::vector<Item> taken;
        taken.reserve(most);
        const std::lock_guard lock(mutex_);
        auto& lane = lanes_[static_cast<std::size_t>(priority)];
        const auto end = lane.begin() + static_cast<std::ptrdiff_t>(std::min(lane.size(), kMostLookedAt));
        for (auto item = lane.begin(); item != end && taken.size() < most; ++item) {
            if (wanted(std::as_const(**item))) taken.push_back(std::move(*item));
        }
        lane.erase(std::remove(lane.begin(), end, nullptr), end);
        size_ -= taken.size();
        return taken;
    }

    /// Fails the queued jobs whose deadline has passed, for the time when no thread pops because all hang in
    /// the backend. Linear in the jobs queued.
    void fail_expired() {
        std::deque<Item> expired;
        {
            const std::lock_guard lock(mutex_);
            for (auto& lane : lanes_) {
                const auto first = std::stable_partition(lane.begin(), lane.end(),
                                                         [](const Item& job) { return !job->expired(); });
                expired.insert(expired.end(), std::make_move_iterator(first),
                               std::make_move_iterator(lane.end()));
                lane.erase(first, lane.end());
            }
            size_ -= expired.size();
        }
        for (auto& job : expired) {
            job->fail(std::make_exception_ptr(
                DeadlineExceeded("the deadline passed while the request was queued")));
        }
    }

    /// A job that may_begin() said no may begin now.
    void stir() { ready_.notify_one(); }

    /// No more jobs are taken in; those queued are still handed out.
    void close() {
        {
            const std::lock_guard lock(mutex_);
            closed_ = true;
        }
        ready_.notify_all();
    }

    [[nodiscard]] bool closed() const {
        const std::lock_guard lock(mutex_);
        return closed_;
    }

    /// Jobs waiting in all lanes.
    [[nodiscard]] std::size_t size() const {
        const std::lock_guard lock(mutex_);
        return size_;
    }

private:
    static constexpr std::size_t kMostLookedAt = 256;

    std::exception_ptr try_push(Item& job) {
        const auto lane = static_cast<std::size_t>(job->options().priority);
        const std::lock_guard lock(mutex_);
        if (closed_) return std::make_exception_ptr(Unavailable("the service is shutting down"));
        if (lanes_[lane].size() >= capacity_) {
            return std::make_exception_ptr(Overloaded("too many requests are waiting"));
        }
        lanes_[lane].push_back(std::move(job));
        ++size_;
        return nullptr;
    }

    Item next(Deadline until) {
        std::unique_lock lock(mutex_);
        Item job;
        const auto stirred = [&] {
            job = take_first();
            return job != nullptr || (closed_ && size_ == 0);
        };
        // libstdc++ converts time_point::max() to another clock for some waits, which overflows.
        if (until == Deadline::max()) {
            ready_.wait(lock, stirred);
        } else {
            static_cast<void>(ready_.wait_until(lock, until, stirred));
        }
        return job;
    }

    /// The first job that may begin, among the first of each lane. Null when there is none.
    Item take_first() {
        if (const auto neglected = neglected_lane()) {
            if (auto job = take_from(*neglected)) return job;
        }
        for (std::size_t lane = 0; lane < kPriorityCount; ++lane) {
            if (auto job = take_from(lane)) return job;
        }
        return nullptr;
    }

    Item take_from(std::size_t number) {
        auto& lane = lanes_[number];
        const auto end = lane.begin() + static_cast<std::ptrdiff_t>(std::min(lane.size(), kMostLookedAt));
        const auto first =
            std::find_if(lane.begin(), end, [this](const Item& job) { return closed_ || job->may_begin(); });
        if (first == end) return nullptr;
        Item job = std::move(*first);
        lane.erase(first);
        --size_;
        passed_over_[number] = 0;
        for (auto lower = number + 1; lower < kPriorityCount; ++lower) {
            if (!lanes_[lower].empty()) ++passed_over_[lower];
        }
        return job;
    }

    /// The lane that waits and that others went before most often, if that is often enough.
    [[nodiscard]] std::optional<std::size_t> neglected_lane() {
        if (fair_share_ == 0) return std::nullopt;
        std::optional<std::size_t> neglected;
        for (std::size_t lane = 0; lane < kPriorityCount; ++lane) {
            if (lanes_[lane].empty()) passed_over_[lane] = 0;
            if (passed_over_[lane] < fair_share_) continue;
            if (!neglected || passed_over_[lane] > passed_over_[*neglected]) neglected = lane;
        }
        return neglected;
    }

    const std::size_t capacity_;
    const std::size_t fair_share_;
    mutable std::mutex mutex_;
    std::condition_variable ready_;
    std::array<std::deque<Item>, kPriorityCount> lanes_;
    /// How often a more urgent lane went first while this one waited.
    std::array<std::size_t, kPriorityCount> passed_over_{};
    std::size_t size_ = 0;
    bool closed_ = false;
};

}  // namespace coffer
