#include "daemon/rotation/runner.hpp"

#include <algorithm>
#include <optional>

#include "daemon/rotation/runner_writes.hpp"
#include "daemon/rotation/task_changes.hpp"
#include "daemon/secrets/labels.hpp"
#include "daemon/secrets/rotation_schedule.hpp"
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

/// Until one that could not be gone on with is looked at again: whatever is in its way may be so still.
constexpr std::chrono::seconds kPauseWhenLost{5};

RotationLost cut_off() {
    return RotationLost("the node stops, or was not heard of for too long");
}

/// Whether a step may have failed since nobody waits for it any more: whoever takes it up next finds out what
/// became of it.
bool is_cut_off(const StepFailed& failed, const std::atomic<bool>& ended) {
    return ended && failed.kind() == StepFailed::Kind::retry;
}

/// Notes what the value of the rotation that makes `version` is made from, as long as it has none: whether
/// `secret` was changed. Throws Superseded when AWSCURRENT is another one by now.
bool note_origin(StoredSecret& secret, const VersionId& version) {
    if (!secret.rotation || secret.rotation->making != version) {
        throw RotationLost("the rotation was ended by hand");
    }
    const auto current = secrets::current_version(secret);
    auto& origin = secret.rotation->made_from;
    const auto* made = secrets::find_version(secret.versions, version);
    const bool has_value = made != nullptr && made->kind;
    // Of one that was begun by a version of Coffer that did not note it, nobody knows better.
    if (!has_value || !origin) {
        if (!current || current == version || current == origin) return false;
        origin = current;
        return true;
    }
    if (secrets::is_superseded(secret)) throw Superseded();
    return false;
}

}  // namespace

std::chrono::milliseconds RetrySettings::after(std::int64_t attempt) const {
    auto wait = first;
    for (std::int64_t i = 1; i < attempt && wait < longest; ++i) wait *= 2;
    return std::min(wait, longest);
}

void Runner::run(RotationTask task, const std::atomic<bool>& ended) const noexcept {
    const auto name = task.name;
    const auto claimed = task;
    try {
        try {
            carry_on(task, ended);
        } catch (const RotationsPaused& left) {
            events_.left(name, left.what());
            give_back(task);
        } catch (const RotationLost& left) {
            events_.left(name, left.what());
            if (task.due && !ended && !stops_) {
                task.due = std::max(*task.due, parts_.clock.now() + kPauseWhenLost);
            }
            give_back(task);
        } catch (const std::exception& error) {
            postpone(task, claimed, error);
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

void Runner::save(const RotationTask& task, ServiceAction action, Sight& sight) const {
    bool paused = false;
    StoredSecret after;
    const bool has_event = !action.name.empty();
    RotationWrites(parts_).run(
        [&](storage::WriteTransaction& tx) {
            auto locked = lock_secret(tx, task, sight.secret());
            // Without an event nothing sealed is changed: where AWSCURRENT was moved a moment ago, the next
            // look finds it.
            if (note_origin(locked, *task.version) && has_event) {
                SecretRepository::update(tx, std::move(locked), {});
            }
            paused = store(tx, task, false);
            after = *tx.locked(task.secret);
        },
        std::move(action), soon());
    sight.remember(std::move(after));
    if (paused) throw RotationsPaused();
}

void Runner::rotate(RotationTask& task, const StoredSecret& secret, const FunctionEntry& function,
                    const std::atomic<bool>& ended) const {
    std::optional<ServiceAction> started;
    std::optional<Turns> turns;
    Sight sight;
    if (!task.version) {
        if (is_good_for_longer(task, secret, function) || !begin_by_itself(task, secret, sight)) return;
    } else {
        started.emplace();
        sight.remember(secret);
        const auto* version = secrets::find_version(secret.versions, *task.version);
        if (version == nullptr ||
            !(secrets::has_label(*version, kPending) || secrets::has_label(*version, kCurrent))) {
            abandon(task, function);
            return;
        }
        task.step = resumed(task.step, *version);
        if (task.attempt == 0 && !task.failed) {
            started = action_of("RotationStarted", secret, task);
            count_turns(secret);
        } else if (!task.told && !(version->kind && secrets::is_superseded(secret))) {
            // Its target is yet to be told. Where its value must not become current, it ends instead.
            const bool begins = task.attempt == 0;  // it failed, and waited for this window
            if (begins || began_by_itself(secret, task)) {
                turns = may_try_again(task, secret, begins);
                if (!turns) return;
            }
        }
        ++task.attempt;
        task.last_attempt = parts_.clock.now();
    }
    try {
        const bool is_done = take_steps(task, secret, function, ended, std::move(started), std::move(sight));
        if (turns && !is_done && !task.told) give_turns_back(*turns);
    } catch (const Superseded&) {
        abandon(task, function);
    } catch (const RotationsPaused&) {
        throw;
    } catch (const RotationLost&) {
        if (ended || !has_lost_pending(task)) throw;
        abandon(task, function);
    }
}

bool Runner::has_lost_pending(const RotationTask& task) const {
    const auto secret = load_secret(parts_, task, soon());
    if (!secret.rotation || secret.rotation->making != task.version) return false;
    const auto* version = secrets::find_version(secret.versions, *task.version);
    return version == nullptr ||
           !(secrets::has_label(*version, kPending) || secrets::has_label(*version, kCurrent));
}

bool Runner::take_steps(RotationTask& task, const StoredSecret& secret, const FunctionEntry& function,
                        const std::atomic<bool>& ended, std::optional<ServiceAction> started,
                        Sight sight) const {
    const bool has_target = function.function->target() != Function::Target::none;
    bool told_before = task.told;
    // Before setSecret is run, since nobody may be left to note it afterwards.
    const auto save_step = [&](ServiceAction action) {
        if (task.step == Step::set) {
            told_before = task.told;
            task.told = task.told || has_target;
        }
        try {
            save(task, std::move(action), sight);
        } catch (...) {
            if (task.step == Step::set) task.told = told_before;
            throw;
        }
    };
    if (started) {
        auto seen = secret;
        if (started->name.empty() && note_origin(seen, *task.version)) {
            // From another value than the try before.
            started = action_of("RotationStarted", secret, task);
        }
        save_step(std::move(*started));
    }
    std::optional<Timestamp> renew_by;
    try {
        while (true) {
            if (ended) {
                if (task.step == Step::set) task.told = told_before;
                throw cut_off();
            }
            const StepContext context{.secret_arn = secret.arn,
                                      .secret_name = secret.name,
                                      .token = task.version->value(),
                                      .deadline = std::chrono::steady_clock::now() + function.timeout,
                                      .ended = &ended,
                                      .value_is_new = sight.made_value && task.step == Step::set};
            StoredValues values(parts_, task, context.deadline, &stops_, &sight);
            function.function->run(task.step, context, values);
            if (task.step == Step::finish) {
                if (!function.function->renews()) break;
                if (const auto value = values.pending()) renew_by = function.function->renew_by(*value);
                break;
            }
            const auto done = task.step;
            task.step = following(done);
            save_step(step_action("RotationStepSucceeded", secret, task, done));
        }
    } catch (const RotationLost&) {
        throw;
    } catch (const StepFailed& failed) {
        if (task.step == Step::set && failed.without_effect()) task.told = told_before;
        if (is_cut_off(failed, ended)) throw cut_off();
        if (secrets::is_superseded(load_secret(parts_, task, soon()))) throw Superseded();
        fail(task, secret, failed.kind(), failed.what());
        return false;
    } catch (const IntegrityError& altered) {
        fail(task, secret, StepFailed::Kind::hopeless, damage_of(altered));
        return false;
    }
    complete(task, secret, renew_by, sight);
    return true;
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

void Runner::try_login_only(RotationTask& task, const StoredSecret& secret, const FunctionEntry& function,
                            const std::atomic<bool>& ended) const {
    task.last_attempt = parts_.clock.now();
    ++task.attempt;
    const StepContext context{secret.arn, secret.name, task.version->value(),
                              std::chrono::steady_clock::now() + function.timeout, &ended};
    StoredValues values(parts_, task, context.deadline);
    std::optional<std::string> problem;
    std::optional<Timestamp> renew_by;
    try {
        if (secrets::find_version(secret.versions, *task.version) == nullptr) add_test_version(task, secret);
        if (function.function->renews()) renew_by = function.function->renew_by(values.current());
        // A try that was cut off may have left it there.
        if (!values.pending()) values.put_pending(values.current());
        function.function->run(Step::test, context, values);
    } catch (const RotationLost&) {
        if (ended || !has_lost_pending(task)) throw;
        problem =
            "the login was not tried, since AWSPENDING, which the test needs for a moment, is another "
            "version's or was taken away: 'coffer rotation abandon' gives up a version that is AWSPENDING; "
            "then RotateSecret with RotateImmediately=false tests again";
    } catch (const StepFailed& failed) {
        if (is_cut_off(failed, ended)) throw cut_off();
        problem = shortened(failed.what());
    } catch (const IntegrityError& altered) {
        problem = damage_of(altered);
    }
    end_test(task, secret, problem, renew_by);
}

void Runner::add_test_version(const RotationTask& task, const StoredSecret& secret) const {
    RotationWrites(parts_).run(
        [&, now = parts_.clock.now()](storage::WriteTransaction& tx) {
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

void Runner::end_test(const RotationTask& task, const StoredSecret& secret,
                      const std::optional<std::string>& problem, std::optional<Timestamp> renew_by) const {
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
            rested.test_only = problem.has_value();  // so that a retry tests again
            SecretRepository::update(tx, std::move(locked), {});
            static_cast<void>(store(tx, rested, true));
            if (!problem) RotationRepository::clear_left_behind(tx, task.secret);
        },
        std::move(action), soon());
    if (problem) {
        events_.failed(task.name, Step::test, *problem, true);
    } else {
        events_.succeeded(task.name);
    }
}

}  // namespace coffer::rotation
