#pragma once
// One secret's rotation, from where it stands to its end or its next try. Each step's outcome is a
// transaction of its own, so that whoever takes it over goes on from there.

#include <atomic>
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "daemon/rotation/function_set.hpp"
#include "daemon/rotation/restraints.hpp"
#include "daemon/rotation/stored_values.hpp"
#include "storage/rotation_repository.hpp"

namespace coffer::rotation {

struct RetrySettings {
    /// Tries until the next window.
    std::int64_t attempts = 5;
    /// Until the second try; doubled for each further one.
    std::chrono::milliseconds first{60'000};
    std::chrono::milliseconds longest{3'600'000};
    /// Within which windows that nobody was there for are made up for, each secret at a moment of its own; 0:
    /// all at once.
    std::chrono::milliseconds missed_spread{1'800'000};

    /// Until the next try after the `attempt`-th (from 1).
    [[nodiscard]] std::chrono::milliseconds after(std::int64_t attempt) const;
    /// The same where the database or the token was away, which is no failed try: twice as long as `before`
    /// has waited, if that was for the same reason.
    [[nodiscard]] std::chrono::milliseconds after_outage(const storage::RotationTask& before) const;
};

/// Told about what operators want to know. Called on workers' threads; must not block or throw.
struct RunnerEvents {
    std::function<void(const std::string& secret)> succeeded;
    /// Besides `succeeded`, for what was more than a test: the ARNs of the secret and of its function. May be
    /// left out.
    std::function<void(const std::string& secret_arn, const std::string& function)> rotated;
    /// `final`: no try comes before the next window.
    std::function<void(const std::string& secret, Step step, const std::string& reason, bool final)> failed;
    /// It was given up by hand, turned off, or taken by another node.
    std::function<void(const std::string& secret, const std::string& reason)> left;
    /// Something within Coffer (the database, the token) did not play along: taken up again later. Where that
    /// ends the tries for now it is `failed`.
    std::function<void(const std::string& secret, const std::string& reason)> interrupted;
};

/// Thread-safe. All it is given must outlive it.
class Runner {
public:
    Runner(const RotationParts& parts, const FunctionSet& functions, const Restraints& restraints,
           RetrySettings retry, RunnerEvents events, const std::atomic<bool>& stops)
        : parts_(parts),
          functions_(functions),
          restraints_(restraints),
          retry_(retry),
          events_(std::move(events)),
          stops_(stops) {}

    /// Carries `task`, which was claimed, on. Blocks as long as its steps take. `lost` tells that the lease
    /// is gone. Does not throw.
    void run(storage::RotationTask task, const std::atomic<bool>& ended) const noexcept;

private:
    void carry_on(storage::RotationTask& task, const std::atomic<bool>& ended) const;
    void rotate(storage::RotationTask& task, const storage::StoredSecret& secret,
                const FunctionEntry& function, const std::atomic<bool>& ended) const;
    /// From where `task`, which has a version, stands; whether it came to the rotation's end. `started` is
    /// the event of this try; nothing where begin() has stored the try already. Throws Superseded.
    [[nodiscard]] bool take_steps(storage::RotationTask& task, const storage::StoredSecret& secret,
                                  const FunctionEntry& function, const std::atomic<bool>& ended,
                                  std::optional<secrets::ServiceAction> started, Sight sight) const;
    /// Whether only its value's end made it due, and the value that is AWSCURRENT now is good for longer:
    /// then it is laid aside until that has to be renewed.
    [[nodiscard]] bool is_good_for_longer(storage::RotationTask& task, const storage::StoredSecret& secret,
                                          const FunctionEntry& function) const;
    void try_login_only(storage::RotationTask& task, const storage::StoredSecret& secret,
                        const FunctionEntry& function, const std::atomic<bool>& ended) const;
    /// AWSPENDING for the time of the test. Throws RotationLost when another version has it.
    void add_test_version(const storage::RotationTask& task, const storage::StoredSecret& secret) const;
    /// It is at rest then, and failed where there was a problem.
    void end_test(const storage::RotationTask& task, const storage::StoredSecret& secret,
                  const std::optional<std::string>& problem, std::optional<Timestamp> renew_by) const;
    /// Whether `task` is under way, and the version that it makes has neither AWSPENDING nor AWSCURRENT: then
    /// it cannot be gone on with.
    [[nodiscard]] bool has_lost_pending(const storage::RotationTask& task) const;
    /// Until when a rotation that nobody asked for by hand has to wait; nothing: it may begin.
    [[nodiscard]] std::optional<Held> held_back(const storage::StoredSecret& secret) const;
    /// The same of one whose window is over, and that nobody has looked at since it was due: nodes that come
    /// back do not rotate all at the same moment.
    [[nodiscard]] std::optional<Held> missed(const storage::RotationTask& task,
                                             const storage::StoredSecret& secret) const;
    /// Lays it aside until then.
    void hold(storage::RotationTask& task, const Held& held) const;
    /// begin(), unless something holds it back: then it is laid aside, and the answer is false. Throws
    /// RotationLost; with `task` as it is stored, where it was begun and rotations are paused.
    [[nodiscard]] bool begin_by_itself(storage::RotationTask& task, const storage::StoredSecret& secret,
                                       Sight& sight) const;
    /// Turns of groups that a try has, which one that tells its target nothing gives back.
    struct Turns {
        Timestamp taken;
        /// The groups' names, and their last turns before.
        std::vector<std::pair<std::string, Timestamp>> before{};
    };
    /// The same for one that has a version, and has told its target nothing. `begins`: it failed in a window
    /// before.
    [[nodiscard]] std::optional<Turns> may_try_again(storage::RotationTask& task,
                                                     const storage::StoredSecret& secret, bool begins) const;
    /// That `secret` begins now counts for its groups, although it has not waited for them.
    void count_turns(const storage::StoredSecret& secret) const;
    void give_turns_back(const Turns& turns) const;
    /// With its first try, so that this needs no transaction of its own. True when rotations are paused: it
    /// is begun, and no step may be. Throws RotationLost and TurnRefused, and then nothing is begun.
    [[nodiscard]] bool begin(storage::RotationTask& task, const storage::StoredSecret& secret,
                             Sight& sight) const;
    /// `renew_by` is the new value's.
    void complete(storage::RotationTask& task, const storage::StoredSecret& secret,
                  std::optional<Timestamp> renew_by, const Sight& sight) const;
    /// Since AWSCURRENT or AWSPENDING were moved by others.
    void abandon(storage::RotationTask& task, const FunctionEntry& function) const;
    /// Whether the values of the function of `secret`, which has a rotation, end.
    [[nodiscard]] bool renews(const storage::StoredSecret& secret) const;
    void fail(storage::RotationTask& task, const storage::StoredSecret& secret, StepFailed::Kind kind,
              const std::string& message) const;
    /// Stores how far it is, and has `sight` remember the secret. Throws Superseded, and RotationLost when
    /// somebody else has it, or rotations are paused.
    void save(const storage::RotationTask& task, secrets::ServiceAction action, Sight& sight) const;
    /// Others may take it, as it is; nothing when somebody has.
    void give_back(const storage::RotationTask& task) const;
    /// The same for something that went wrong within Coffer, before or besides what a step does: not before a
    /// while. What was away is waited for; what is damaged is failed, until it is whole; the rest counts as a
    /// failed try. `claimed` is the task as it was found.
    void postpone(storage::RotationTask& task, const storage::RotationTask& claimed,
                  const std::exception& error) const;
    /// The event of that.
    [[nodiscard]] secrets::ServiceAction failure_of(const storage::RotationTask& task) const;

    const RotationParts& parts_;
    const FunctionSet& functions_;
    const Restraints& restraints_;
    const RetrySettings retry_;
    const RunnerEvents events_;
    const std::atomic<bool>& stops_;  ///< the node stops
};

}  // namespace coffer::rotation
