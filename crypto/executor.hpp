#pragma once
// The threads that own the token's sessions, and the recovery of everything that can go stale.

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "crypto/breaker.hpp"
#include "crypto/hsm_job.hpp"
#include "crypto/pkcs11_error.hpp"
#include "crypto/token_keeper.hpp"

namespace coffer::crypto {

class HsmObserver;

/// One thread for each session. A job's Pkcs11Error decides by its class (pkcs11_error.cpp) what happens:
///
/// - again: the job is run again, a little later. When it never passes, the worker looks whether its session
///   works; what does not pass there either is dealt with as `session`;
/// - session, login, module: one worker, with all others standing still, first looks whether the session
///   works after all, then makes anew as much as the class says, then more (RecoveryGrade), until the token
///   answers. The epoch rises, and every worker runs its job again;
/// - anything else ends the job with that error.
///
/// While the token does not come back, jobs wait within their deadlines. After `breaker_failures` failed
/// attempts the breaker opens: waiting and new jobs fail at once with Unavailable, and one worker goes on
/// trying every `probe_interval` until the token answers. A refused PIN opens it at once.
///
/// A watchdog fails jobs, queued or running, whose deadline has passed, even while every worker hangs in the
/// module. It cannot free the worker: PKCS#11 has no call for that.
///
/// Thread-safe.
class Executor {
public:
    struct Config {
        std::size_t threads = 1;
        std::size_t queue_capacity = 4096;
        unsigned breaker_failures = 5;
        std::chrono::milliseconds probe_interval{500};
        /// When calls take longer, those of exclusively() included, and no worker gets on, the token hangs:
        /// not ready.
        std::chrono::milliseconds stall_limit{10'000};
    };
    struct Status {
        bool ready = false;
        std::string reason;  ///< why not ready
        std::uint64_t epoch = 0;
        std::size_t queued = 0;
    };

    /// Starts the threads; `keeper` has a working token and outlives the executor. `observer` may be null.
    Executor(Config config, TokenKeeper& keeper, std::shared_ptr<HsmObserver> observer);
    ~Executor();
    Executor(const Executor&) = delete;
    Executor& operator=(const Executor&) = delete;

    /// Runs `job` on a worker, or fails it: Overloaded when the queue is full, Unavailable while the token is
    /// away or after close(), DeadlineExceeded.
    void submit(std::unique_ptr<HsmJob> job);
    /// Runs `work` on the calling thread while every worker stands still: for what changes that which all of
    /// them use, and takes milliseconds. Throws Unavailable while the token is away or after close(),
    /// DeadlineExceeded, and what `work` throws.
    void exclusively(Deadline deadline, const std::function<void()>& work);
    [[nodiscard]] Status status() const;
    /// Waits for running jobs, fails queued ones with Unavailable, ends the threads.
    void close();

private:
    struct Fault {
        ErrorClass error_class;
        std::string function;
        CK_RV code;
    };
    /// Since when a thread is inside the module; nothing while it is not.
    using Inside = std::optional<std::chrono::steady_clock::time_point>;
    struct Slot {
        HsmJob* job = nullptr;  // while a worker has it; owned by that worker
        bool pinned = false;    // the watchdog is about to fail `job`: it must not be destroyed
        Inside inside;
    };
    using Epoch = std::uint64_t;
    /// What a worker does next.
    enum class Next : std::uint8_t { another_job, look_at_session };

    void work(std::size_t worker);
    void look_at_session(std::size_t worker);
    [[nodiscard]] Next serve(std::size_t worker, HsmJob& job);
    [[nodiscard]] std::optional<Fault> attempt(std::size_t worker, HsmJob& job);
    [[nodiscard]] std::optional<Fault> probe(std::size_t worker);
    void report_failure(HsmJob& job, std::exception_ptr error, bool integrity);

    [[nodiscard]] std::optional<Epoch> enter(std::size_t worker, HsmJob* job);
    void enter_recovering(std::size_t worker);
    void leave(std::size_t worker);
    [[nodiscard]] bool nobody_inside() const;
    void forget_job(std::size_t worker);

    [[nodiscard]] bool recover(std::size_t worker, Epoch seen, const Fault& fault, unsigned attempt,
                               HsmJob* job);
    [[nodiscard]] bool restore(std::size_t worker, const Fault& fault, bool look_first, HsmJob* job);
    [[nodiscard]] RecoveryGrade rebuild_from(std::size_t worker, RecoveryGrade grade);
    void give_up_for_now(const std::string& reason, bool just_opened, HsmJob* job);
    void back_in_service(RecoveryGrade grade, const Fault& fault);
    [[nodiscard]] bool pause(std::chrono::milliseconds time);

    void watch();
    void check_deadlines();
    [[nodiscard]] bool nobody_gets_on() const;
    void note_stall(bool stalled);
    void set_reason(std::string reason);
    [[nodiscard]] std::exception_ptr unavailable() const;

    const Config config_;
    TokenKeeper& keeper_;
    const std::shared_ptr<HsmObserver> observer_;
    JobQueue<HsmContext> queue_;  // holds HsmJobs only
    Breaker breaker_;
    std::atomic<bool> stalled_ = false;
    bool stall_told_ = false;  // for the watchdog alone

    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<Slot> slots_;
    Inside exclusive_;         // whoever runs exclusively()
    bool recovering_ = false;  // no worker may enter the module
    bool closing_ = false;
    bool watching_ = true;
    Epoch epoch_ = 1;
    std::string reason_;

    std::vector<std::thread> workers_;
    std::thread watchdog_;
};

}  // namespace coffer::crypto
