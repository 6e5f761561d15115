#pragma once
// A unit of work for the HSM executor: what it runs with, and that its completion is called exactly once.

#include <atomic>
#include <chrono>
#include <exception>
#include <memory>
#include <utility>

#include "daemon/base/job_queue.hpp"
#include "daemon/base/outcome.hpp"

namespace coffer::crypto {

class HsmContext;

class HsmJob : public Job<HsmContext> {
public:
    using Job::Job;
    [[nodiscard]] std::chrono::steady_clock::time_point made_at() const noexcept { return made_at_; }
    /// Whether the completion has been called.
    [[nodiscard]] bool done() const noexcept { return done_.load(std::memory_order_acquire); }

protected:
    /// True for the first caller alone: the worker that has the result and the watchdog that sees the
    /// deadline pass meanwhile may both want to call the completion.
    [[nodiscard]] bool claim() noexcept { return !done_.exchange(true, std::memory_order_acq_rel); }

private:
    std::chrono::steady_clock::time_point made_at_ = std::chrono::steady_clock::now();
    std::atomic<bool> done_ = false;
};

template <class T, class Work>
class FunctionJob final : public HsmJob {
public:
    FunctionJob(JobOptions options, Completion<T> completion, Work work)
        : HsmJob(options), completion_(std::move(completion)), work_(std::move(work)) {}

    void run(HsmContext& context) override {
        if (!done()) complete(Outcome<T>(work_(context)));
    }
    void fail(std::exception_ptr error) noexcept override { complete(Outcome<T>(std::move(error))); }

private:
    void complete(Outcome<T> outcome) {
        if (claim()) completion_(std::move(outcome));
    }
    Completion<T> completion_;
    Work work_;
};

/// A job that completes with what `work(context)` returns. `work` may be called more than once, after a
/// recovery; what it throws decides about recovery (executor.hpp).
template <class T, class Work>
[[nodiscard]] std::unique_ptr<HsmJob> make_job(JobOptions options, Completion<T> completion, Work work) {
    return std::make_unique<FunctionJob<T, Work>>(options, std::move(completion), std::move(work));
}

}  // namespace coffer::crypto
