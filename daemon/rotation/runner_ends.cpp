// How a rotation, or a try of it, ends: the new value becomes current, it is given up, or it failed.

#include <algorithm>
#include <exception>
#include <optional>
#include <string_view>
#include <utility>

#include "daemon/rotation/abandonment.hpp"
#include "daemon/rotation/runner.hpp"
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

namespace {

constexpr std::string_view kAway =
    "the database, the token or another part of Coffer was away; the log of the node says more";
constexpr std::string_view kTrouble = "something within Coffer failed; the log of the node says more";

/// Comes back by itself, and says nothing about the rotation.
bool is_outage(const std::exception& error) {
    return dynamic_cast<const Unavailable*>(&error) != nullptr ||
           dynamic_cast<const DeadlineExceeded*>(&error) != nullptr ||
           dynamic_cast<const Overloaded*>(&error) != nullptr;
}

}  // namespace

std::chrono::milliseconds RetrySettings::after_outage(const RotationTask& before) const {
    auto wait = first;
    if (before.last_error == kAway && before.due && before.last_attempt) {
        wait = 2 * std::chrono::milliseconds(before.due->millis() - before.last_attempt->millis());
    }
    return std::min(std::max(wait, first), longest);
}

void Runner::complete(RotationTask& task, const StoredSecret& secret, std::optional<Timestamp> renew_by,
                      const Sight& sight) const {
    const auto now = parts_.clock.now();
    task.last_error.reset();
    auto rested = task;
    rested.failed = false;
    RotationWrites(parts_).run(
        [&](storage::WriteTransaction& tx) {
            auto locked = lock_secret(tx, task, sight.secret());
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
            if (secrets::is_superseded(locked)) throw Superseded();
            if (!is_current) secrets::attach_label(locked.versions, *task.version, kCurrent);
            secrets::detach_label(locked.versions, *task.version, kPending);
            locked.rotation->making.reset();
            locked.rotation->made_from.reset();
            locked.rotation->last_rotated = locked.last_changed = now;
            locked.rotation->renew_by = renew_by;
            secrets::reschedule(*locked.rotation, now);
            to_rest(rested, secrets::due_of(locked));
            SecretRepository::update(tx, std::move(locked), {});
            static_cast<void>(store(tx, rested, true));
            RotationRepository::clear_left_behind(tx, task.secret);
            RotationRepository::add_run(tx, task.secret, run_of(task, "Succeeded", now));
            // Its neighbours keep apart from its change, which may have come long after it was begun.
            for (const auto* group : restraints_.groups_of(task.name)) {
                static_cast<void>(RotationRepository::take_turn(tx, group->name, now, {}));
            }
        },
        action_of("RotationSucceeded", secret, task), soon());
    events_.succeeded(task.name);
    if (events_.rotated && secret.rotation) events_.rotated(secret.arn, secret.rotation->function);
}

void Runner::abandon(RotationTask& task, const FunctionEntry& function) const {
    const auto now = parts_.clock.now();
    const auto secret = load_secret(parts_, task, soon());
    const auto abandonment = abandonment_of(secret, task, *function.function);
    task.last_error = shortened(abandonment.message);
    auto action = step_action("RotationAbandoned", secret, task, task.step);
    action.details["Message"] = *task.last_error;
    auto rested = task;
    rested.failed = abandonment.needs_attention;
    RotationWrites(parts_).run(
        [&](storage::WriteTransaction& tx) {
            auto locked = lock_secret(tx, task);
            if (!locked.rotation || locked.rotation->making != task.version) {
                throw RotationLost("the rotation was ended by hand");
            }
            // The version stays, and can be read by its id.
            secrets::detach_label(locked.versions, *task.version, kPending);
            std::erase_if(locked.versions, [&task](const auto& each) {
                return each.id == *task.version && !each.kind && each.labels.empty();
            });
            locked.rotation->making.reset();
            locked.rotation->made_from.reset();
            locked.last_changed = now;
            to_rest(rested, secrets::due_of(locked));
            SecretRepository::update(tx, std::move(locked), {});
            static_cast<void>(store(tx, rested, true));
            if (abandonment.leaves_value) RotationRepository::leave_behind(tx, task.secret, *task.version);
            RotationRepository::add_run(tx, task.secret, run_of(task, "Abandoned", now));
        },
        std::move(action), soon());
    if (rested.failed) {
        events_.failed(task.name, task.step, *task.last_error, true);
    } else {
        events_.left(task.name, *task.last_error);
    }
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
    const bool another_value = kind == StepFailed::Kind::value_refused;
    // The target may have the new value already: then AWSCURRENT may not log in before this is gone on with.
    // So it may where it has that of a version that was left behind; a target that takes no value today (a
    // password that is too young to be changed) may take one tomorrow.
    const bool may_be_there =
        step != Step::create && (!another_value || task.told || !left_behind_of(secret, task).empty());
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
    // A try before may have reached the target with the value that it refuses now.
    const bool leaves_value =
        another_value && task.told && secret.rotation && functions_.tells_target(secret.rotation->function);
    if (another_value) {
        after.version = new_token();
        after.step = Step::create;
        after.told = false;  // of that one
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
                if (!secrets::prune(locked.versions, now, task.left_behind)) {
                    throw Error("the secret has too many versions");
                }
                if (locked.rotation) {
                    locked.rotation->making = after.version;
                    locked.rotation->made_from = secrets::current_version(locked);
                    if (has_no_end) locked.rotation->renew_by = now;
                }
                locked.last_changed = now;
                SecretRepository::update(tx, std::move(locked), {});
            }
            static_cast<void>(store(tx, after, true));
            if (leaves_value) RotationRepository::leave_behind(tx, task.secret, *task.version);
            if (newly) RotationRepository::add_run(tx, task.secret, run_of(task, "Failed", now));
        },
        std::move(action), soon());
    events_.failed(task.name, step, *task.last_error, final);
}

void Runner::postpone(RotationTask& task, const RotationTask& claimed, const std::exception& error) const {
    const auto now = parts_.clock.now();
    const auto* altered = dynamic_cast<const IntegrityError*>(&error);
    const bool counts = altered == nullptr && !is_outage(error);
    auto wait = retry_.longest;
    if (counts) {
        if (task.version == claimed.version && task.attempt == claimed.attempt) ++task.attempt;
        wait = retry_.after(task.attempt);
        task.last_error = kTrouble;
    } else {
        // Of a try that was begun the event is there.
        if (task.attempt > claimed.attempt) task.attempt = std::max<std::int64_t>(claimed.attempt, 1);
        if (altered == nullptr) wait = retry_.after_outage(claimed);
        task.last_error = altered == nullptr ? std::string(kAway) : damage_of(*altered);
    }
    const bool final = altered != nullptr || (counts && task.attempt >= retry_.attempts);
    const bool newly = final && !task.failed;
    task.failed = task.failed || final;
    task.last_attempt = now;
    task.due = now + wait;
    if (final) {
        events_.failed(task.name, task.step, error.what(), true);
    } else {
        events_.interrupted(task.name, error.what());
    }
    ServiceAction action;
    if (newly) action = failure_of(task);
    try {
        RotationWrites(parts_).run(
            [&](storage::WriteTransaction& tx) {
                static_cast<void>(store(tx, task, true));
                if (!newly || !task.version || task.test_only) return;
                RotationRepository::add_run(tx, task.secret, run_of(task, "Failed", now));
            },
            std::move(action), soon());
    } catch (const RotationLost&) {
        // Whoever has it by now knows better.
    }
}

ServiceAction Runner::failure_of(const RotationTask& task) const {
    ServiceAction action{task.test_only ? "TestRotationFailed" : "RotationFailed", "rotation worker"};
    action.details["SecretId"] = task.name;
    try {
        const auto secret = load_secret(parts_, task, soon());
        action.resources.push_back(secret.arn);
        action.details["SecretId"] = secret.arn;
    } catch (const Error&) {
        // Damaged, or away: its name has to do.
    }
    if (task.version) action.details["ClientRequestToken"] = task.version->value();
    action.details["Attempt"] = task.attempt;
    action.details["Step"] = step_name(task.step);
    action.details["Message"] = *task.last_error;
    return action;
}

}  // namespace coffer::rotation
