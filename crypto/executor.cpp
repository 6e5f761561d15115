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
/// How late the watchdog may notice a deadline.
constexpr auto kWatchdogTick = 20ms;
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
        if (!changed_.wait_until(lock, deadline, [this] { return in_calls_ == 0; })) {
            recovering_ = false;
            lock.unlock();
            changed_.notify_all();
            throw DeadlineExceeded(kTokenBusy);
        }
    }
    struct GoOn {
        Executor& executor;
        ~GoOn() {
            {
                const std::lock_guard lock(executor.mutex_);
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
            serve(worker, static_cast<HsmJob&>(*job));  // submit() takes no other kind
            job.reset();
            forget_vector_registers();
        } else if (queue_.closed()) {
            return;
        } else {
            idle(worker);
        }
    }
}

void Executor::serve(std::size_t worker, HsmJob& job) {
    struct Forget {
        Executor& executor;
        std::size_t worker;
        ~Forget() { executor.forget_job(worker); }
    } const forget{*this, worker};

    for (unsigned runs = 1;; ++runs) {
        const auto epoch = enter(worker, &job);
        if (!epoch) return job.fail(unavailable());
        const auto fault = attempt(worker, job);
        leave(worker);
        if (!fault) return;
        if (runs == kRunsMax) {
            return job.fail(std::make_exception_ptr(Unavailable(fmt::format(
                "the token failed repeatedly: {} answered {}", fault->function, code_name(fault->code)))));
        }
        if (!recover(worker, *epoch, *fault, runs, &job)) return job.fail(unavailable());
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

void Executor::idle(std::size_t worker) {
    const auto epoch = enter(worker, nullptr);
    if (!epoch) return;
    std::optional<Fault> fault;
    try {
        keeper_.tidy(worker);
        keeper_.probe(worker);
    } catch (const Pkcs11Error& e) {
        fault = Fault{can_recover(e.error_class()) ? e.error_class() : ErrorClass::module, e.function(),
                      e.code()};
    } catch (const std::exception&) {
        fault = Fault{ErrorClass::module, "probe", CKR_GENERAL_ERROR};
    }
    leave(worker);
    if (fault) (void)recover(worker, *epoch, *fault, 1, nullptr);
}

// ---- standing still for a recovery

std::optional<Executor::Epoch> Executor::enter(std::size_t worker, HsmJob* job) {
    std::unique_lock lock(mutex_);
    Slot& slot = slots_[worker];
    slot.job = job;
    const auto given_up = [this] { return closing_ || breaker_.is_open(); };
    changed_.wait(lock, [&] { return !recovering_ || given_up(); });
    if (recovering_ || given_up()) return std::nullopt;
    slot.in_call = true;
    slot.since = SteadyClock::now();
    ++in_calls_;
    return epoch_;
}

void Executor::leave(std::size_t worker) {
    const std::lock_guard lock(mutex_);
    slots_[worker].in_call = false;
    --in_calls_;
    if (recovering_) changed_.notify_all();
}

void Executor::forget_job(std::size_t worker) {
    std::unique_lock lock(mutex_);
    Slot& slot = slots_[worker];
    changed_.wait(lock, [&] { return !slot.pinned; });
    slot.job = nullptr;
}

/// Tells the watchdog that the worker is inside the module as of now.
void Executor::touch(std::size_t worker) {
    const std::lock_guard lock(mutex_);
    slots_[worker].in_call = true;
    slots_[worker].since = SteadyClock::now();
}

/// Tells it that the worker waits by itself.
void Executor::leave_module(std::size_t worker) {
    const std::lock_guard lock(mutex_);
    slots_[worker].in_call = false;
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
        changed_.wait(lock, [this] { return in_calls_ == 0; });
    }
    const bool back = restore(worker, fault, runs != kRunBeforeRebuild, job);
    {
        const std::lock_guard lock(mutex_);
        recovering_ = false;
        slots_[worker].in_call = false;
    }
    changed_.notify_all();
    return back;
}

// ---- recovery: one thread, no other inside the module

bool Executor::restore(std::size_t worker, const Fault& fault, bool look_first, HsmJob* job) {
    touch(worker);
    if (look_first && works_after_all(worker)) return true;
    RecoveryGrade grade = to_grade(fault.error_class);
    while (true) {
        bool opened = false;
        std::string reason;
        touch(worker);
        try {
            const RecoveryGrade done = rebuild_from(grade);
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
        leave_module(worker);
        if (breaker_.is_open()) give_up_for_now(reason, opened, job);
        if (!pause(breaker_.is_open() ? config_.probe_interval : std::chrono::milliseconds(kRetryPause))) {
            return false;
        }
    }
}

bool Executor::works_after_all(std::size_t worker) {
    try {
        keeper_.probe(worker);
        return true;
    } catch (const std::exception&) {
        return false;
    }
}

RecoveryGrade Executor::rebuild_from(RecoveryGrade grade) {
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

// ---- the watchdog

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
    std::size_t hanging = 0;
    bool stalled = false;
    std::vector<Slot*> late;
    {
        const std::lock_guard lock(mutex_);
        const auto now = SteadyClock::now();
        for (Slot& slot : slots_) {
            if (slot.in_call && now - slot.since > config_.stall_limit) ++hanging;
            if (slot.job == nullptr || slot.job->done() || !slot.job->expired()) continue;
            slot.pinned = true;
            late.push_back(&slot);
        }
        // A call that hangs keeps a recovery from beginning, and so all workers.
        stalled = hanging == slots_.size() || (hanging > 0 && recovering_);
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
