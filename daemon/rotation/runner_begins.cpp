// How a rotation, or a try of one that has told its target nothing, begins: not while a blackout or the
// others of a group hold it back.

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "daemon/rotation/runner.hpp"
#include "daemon/rotation/runner_writes.hpp"
#include "daemon/rotation/task_changes.hpp"
#include "daemon/secrets/labels.hpp"
#include "daemon/secrets/rotation_schedule.hpp"
#include "storage/secret_repository.hpp"

namespace coffer::rotation {

using secrets::kCurrent;
using secrets::kPending;
using storage::RotationRepository;
using storage::RotationTask;
using storage::SecretRepository;
using storage::StoredSecret;

namespace {

/// Within which the rotations that a blackout held back begin.
constexpr std::chrono::minutes kSpreadAfterBlackout{30};
/// Before what is said of the last try of one that is held back.
constexpr std::string_view kLastTry = "; its last try: ";

/// Another secret of a group was rotated shortly before.
class TurnRefused : public Error {
public:
    TurnRefused(Timestamp until, const std::string& group)
        : Error("held back: another secret of the group \"" + group +
                "\" of the configuration was rotated, or began to be, shortly before"),
          until_(until) {}
    [[nodiscard]] Held held() const { return {until_, what()}; }

private:
    Timestamp until_;
};

}  // namespace

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

std::optional<Held> Runner::missed(const RotationTask& task, const StoredSecret& secret) const {
    const auto now = parts_.clock.now();
    const auto window = secrets::window_due_of(secret);
    // Of one that was looked at, whoever did that has said when it is due.
    if (!window || task.due != window || *secret.rotation->closes > now) return std::nullopt;
    if (retry_.missed_spread.count() == 0) return std::nullopt;
    return Held{now + place_of(secret.id, retry_.missed_spread),
                "its window was missed; windows that were missed are made up for within a while, not all at "
                "the same moment"};
}

void Runner::hold(RotationTask& task, const Held& held) const {
    task.due = held.until;
    auto why = held.why;
    if (task.attempt > 0 && task.last_error) {
        // What it waits with stays known: nothing else has it yet.
        const auto last = task.last_error->find(kLastTry);
        why += std::string(kLastTry);
        why += last == std::string::npos ? *task.last_error : task.last_error->substr(last + kLastTry.size());
    }
    task.last_error = shortened(why);
    give_back(task);
}

bool Runner::begin_by_itself(RotationTask& task, const StoredSecret& secret, Sight& sight) const {
    auto held = held_back(secret);
    if (!held) held = missed(task, secret);
    if (held) {
        hold(task, *held);
        return false;
    }
    auto begun = task;
    bool paused = false;
    try {
        paused = begin(begun, secret, sight);
    } catch (const TurnRefused& refused) {
        hold(task, refused.held());
        return false;
    }
    // Before it is left for the pause: whoever gives it back gives back what is stored.
    task = std::move(begun);
    if (paused) throw RotationsPaused();
    return true;
}

std::optional<Runner::Turns> Runner::may_try_again(RotationTask& task, const StoredSecret& secret,
                                                   bool begins) const {
    if (begins) {
        if (const auto held = held_back(secret)) {
            hold(task, *held);
            return std::nullopt;
        }
    }
    Turns turns{.taken = parts_.clock.now()};
    const auto groups = restraints_.groups_of(secret.name);
    if (groups.empty()) return turns;
    try {
        RotationWrites(parts_).run(
            [&](storage::WriteTransaction& tx) {
                turns.before.clear();
                for (const auto* group : groups) {
                    const auto before = RotationRepository::last_turn(tx, group->name);
                    const auto until = RotationRepository::take_turn(tx, group->name, turns.taken,
                                                                     group->apart, task.started);
                    if (until) throw TurnRefused(*until, group->name);
                    turns.before.emplace_back(group->name, before.value_or(turns.taken - group->apart));
                }
            },
            {}, soon());
    } catch (const TurnRefused& refused) {
        hold(task, refused.held());
        return std::nullopt;
    }
    return turns;
}

void Runner::count_turns(const StoredSecret& secret) const {
    const auto groups = restraints_.groups_of(secret.name);
    if (groups.empty()) return;
    RotationWrites(parts_).run(
        [&, now = parts_.clock.now()](storage::WriteTransaction& tx) {
            for (const auto* group : groups) {
                static_cast<void>(RotationRepository::take_turn(tx, group->name, now, {}));
            }
        },
        {}, soon());
}

void Runner::give_turns_back(const Turns& turns) const {
    if (turns.before.empty()) return;
    RotationWrites(parts_).run(
        [&](storage::WriteTransaction& tx) {
            for (const auto& [group, before] : turns.before) {
                RotationRepository::give_turn_back(tx, group, turns.taken, before);
            }
        },
        {}, soon());
}

bool Runner::begin(RotationTask& task, const StoredSecret& secret, Sight& sight) const {
    const auto now = parts_.clock.now();
    task.started = now;
    task.step = Step::create;
    task.attempt = 0;
    task.last_error.reset();
    task.failed = false;
    const auto* unfinished = secrets::holder_of(secret.versions, kPending);
    const bool adopts = unfinished != nullptr && !secrets::has_label(*unfinished, kCurrent);
    // As AWS: a rotation that is not complete is gone on with.
    task.version = adopts ? unfinished->id : new_token();
    task.told = std::ranges::find(task.left_behind, *task.version) != task.left_behind.end();
    auto started = action_of("RotationStarted", secret, task);
    task.attempt = 1;
    task.last_attempt = now;
    bool paused = false;
    StoredSecret after;
    RotationWrites(parts_).run(
        [&, this](storage::WriteTransaction& tx) {
            auto locked = lock_secret(tx, task, &secret);
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
            if (!secrets::prune(locked.versions, now, task.left_behind)) {
                throw Error("the secret has too many versions");
            }
            locked.rotation->making = task.version;
            locked.rotation->testing = false;
            locked.rotation->made_from = secrets::current_version(locked);
            locked.last_changed = now;
            SecretRepository::update(tx, std::move(locked), {});
            paused = store(tx, task, false);
            after = *tx.locked(task.secret);
        },
        std::move(started), soon());
    sight.remember(std::move(after));
    return paused;
}

}  // namespace coffer::rotation
