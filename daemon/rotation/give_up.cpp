#include "daemon/rotation/give_up.hpp"

#include "daemon/secrets/errors.hpp"
#include "daemon/secrets/labels.hpp"
#include "daemon/secrets/rotation_schedule.hpp"
#include "storage/rotation_repository.hpp"
#include "storage/secret_repository.hpp"

namespace coffer::rotation {

using storage::RotationRepository;
using storage::RotationTask;
using storage::SecretRepository;
using storage::StoredSecret;

void note_given_up(storage::WriteTransaction& tx, const StoredSecret& secret, const RotationTask& task,
                   bool tells, Timestamp now) {
    const auto& making = *secret.rotation->making;
    const auto* made = secrets::find_version(secret.versions, making);
    if (task.told && tells && made != nullptr && made->kind &&
        !secrets::has_label(*made, secrets::kCurrent)) {
        RotationRepository::leave_behind(tx, secret.id, making);
    }
    RotationRepository::add_run(tx, secret.id,
                                {.version = making,
                                 .started = task.started.value_or(now),
                                 .ended = now,
                                 .outcome = "Abandoned",
                                 .step = task.step,
                                 .attempts = task.attempt,
                                 .message = task.last_error});
}

void give_up(storage::WriteTransaction& tx, const StoredSecret& seen, bool tells, Timestamp now) {
    auto locked = SecretRepository::lock(tx, seen.name);
    if (!locked || locked->id != seen.id) throw secrets::secret_not_found();
    const auto task = RotationRepository::find(tx, seen.id);
    const bool under_way = locked->rotation && locked->rotation->making;
    const auto* pending = secrets::holder_of(locked->versions, secrets::kPending);
    const bool incomplete = pending != nullptr && !secrets::has_label(*pending, secrets::kCurrent);
    if (!incomplete && !under_way) {
        throw secrets::invalid_request(
            "No rotation of this secret is under way, so there is nothing to give up.");
    }
    if (task && task->node) {
        throw secrets::invalid_request(
            "The rotation of this secret is running now: 'coffer rotation pause' stops it before its next "
            "step.");
    }
    // Where somebody has made the pending value AWSCURRENT by hand, nothing is lost by it.
    if (task && under_way && locked->rotation->enabled && task->told && incomplete && pending->kind) {
        throw secrets::invalid_request(
            "The target may have the new value already, and then it is the only one that works: 'coffer "
            "rotation retry' goes on "
            "with it. To give it up all the same, set the target to the value of AWSCURRENT, turn rotation "
            "off with "
            "CancelRotateSecret, and try again.");
    }
    if (task && under_way) note_given_up(tx, *locked, *task, tells, now);
    if (incomplete) {
        const auto version = pending->id;
        secrets::detach_label(locked->versions, version, secrets::kPending);
        // Without a value it is of no use to anybody.
        std::erase_if(locked->versions, [&version](const auto& v) { return v.id == version && !v.kind; });
        locked->last_changed = now;
    } else if (pending != nullptr && pending->id == *locked->rotation->making) {
        secrets::detach_label(locked->versions, *locked->rotation->making, secrets::kPending);
        locked->last_changed = now;
    }
    RotationTask rested{.secret = seen.id, .name = seen.name};
    if (locked->rotation) {
        locked->rotation->making.reset();
        locked->rotation->made_from.reset();
        locked->rotation->testing = false;
    }
    secrets::to_next_window(*locked, now);
    rested.due = secrets::due_of(*locked);
    SecretRepository::update(tx, std::move(*locked), {});
    RotationRepository::begin(tx, rested, now);
}

}  // namespace coffer::rotation
