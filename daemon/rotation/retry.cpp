#include "daemon/rotation/retry.hpp"

#include "daemon/rotation/runner_writes.hpp"
#include "daemon/secrets/errors.hpp"
#include "daemon/secrets/labels.hpp"
#include "daemon/secrets/rotation_schedule.hpp"
#include "daemon/secrets/service_support.hpp"
#include "storage/rotation_repository.hpp"
#include "storage/secret_repository.hpp"

namespace coffer::rotation {

using storage::RotationRepository;
using storage::RotationStep;
using storage::RotationTask;
using storage::SecretRepository;
using storage::StoredSecret;

namespace {

secrets::ServiceError is_running() {
    return secrets::invalid_request("The rotation of this secret is running now.");
}

/// As RotateSecret with RotateImmediately=false does.
void test_again(storage::WriteTransaction& tx, StoredSecret locked, Timestamp now) {
    RotationTask task{.secret = locked.id, .name = locked.name, .due = now, .version = new_token()};
    task.test_only = true;
    task.step = RotationStep::test;
    locked.rotation->making = task.version;
    locked.rotation->testing = true;
    locked.rotation->made_from.reset();
    locked.last_changed = now;
    SecretRepository::update(tx, std::move(locked), {});
    RotationRepository::begin(tx, task, now);
}

/// As RotateSecret does, so that it is known for one that somebody asked for, which no blackout and no group
/// holds back; but a version that is AWSPENDING is gone on with.
void begin_anew(storage::WriteTransaction& tx, StoredSecret locked, Timestamp now) {
    const auto current = secrets::current_version(locked);
    if (!current) throw secrets::nothing_to_rotate();
    const auto* unfinished = secrets::holder_of(locked.versions, secrets::kPending);
    const bool adopts = unfinished != nullptr && !secrets::has_label(*unfinished, secrets::kCurrent);
    const auto version = adopts ? unfinished->id : new_token();
    if (!adopts) {
        secrets::add_pending(locked.versions, version, now);
        secrets::require_quotas(tx, locked, now);
    }
    const RotationTask task{.secret = locked.id, .name = locked.name, .due = now, .version = version};
    locked.rotation->making = version;
    locked.rotation->testing = false;
    locked.rotation->made_from = current;
    secrets::reschedule(*locked.rotation, now);
    locked.last_changed = now;
    SecretRepository::update(tx, std::move(locked), {});
    RotationRepository::begin(tx, task, now);
}

}  // namespace

void retry(storage::WriteTransaction& tx, const StoredSecret& seen, Timestamp now) {
    auto locked = SecretRepository::lock(tx, seen.name, &seen);
    if (!locked || locked->id != seen.id) throw secrets::secret_not_found();
    if (!locked->rotation || !locked->rotation->enabled) {
        throw secrets::invalid_request("Rotation of this secret is turned off: RotateSecret turns it on.");
    }
    auto task = RotationRepository::find(tx, seen.id);
    if (!task || !(task->version || task->failed)) {
        throw secrets::invalid_request(
            "No rotation of this secret waits for another try. RotateSecret begins a new one.");
    }
    if (task->node) throw is_running();
    if (task->test_only && !task->version && !locked->rotation->making) {
        test_again(tx, std::move(*locked), now);
        return;
    }
    // Whoever asks for another try has looked what became of the last one.
    task->spent.reset();
    if (!RotationRepository::save_spent(tx, *task)) throw is_running();
    if (!task->version && !locked->rotation->making) {
        begin_anew(tx, std::move(*locked), now);
        return;
    }
    task->due = now;
    task->attempt = 0;
    task->failed = false;
    if (RotationRepository::save(tx, *task, true) == RotationRepository::Saved::lost) throw is_running();
}

}  // namespace coffer::rotation
