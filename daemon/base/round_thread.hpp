#pragma once
// A thread that does something again and again, and sooner when it is woken.

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <stop_token>
#include <thread>

namespace coffer {

/// Thread-safe. Its owner declares it behind what the rounds use, so that it ends before that does.
class RoundThread {
public:
    /// One round; how long to wait until the next. Must not throw.
    using Round = std::function<std::chrono::milliseconds(const std::stop_token&)>;

    RoundThread() = default;
    ~RoundThread() { stop(); }
    RoundThread(const RoundThread&) = delete;
    RoundThread& operator=(const RoundThread&) = delete;

    /// Begins with the first round, at once. `name`: of at most 15 characters, for debuggers. Called once.
    void start(const char* name, Round round);
    /// Ends the wait, or the one that comes next.
    void wake() noexcept;
    /// Asks the round under way to stop, and waits for it. Whether the thread ran until now.
    bool stop();

private:
    void run(const std::stop_token& stop, const Round& round);

    std::mutex mutex_;
    std::condition_variable_any stirred_;
    bool woken_ = false;
    std::jthread thread_;  // last: it uses the others
};

}  // namespace coffer
