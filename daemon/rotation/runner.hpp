#pragma once
// One secret's rotation, from where it stands to its end or its next try. Each step's outcome is a
// transaction of its own, so that whoever takes it over goes on from there.

#include <atomic>
#include <chrono>
#include <functional>
#include <string>

#include "daemon/rotation/function_set.hpp"
#include "daemon/rotation/stored_values.hpp"
#include "storage/rotation_repository.hpp"

namespace coffer::rotation {

struct RetrySettings {
    /// Tries until the next window.
    std::int64_t attempts = 5;
    /// Until the second try; doubled for each further one.
    std::chrono::milliseconds first{60'000};
    std::chrono::milliseconds longest{3'600'000};

    /// Until the next try after the `attempt`-th (from 1).
    [[nodiscard]] std::chrono::milliseconds after(std::int64_t attempt) const;
};

/// Told about what operators want to know. Called on workers' threads; must not block or throw.
struct RunnerEvents {
    std::function<void(const std::string& secret)> succeeded;
    /// `final`: no try comes before the next window.
    std::function<void(const std::string& secret, Step step, const std::string& reason, bool final)> failed;
    /// It was given up by hand, turned off, or taken by another node.
    std::function<void(const std::string& secret, const std::string& reason)> left;
    /// The database or the token did not play along: it is taken up again when the lease is over.
    std::function<void(const std::string& secret, const std::string& reason)> interrupted;
};

/// Thread-safe. All it is given must outlive it.
class Runner {
public:
    Runner(const RotationParts& parts, const FunctionSet& functions, RetrySettings retry, RunnerEvents events)
        : parts_(parts), functions_(functions), retry_(retry), events_(std::move(events)) {}

    /// Carries `task`, which was claimed, on. Blocks as long as its steps take. `lost` tells that the lease
    /// is gone. Does not throw.
    void run(storage::RotationTask task, const std::atomic<bool>& lost) const noexcept;

private:
    void carry_on(storage::RotationTask& task, const std::atomic<bool>& lost) const;
    void rotate(storage::RotationTask& task, const storage::StoredSecret& secret,
                const FunctionEntry& function, const std::atomic<bool>& lost) const;
    void try_login_only(storage::RotationTask& task, const storage::StoredSecret& secret,
                        const FunctionEntry& function) const;
    void begin(storage::RotationTask& task, const storage::StoredSecret& secret) const;
    void complete(storage::RotationTask& task, const storage::StoredSecret& secret) const;
    void abandon(storage::RotationTask& task, const storage::StoredSecret& secret) const;
    void fail(storage::RotationTask& task, const storage::StoredSecret& secret, StepFailed::Kind kind,
              const std::string& message) const;
    /// Stores `task`; throws RotationLost when somebody else has it.
    void save(const storage::RotationTask& task, bool release, secrets::ServiceAction action = {}) const;

    const RotationParts& parts_;
    const FunctionSet& functions_;
    const RetrySettings retry_;
    const RunnerEvents events_;
};

}  // namespace coffer::rotation
