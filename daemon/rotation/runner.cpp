#include "daemon/rotation/runner.hpp"

#include <algorithm>
#include <optional>

#include "daemon/rotation/task_changes.hpp"
#include "daemon/secrets/labels.hpp"
#include "daemon/secrets/rotation_schedule.hpp"
#include "proto/utf8.hpp"
#include "storage/secret_repository.hpp"

namespace coffer::rotation {

using secrets::kCurrent;
using secrets::kPending;
using secrets::ServiceAction;
using storage::RotationRepository;
using storage::RotationTask;
using storage::SecretRepository;
using storage::StoredSecret;
using storage::VersionId;

namespace {

constexpr std::chrono::seconds kPatience{30};
/// Of what is kept and shown of an error.
constexpr std::size_t kMostErrorCharacters = 1000;
/// Within which the rotations that a blackout held back begin.
constexpr std::chrono::minutes kSpreadAfterBlackout{30};

/// Another secret of a group began to rotate shortly before.
class TurnRefused : public Error {
public:
    TurnRefused(Timestamp until, const std::string& group)
        : Error("held back: another secret of the group \"" + group +
                "\" of the configuration began to rotate shortly before"),
          until_(until) {}
    [[nodiscard]] Held held() const { return {until_, what()}; }

private:
    Timestamp until_;
};

Deadline soon() {
    return std::chrono::steady_clock::now() + kPatience;
}

ServiceAction action_of(std::string name, const StoredSecret& secret, const RotationTask& task) {
    ServiceAction action{std::move(name), "rotation worker", {secret.arn}, {{"SecretId", secret.arn}}};
    if (task.version) action.details["ClientRequestToken"] = task.version->value();
    if (secret.rotation) action.details["RotationLambdaARN"] = secret.rotation->function;
    action.details["Attempt"] = task.attempt;
    return action;
}

ServiceAction step_action(std::string name, const StoredSecret& secret, const RotationTask& task, Step step) {
    auto action = action_of(std::move(name), secret, task);
    action.details["Step"] = step_name(step);
    return action;
}

/// What is kept and shown of an error: text of a target may be anything.
std::string shortened(const std::string& text) {
    return proto::printable(text, kMostErrorCharacters);
}

/// The token of a rotation that nobody asked for, in the form that ClientRequestTokens have.
VersionId new_token() {
    return VersionId(Uuid::random().text());
}

/// Throws RotationLost when somebody else has it. True when no further step is to be begun.
bool store(storage::WriteTransaction& tx, const RotationTask& task, bool release) {
    const auto saved = RotationRepository::save(tx, task, release);
    if (saved == RotationRepository::Saved::lost) throw RotationLost("another node has taken it over");
    return saved == RotationRepository::Saved::paused;
}

}  // namespace

std::chrono::milliseconds RetrySettings::after(std::int64_t attempt) const {
    auto wait = first;
    for (std::int64_t i = 1; i < attempt && wait < longest; ++i) wait *= 2;
    return std::min(wait, longest);
}

void Runner::run(RotationTask task, const std::atomic<bool>& ended) const noexcept {
    const auto name = task.name;
    try {
        try {
            carry_on(task, ended);
        } catch (const RotationLost& left) {
            events_.left(name, left.what());
            give_back(task);
        } catch (const std::exception& error) {
            events_.interrupted(name, error.what());
            postpone(task);
        }
    } catch (const std::exception& error) {
        // The database is away as well: the lease runs out.
        events_.interrupted(name, error.what());
    }
}

void Runner::give_back(const RotationTask& task) const {
    RotationWrites(parts_).run(
        [&task](storage::WriteTransaction& tx) {
            static_cast<void>(RotationRepository::save(tx, task, true));
        },
        {}, soon());
}

void Runner::postpone(RotationTask& task) const {
    task.attempt = std::max<std::int64_t>(task.attempt, 1);
    task.due = parts_.clock.now() + retry_.after(task.attempt);
    task.failed = task.failed || task.attempt >= retry_.attempts;
    task.last_error =
        "the database, the token or something else within Coffer failed; the log of the node says more";
    give_back(task);
}

void Runner::carry_on(RotationTask& task, const std::atomic<bool>& ended) const {
    const auto secret = load_secret(parts_, task, soon());
    if (!secret.rotation || !secret.rotation->enabled) {
        to_rest(task, std::nullopt);
        throw RotationLost("rotation is turned off");
    }
    if (task.version && !secret.rotation->making) {
        // It ended, and whoever ended it did not learn so: not to be taken for one that is due.
        to_rest(task, secrets::due_of(secret));
        give_back(task);
        return;
    }
    // What the seal says; the queue is only told.
    task.version = secret.rotation->making;
    task.test_only = secret.rotation->testing && task.version.has_value();
    const auto* function = functions_.find(secret.rotation->function);
    if (function == nullptr) {
        const auto what =
            "the configuration of this node has no rotation function " + secret.rotation->function;
        if (!task.version) {
            // Nothing is begun: a node that has the function may find that there is nothing to do.
            task.last_error = what;
            task.due = parts_.clock.now() + retry_.after(1);
            give_back(task);
            events_.failed(task.name, Step::create, what, false);
            return;
        }
        ++task.attempt;
        fail(task, secret, StepFailed::Kind::retry, what);
        return;
    }
    if (task.test_only) {
        try_login_only(task, secret, *function, ended);
    } else {
        rotate(task, secret, *function, ended);
    }
}

void Runner::save(const RotationTask& task, ServiceAction action) const {
    bool paused = false;
    RotationWrites(parts_).run([&](storage::WriteTransaction& tx) { paused = store(tx, task, false); },
                               std::move(action), soon());
    if (paused) throw RotationLost("rotations are paused");
}

std::optional<Held> Runner::held_back(const StoredSecret& secret) const {
    const auto now = parts_.clock.now();
    if (auto held = restraints_.blackout(secret.name, now)) {
        // Not all at the same moment, and not within the next one.
        const auto place = place_of(secret.id, kSpreadAfterBlackout);
        if (!restraints_.blackout(secret.name, held->until + place)) held->until = held->until + place;
        return held;
    }
    return std::nullopt;
}

void Runner::hold(RotationTask& task, const Held& held) const {
    task.due = held.until;
    task.last_error = held.why;
    give_back(task);
}

bool Runner::begin_by_itself(RotationTask& task, const StoredSecret& secret) const {
    if (const auto held = held_back(secret)) {
        hold(task, *held);
        return false;
    }
    auto begun = task;
    try {
        begin(begun, secret);
    } catch (const TurnRefused& refused) {
        hold(task, refused.held());
        return false;
    }
    task = std::move(begun);
    return true;
}

void Runner::note_turns(const StoredSecret& secret) const {
    const auto groups = restraints_.groups_of(secret.name);
    if (groups.empty()) return;
    RotationWrites(parts_).run(
        [&](storage::WriteTransaction& tx) {
            for (const auto* group : groups) {
                static_cast<void>(RotationRepository::take_turn(tx, group->name, parts_.clock.now(), {}));
            }
        },
        {}, soon());
}

void Runner::begin(RotationTask& task, const StoredSecret& secret) const {
    const auto now = parts_.clock.now();
    task.started = now;
    task.step = Step::create;
    task.attempt = 0;
    task.last_error.reset();
    task.failed = false;
    const auto* left_behind = secrets::holder_of(secret.versions, kPending);
    const bool adopts = left_behind != nullptr && !secrets::has_label(*left_behind, kCurrent);
    // As AWS: a rotation that is not complete is gone on with.
    task.version = adopts ? left_behind->id : new_token();
    RotationWrites(parts_).run(
        [this, &task, &secret, adopts, now](storage::WriteTransaction& tx) {
            auto locked = lock_secret(tx, task);
            const auto* pending = secrets::holder_of(locked.versions, kPending);
            const bool there = pending != nullptr && !secrets::has_label(*pending, kCurrent);
            if (!locked.rotation || there != adopts || (there && pending->id != *task.version)) {
                throw RotationLost("another rotation was begun or ended by hand");
            }
            for (const auto* group : restraints_.groups_of(secret.name)) {
                const auto until = RotationRepository::take_turn(tx, group->name, now, group->apart);
                if (until) throw TurnRefused(*until, group->name);
            }
            if (!adopts) secrets::add_pending(locked.versions, *task.version, now);
            if (!secrets::prune(locked.versions, now)) throw Error("the secret has too many versions");
            locked.rotation->making = task.version;
            locked.rotation->testing = false;
            locked.last_changed = now;
            SecretRepository::update(tx, std::move(locked), {});
            static_cast<void>(store(tx, task, false));
        },
        action_of("RotationStarted", secret, task), soon());
}

void Runner::rotate(RotationTask& task, const StoredSecret& secret, const FunctionEntry& function,
                    const std::atomic<bool>& ended) const {
    ServiceAction started;
    if (!task.version) {
        if (is_good_for_longer(task, secret, function) || !begin_by_itself(task, secret)) return;
    } else {
        const auto* version = secrets::find_version(secret.versions, *task.version);
        if (version == nullptr ||
            !(secrets::has_label(*version, kPending) || secrets::has_label(*version, kCurrent))) {
            abandon(task, secret);
            return;
        }
        task.step = resumed(task.step, *version);
        if (task.attempt == 0 && !task.failed) {
            started = action_of("RotationStarted", secret, task);
            note_turns(secret);
        }
    }
    ++task.attempt;
    task.last_attempt = parts_.clock.now();
    save(task, std::move(started));
    const auto* before = secrets::find_version(secret.versions, *task.version);
    const bool makes_value = task.step == Step::create && (before == nullptr || !before->kind);
    std::optional<Timestamp> renew_by;
    try {
        while (true) {
            if (ended) throw RotationLost("the node stops, or was not heard of for too long");
            const StepContext context{.secret_arn = secret.arn,
                                      .secret_name = secret.name,
                                      .token = task.version->value(),
                                      .deadline = std::chrono::steady_clock::now() + function.timeout,
                                      .ended = &ended,
                                      .value_is_new = makes_value && task.step == Step::set};
            StoredValues values(parts_, task, context.deadline, &stops_);
            function.function->run(task.step, context, values);
            if (task.step == Step::finish) {
                if (!function.function->renews()) break;
                if (const auto value = values.pending()) renew_by = function.function->renew_by(*value);
                break;
            }
            const auto done = task.step;
            task.step = following(done);
            save(task, step_action("RotationStepSucceeded", secret, task, done));
        }
    } catch (const RotationLost&) {
        throw;
    } catch (const StepFailed& failed) {
        fail(task, secret, failed.kind(), failed.what());
        return;
    } catch (const IntegrityError& altered) {
        fail(task, secret, StepFailed::Kind::hopeless, altered.what());
        return;
    }
    complete(task, secret, renew_by);
}

bool Runner::is_good_for_longer(RotationTask& task, const StoredSecret& secret,
                                const FunctionEntry& function) const {
    const auto now = parts_.clock.now();
    const auto window = secrets::window_due_of(secret);
    if (!secret.rotation->renew_by || (window && *window <= now)) return false;
    StoredValues values(parts_, task, std::chrono::steady_clock::now() + function.timeout);
    const auto renew_by = function.function->renew_by(values.current());
    if (renew_by && *renew_by <= now) return false;
    auto rested = task;
    rested.last_error.reset();
    rested.failed = false;
    RotationWrites(parts_).run(
        [&](storage::WriteTransaction& tx) {
            auto locked = lock_secret(tx, task);
            if (!locked.rotation || locked.revision != secret.revision) {
                throw RotationLost("the secret was changed in the meantime");
            }
            locked.rotation->renew_by = renew_by;
            rested.due = secrets::due_of(locked);
            SecretRepository::update(tx, std::move(locked), {});
            static_cast<void>(store(tx, rested, true));
        },
        action_of("RotationRescheduled", secret, task), soon());
    return true;
}

void Runner::complete(RotationTask& task, const StoredSecret& secret,
                      std::optional<Timestamp> renew_by) const {
    const auto now = parts_.clock.now();
    task.last_error.reset();
    auto rested = task;
    rested.failed = false;
    RotationWrites(parts_).run(
        [&](storage::WriteTransaction& tx) {
            auto locked = lock_secret(tx, task);
            auto* version = secrets::find_version(locked.versions, *task.version);
            if (version == nullptr || !version->kind)
                throw RotationLost("the version that the rotation made is gone");
            const bool is_current = secrets::has_label(*version, kCurrent);
            if (!is_current && !secrets::has_label(*version, kPending)) {
                throw RotationLost("AWSPENDING was taken from the version that the rotation made");
            }
            if (!locked.rotation || locked.rotation->making != task.version) {
                throw RotationLost("the rotation was ended by hand");
            }
            if (!is_current) secrets::attach_label(locked.versions, *task.version, kCurrent);
            secrets::detach_label(locked.versions, *task.version, kPending);
            locked.rotation->making.reset();
            locked.rotation->last_rotated = locked.last_changed = now;
            locked.rotation->renew_by = renew_by;
            secrets::reschedule(*locked.rotation, now);
            to_rest(rested, secrets::due_of(locked));
            SecretRepository::update(tx, std::move(locked), {});
            static_cast<void>(store(tx, rested, true));
            RotationRepository::add_run(tx, task.secret, run_of(task, "Succeeded", now));
        },
        action_of("RotationSucceeded", secret, task), soon());
    events_.succeeded(task.name);
    if (events_.rotated && secret.rotation) events_.rotated(secret.arn, secret.rotation->function);
}

void Runner::abandon(RotationTask& task, const StoredSecret& secret) const {
    const auto now = parts_.clock.now();
    const auto action = action_of("RotationAbandoned", secret, task);
    task.last_error = "AWSPENDING was taken from the version that the rotation made";
    const auto run = run_of(task, "Abandoned", now);
    auto rested = task;
    to_rest(rested, secrets::due_of(secret));
    RotationWrites(parts_).run(
        [&](storage::WriteTransaction& tx) {
            auto locked = lock_secret(tx, task);
            if (locked.rotation && locked.rotation->making == task.version) locked.rotation->making.reset();
            SecretRepository::update(tx, std::move(locked), {});
            static_cast<void>(store(tx, rested, true));
            RotationRepository::add_run(tx, task.secret, run);
        },
        action, soon());
    events_.left(task.name, *task.last_error);
}

bool Runner::renews(const StoredSecret& secret) const {
    const auto* function = functions_.find(secret.rotation->function);
    return function != nullptr && function->function->renews();
}

void Runner::fail(RotationTask& task, const StoredSecret& secret, StepFailed::Kind kind,
                  const std::string& message) const {
    const auto now = parts_.clock.now();
    const auto step = task.step;
    task.last_error = shortened(message);
    const bool hopeless = kind == StepFailed::Kind::hopeless || kind == StepFailed::Kind::unknown;
    const bool exhausted = task.attempt >= retry_.attempts;
    // The target may have the new value already: then AWSCURRENT may not log in before this is gone on with.
    const bool may_be_there = step != Step::create;
    const bool final = hopeless || exhausted;
    const bool newly = final && !task.failed;
    // Behind setSecret the target has it.
    const bool is_there = step == Step::test || step == Step::finish;
    auto action = step_action(newly ? "RotationFailed" : "RotationStepFailed", secret, task, step);
    action.details["Message"] = *task.last_error;
    auto after = task;
    after.failed = task.failed || final;
    // Where no rotation has succeeded yet, there is no value that says when it ends.
    const bool has_no_end = secret.rotation && !secret.rotation->renew_by && renews(secret);
    if ((hopeless && !is_there) || (exhausted && !may_be_there)) {
        auto planned = secret;
        if (has_no_end) planned.rotation->renew_by = now;
        after.attempt = 0;
        after.due = due_later(std::move(planned), now, retry_.longest);
    } else {
        after.due = now + (hopeless ? retry_.longest : retry_.after(task.attempt));
    }
    const bool another_value = kind == StepFailed::Kind::value_refused;
    if (another_value) {
        after.version = new_token();
        after.step = Step::create;
    }
    RotationWrites(parts_).run(
        [&](storage::WriteTransaction& tx) {
            if (has_no_end && !another_value) {
                auto locked = lock_secret(tx, task);
                if (locked.rotation && !locked.rotation->renew_by) {
                    locked.rotation->renew_by = now;
                    SecretRepository::update(tx, std::move(locked), {});
                }
            }
            if (another_value) {
                auto locked = lock_secret(tx, task);
                const auto* version = secrets::find_version(locked.versions, *task.version);
                if (version == nullptr || !secrets::has_label(*version, kPending)) {
                    throw RotationLost("AWSPENDING was taken from the version that the rotation made");
                }
                secrets::add_pending(locked.versions, *after.version, now);
                if (!secrets::prune(locked.versions, now)) throw Error("the secret has too many versions");
                if (locked.rotation) {
                    locked.rotation->making = after.version;
                    if (has_no_end) locked.rotation->renew_by = now;
                }
                locked.last_changed = now;
                SecretRepository::update(tx, std::move(locked), {});
            }
            static_cast<void>(store(tx, after, true));
            if (newly) RotationRepository::add_run(tx, task.secret, run_of(task, "Failed", now));
        },
        std::move(action), soon());
    events_.failed(task.name, step, *task.last_error, final);
}

void Runner::try_login_only(RotationTask& task, const StoredSecret& secret, const FunctionEntry& function,
                            const std::atomic<bool>& ended) const {
    const auto now = parts_.clock.now();
    task.last_attempt = now;
    task.attempt = 1;
    const StepContext context{secret.arn, secret.name, task.version->value(),
                              std::chrono::steady_clock::now() + function.timeout, &ended};
    StoredValues values(parts_, task, context.deadline);
    if (secrets::find_version(secret.versions, *task.version) == nullptr) {
        RotationWrites(parts_).run(
            [&](storage::WriteTransaction& tx) {
                auto locked = lock_secret(tx, task);
                const auto* pending = secrets::holder_of(locked.versions, kPending);
                if (pending != nullptr && !secrets::has_label(*pending, kCurrent)) {
                    throw RotationLost("another version became AWSPENDING");
                }
                secrets::add_pending(locked.versions, *task.version, now);
                SecretRepository::update(tx, std::move(locked), {});
                static_cast<void>(store(tx, task, false));
            },
            action_of("TestRotationStarted", secret, task), soon());
    }
    std::optional<std::string> problem;
    std::optional<Timestamp> renew_by;
    if (function.function->renews()) renew_by = function.function->renew_by(values.current());
    try {
        // A try that was cut off may have left it there.
        if (!values.pending()) values.put_pending(values.current());
        function.function->run(Step::test, context, values);
    } catch (const StepFailed& failed) {
        problem = shortened(failed.what());
    }
    auto action = action_of(problem ? "TestRotationFailed" : "TestRotationSucceeded", secret, task);
    if (problem) action.details["Message"] = *problem;
    auto rested = task;
    rested.last_error = problem;
    rested.failed = problem.has_value();
    RotationWrites(parts_).run(
        [&](storage::WriteTransaction& tx) {
            auto locked = lock_secret(tx, task);
            secrets::remove_test_version(locked.versions, *task.version);
            if (locked.rotation) {
                locked.rotation->making.reset();
                locked.rotation->testing = false;
                if (!problem || renew_by) locked.rotation->renew_by = renew_by;
            }
            to_rest(rested, secrets::due_of(locked));
            SecretRepository::update(tx, std::move(locked), {});
            static_cast<void>(store(tx, rested, true));
        },
        std::move(action), soon());
    if (problem) {
        events_.failed(task.name, Step::test, *problem, true);
    } else {
        events_.succeeded(task.name);
    }
}

}  // namespace coffer::rotation
