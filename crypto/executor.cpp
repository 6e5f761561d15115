#include "crypto/executor.hpp"

#include <fmt/format.h>
#include <pthread.h>

#include <algorithm>
#include <utility>

#include "crypto/anchor_session.hpp"
#include "crypto/hsm.hpp"
#include "daemon/base/thread_name.hpp"
#include "daemon/base/vector_registers.hpp"

namespace coffer::crypto {

namespace {

using namespace std::chrono_literals;
using SteadyClock = std::chrono::steady_clock;

/// Runs of one job, with a look at the token or a recovery between any two.
constexpr unsigned kRunsMax = 5;
/// After this run of a job a probe that succeeds is not believed: everything is made anew, once for each job.
constexpr unsigned kRunBeforeRebuild = 2;
/// Between two runs of a job that the token asked to have again.
constexpr auto kAgainPause = 5ms;
/// Between two attempts to bring the token back while the breaker is closed.
constexpr auto kRetryPause = 50ms;
/// A worker without work looks this often whether its session still works.
constexpr auto kIdleProbeInterval = 5s;
constexpr auto kTokenBusy = "the deadline passed before the token's threads could stand still";

bool can_recover(ErrorClass error_class) noexcept {
    return error_class == ErrorClass::again || error_class == ErrorClass::session ||
           error_class == ErrorClass::login || error_class == ErrorClass::module;
}

RecoveryGrade to_grade(ErrorClass error_class) noexcept {
    if (error_class == ErrorClass::session) return RecoveryGrade::session;
    if (error_class == ErrorClass::login) return RecoveryGrade::login;
    return RecoveryGrade::module;
}

std::string to_text(RecoveryGrade grade) {
    switch (grade) {
        case RecoveryGrade::session:
            return "session";
        case RecoveryGrade::login:
            return "login";
        case RecoveryGrade::module:
            return "module";
    }
    return "unknown";
}

/// For those who want none.
class SilentObserver final : public HsmObserver {
    void readiness_changed(bool, std::string) override {}
    void recovered(std::string, std::string, unsigned long) override {}
    void job_done(std::chrono::nanoseconds, std::chrono::nanoseconds) override {}
    void integrity_failure(std::string) override {}
};

}  // namespace

Executor::Executor(Config config, TokenKeeper& keeper, std::shared_ptr<HsmObserver> observer)
    : config_(config),
      keeper_(keeper),
      observer_(observer ? std::move(observer) : std::make_shared<SilentObserver>()),
      queue_(config.queue_capacity),
      breaker_(config.breaker_failures),
      slots_(config.threads) {
    watchdog_ = std::thread([this] { watch(); });
    name_thread(watchdog_, "hsm-watch");
    for (std::size_t i = 0; i < config_.threads; ++i) {
        workers_.emplace_back([this, i] { work(i); });
        name_thread(workers_.back(), fmt::format("hsm-{}", i));
    }
}

Executor::~Executor() {
    close();
}

void Executor::submit(std::unique_ptr<HsmJob> job) {
    if (breaker_.is_open() || stalled_) return job->fail(unavailable());
    queue_.push(std::move(job));
}

void Executor::exclusively(Deadline deadline, const std::function<void()>& work) {
    const auto given_up = [this] { return closing_ || breaker_.is_open(); };
    {
        std::unique_lock lock(mutex_);
        const bool began = changed_.wait_until(lock, deadline, [&] { return !recovering_ || given_up(); });
        if (given_up()) {
            lock.unlock();
            std::rethrow_exception(unavailable());
        }
        if (!began) throw DeadlineExceeded(kTokenBusy);
        recovering_ = true;
        if (!changed_.wait_until(lock, deadline, [this] { return nobody_inside(); })) {
            recovering_ = false;
            lock.unlock();
            changed_.notify_all();
            throw DeadlineExceeded(kTokenBusy);
        }
        exclusive_ = SteadyClock::now();
    }
    struct GoOn {
        Executor& executor;
        ~GoOn() {
            {
                const std::lock_guard lock(executor.mutex_);
                executor.exclusive_.reset();
                executor.recovering_ = false;
            }
            executor.changed_.notify_all();
        }
    } const go_on{*this};
    work();
}

Executor::Status Executor::status() const {
    const std::size_t queued = queue_.size();
    const std::lock_guard lock(mutex_);
    return {.ready = !breaker_.is_open() && !stalled_ && !closing_,
            .reason = reason_,
            .epoch = epoch_,
            .queued = queued};
}

void Executor::close() {
    {
        const std::lock_guard lock(mutex_);
        closing_ = true;
    }
    queue_.close();
    changed_.notify_all();
    for (auto& worker : workers_) {
        if (worker.joinable()) worker.join();
    }
    {
        const std::lock_guard lock(mutex_);
        watching_ = false;
    }
    changed_.notify_all();
    if (watchdog_.joinable()) watchdog_.join();
}

// ---- workers

void Executor::work(std::size_t worker) {
    while (true) {
        if (auto job = queue_.pop(SteadyClock::now() + kIdleProbeInterval)) {
            const Next next = serve(worker, static_cast<HsmJob&>(*job));  // submit() takes no other kind
            job.reset();
            if (next == Next::look_at_session) look_at_session(worker);
            forget_vector_registers();
        } else if (queue_.closed()) {
            return;
        } else {
            look_at_session(worker);
        }
    }
}

Executor::Next Executor::serve(std::size_t worker, HsmJob& job) {
    struct Forget {
        Executor& executor;
        std::size_t worker;
        ~Forget() { executor.forget_job(worker); }
    } const forget{*this, worker};

    for (unsigned runs = 1;; ++runs) {
        const auto epoch = enter(worker, &job);
        if (!epoch) {
            job.fail(unavailable());
            return Next::another_job;
        }
        const auto fault = attempt(worker, job);
        leave(worker);
        if (!fault) return Next::another_job;
        const bool asks_again = fault->error_class == ErrorClass::again;
        if (runs == kRunsMax) {
            job.fail(std::make_exception_ptr(Unavailable(fmt::format(
                "the token failed repeatedly: {} answered {}", fault->function, code_name(fault->code)))));
        } else if (!recover(worker, *epoch, *fault, runs, &job)) {
            job.fail(unavailable());
            return Next::another_job;
        }
        // Given up here, or by the watchdog. Of other faults the recovery has looked at the session.
        if (job.done()) return asks_again ? Next::look_at_session : Next::another_job;
    }
}

std::optional<Executor::Fault> Executor::attempt(std::size_t worker, HsmJob& job) {
    const auto started = SteadyClock::now();
    try {
        keeper_.tidy(worker);
        job.run(keeper_.context(worker));
        observer_->job_done(started - job.made_at(), SteadyClock::now() - started);
    } catch (const Pkcs11Error& e) {
        if (can_recover(e.error_class())) return Fault{e.error_class(), e.function(), e.code()};
        report_failure(job, std::current_exception(), e.error_class() == ErrorClass::integrity);
    } catch (const IntegrityError&) {
        report_failure(job, std::current_exception(), true);
    } catch (...) {
        report_failure(job, std::current_exception(), false);
    }
    return std::nullopt;
}

void Executor::report_failure(HsmJob& job, std::exception_ptr error, bool integrity) {
    if (!integrity) return job.fail(std::move(error));
    try {
        std::rethrow_exception(error);
    } catch (const std::exception& e) {
        observer_->integrity_failure(e.what());
        job.fail(std::make_exception_ptr(IntegrityError(e.what())));
    }
}

/// Of a worker without work, or whose job the token asked for again until it was given up: that may be the
/// job's fault, and may be the session's.
void Executor::look_at_session(std::size_t worker) {
    for (unsigned runs = 1;; ++runs) {
        const auto epoch = enter(worker, nullptr);
        if (!epoch) return;
        auto fault = probe(worker);
        leave(worker);
        if (!fault) return;
        if (fault->error_class == ErrorClass::again && runs == kRunsMax) {
            fault->error_class = ErrorClass::session;
        }
        const bool asks_again = fault->error_class == ErrorClass::again;
        if (!recover(worker, *epoch, *fault, runs, nullptr) || !asks_again) return;
    }
}

std::optional<Executor::Fault> Executor::probe(std::size_t worker) {
    try {
        keeper_.tidy(worker);
        keeper_.probe(worker);
    } catch (const Pkcs11Error& e) {
        return Fault{can_recover(e.error_class()) ? e.error_class() : ErrorClass::module, e.function(),
                     e.code()};
    } catch (const std::exception&) {
        return Fault{ErrorClass::module, "probe", CKR_GENERAL_ERROR};
    }
    return std::nullopt;
}

// ---- standing still for a recovery

std::optional<Executor::Epoch> Executor::enter(std::size_t worker, HsmJob* job) {
    std::unique_lock lock(mutex_);
    Slot& slot = slots_[worker];
    slot.job = job;
    const auto given_up = [this] { return closing_ || breaker_.is_open(); };
    changed_.wait(lock, [&] { return !recovering_ || given_up(); });
    if (recovering_ || given_up()) return std::nullopt;
    slot.inside = SteadyClock::now();
    return epoch_;
}

/// For the worker that recovers, while no other may enter. It leaves for the time that it waits by itself.
void Executor::enter_recovering(std::size_t worker) {
    const std::lock_guard lock(mutex_);
    slots_[worker].inside = SteadyClock::now();
}

void Executor::leave(std::size_t worker) {
    const std::lock_guard lock(mutex_);
    slots_[worker].inside.reset();
    if (recovering_) changed_.notify_all();
}

bool Executor::nobody_inside() const {
    return std::ranges::none_of(slots_, [](const Slot& slot) { return slot.inside.has_value(); });
}

void Executor::forget_job(std::size_t worker) {
    std::unique_lock lock(mutex_);
    Slot& slot = slots_[worker];
    changed_.wait(lock, [&] { return !slot.pinned; });
    slot.job = nullptr;
}

bool Executor::recover(std::size_t worker, Epoch seen, const Fault& fault, unsigned runs, HsmJob* job) {
    if (fault.error_class == ErrorClass::again) {
        if (fault.code == CKR_DEVICE_MEMORY || fault.code == CKR_HOST_MEMORY) keeper_.make_room();
        return pause(kAgainPause * runs);
    }
    {
        std::unique_lock lock(mutex_);
        if (recovering_) {
            changed_.wait(lock, [this] { return !recovering_ || closing_ || breaker_.is_open(); });
            return !recovering_;
        }
        if (epoch_ != seen) return true;  // done already, by somebody who ran into it at the same time
        recovering_ = true;
        changed_.wait(lock, [this] { return nobody_inside(); });
    }
    const bool back = restore(worker, fault, runs != kRunBeforeRebuild, job);
    {
        const std::lock_guard lock(mutex_);
        recovering_ = false;
    }
    changed_.notify_all();
    return back;
}

// ---- recovery: one thread, no other inside the module

bool Executor::restore(std::size_t worker, const Fault& fault, bool look_first, HsmJob* job) {
    if (look_first) {
        enter_recovering(worker);
        const bool works_after_all = !probe(worker);
        leave(worker);
        if (works_after_all) return true;
    }
    RecoveryGrade grade = to_grade(fault.error_class);
    while (true) {
        bool opened = false;
        std::string reason;
        try {
            const RecoveryGrade done = rebuild_from(worker, grade);
            back_in_service(done, fault);
            return true;
        } catch (const PinRefused& e) {
            opened = breaker_.trip();
            reason = e.what();
            grade = RecoveryGrade::login;
        } catch (const std::exception& e) {
            opened = breaker_.failed();
            reason = e.what();
            grade = RecoveryGrade::module;
        }
        if (breaker_.is_open()) give_up_for_now(reason, opened, job);
        if (!pause(breaker_.is_open() ? config_.probe_interval : std::chrono::milliseconds(kRetryPause))) {
            return false;
        }
    }
}

RecoveryGrade Executor::rebuild_from(std::size_t worker, RecoveryGrade grade) {
    enter_recovering(worker);
    struct Leave {
        Executor& executor;
        std::size_t worker;
        ~Leave() { executor.leave(worker); }
    } const leave{*this, worker};
    for (;; grade = static_cast<RecoveryGrade>(static_cast<int>(grade) + 1)) {
        try {
            keeper_.rebuild(grade);
            return grade;
        } catch (const PinRefused&) {
            throw;
        } catch (const std::exception&) {
            if (grade == RecoveryGrade::module) throw;
        }
    }
}

void Executor::give_up_for_now(const std::string& reason, bool just_opened, HsmJob* job) {
    set_reason(reason);
    if (just_opened) {
        changed_.notify_all();
        observer_->readiness_changed(false, reason);
    }
    const auto error = unavailable();
    if (job != nullptr) job->fail(error);
    while (const auto queued = queue_.pop(SteadyClock::now())) queued->fail(error);
}

void Executor::back_in_service(RecoveryGrade grade, const Fault& fault) {
    {
        const std::lock_guard lock(mutex_);
        ++epoch_;
        reason_.clear();
    }
    observer_->recovered(to_text(grade), fault.function, fault.code);
    if (breaker_.succeeded()) observer_->readiness_changed(true, "");
}

bool Executor::pause(std::chrono::milliseconds time) {
    std::unique_lock lock(mutex_);
    return !changed_.wait_for(lock, time, [this] { return closing_; });
}

void Executor::set_reason(std::string reason) {
    const std::lock_guard lock(mutex_);
    reason_ = std::move(reason);
}

std::exception_ptr Executor::unavailable() const {
    const std::lock_guard lock(mutex_);
    if (closing_) return std::make_exception_ptr(Unavailable("the service is shutting down"));
    return std::make_exception_ptr(Unavailable(
        fmt::format("the token cannot be used now: {}", reason_.empty() ? "recovering" : reason_)));
}

}  // namespace coffer::crypto
