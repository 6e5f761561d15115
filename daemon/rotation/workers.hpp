#pragma once
// The threads that rotate secrets. On any number of nodes at once: each takes what is due under a lease, and
// keeps it while it works on it.

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <list>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "daemon/base/time.hpp"
#include "daemon/rotation/runner.hpp"
#include "daemon/secrets/rotation_functions.hpp"

namespace coffer::rotation {

struct WorkerSettings {
    unsigned workers = 4;
    /// Without a sign of life for so long, another node takes a rotation over.
    std::chrono::seconds lease{60};
    /// How often the database is asked for what is due, when nobody says that there is something.
    std::chrono::milliseconds poll{1'000};
    /// From the beginning of one, or of one more try of it, to that of the next one on this node.
    std::chrono::nanoseconds apart{0};
    RetrySettings retry;
};

/// Thread-safe.
class Workers final : public secrets::RotationFunctions {
public:
    /// `functions` and `restraints` are what the configuration has. Nothing is begun before start().
    Workers(RotationParts parts, FunctionSet functions, Restraints restraints, WorkerSettings settings,
            RunnerEvents events);
    ~Workers() override;
    Workers(const Workers&) = delete;
    Workers& operator=(const Workers&) = delete;

    void start();
    /// Ends after the step at hand of each; another node, or the next start, goes on from there.
    void stop();

    [[nodiscard]] bool has(std::string_view arn) const noexcept override {
        return functions_.find(arn) != nullptr;
    }
    [[nodiscard]] std::string_view own_arn(std::string_view arn) const noexcept override {
        return functions_.own_arn(arn);
    }
    [[nodiscard]] bool tells_target(std::string_view arn) const noexcept override {
        return functions_.tells_target(arn);
    }
    void wake() noexcept override;

    [[nodiscard]] const FunctionSet& functions() const noexcept { return functions_; }
    [[nodiscard]] const Restraints& restraints() const noexcept { return restraints_; }
    [[nodiscard]] const RotationParts& parts() const noexcept { return parts_; }

    /// What there was to do on all nodes when it was last looked, a few seconds ago; nothing before.
    [[nodiscard]] std::optional<storage::RotationRepository::Counts> counts() const;

    /// Takes one that is due and carries it on, on the calling thread; false when none was. For tests, and
    /// the workers themselves.
    bool run_one();

private:
    /// A rotation that this node has at the moment.
    struct Held {
        storage::RotationTask task;
        Deadline leased_until;
        std::atomic<bool> ended = false;
    };

    using HeldPlace = std::list<Held>::iterator;
    /// The caller has mutex_.
    [[nodiscard]] HeldPlace hold(const storage::RotationTask& task);
    void carry_on(HeldPlace held);
    /// ARNs of the functions of which this node works on as many as it may. The caller has mutex_.
    [[nodiscard]] std::vector<std::string> full_functions() const;
    [[nodiscard]] bool is_limited(const storage::RotationTask& task) const noexcept;
    /// Waits, with `lock` on mutex_, until the next one may be begun.
    void wait_for_turn(std::unique_lock<std::mutex>& lock, const std::stop_token& stop);
    void work(const std::stop_token& stop);
    void look_after(const std::stop_token& stop);
    enum class Renewal : std::uint8_t { done, lost, unknown };
    [[nodiscard]] Renewal renew(const storage::RotationTask& task);
    void renew_all(std::unique_lock<std::mutex>& lock);
    void count();
    /// Of functions that are not `full`.
    [[nodiscard]] std::optional<storage::RotationTask> claim(std::vector<std::string> full);

    const RotationParts parts_;
    const FunctionSet functions_;
    const Restraints restraints_;
    const WorkerSettings settings_;
    std::atomic<bool> stops_{false};
    const Runner runner_;

    mutable std::mutex mutex_;
    std::condition_variable_any stirred_;
    bool woken_ = false;
    bool somebody_polls_ = false;
    bool stopping_ = false;
    std::list<Held> held_;
    Deadline next_begin_{};
    std::optional<storage::RotationRepository::Counts> counts_;
    std::vector<std::jthread> threads_;  // last: they use the others
};

}  // namespace coffer::rotation
