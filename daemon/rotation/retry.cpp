#include "daemon/rotation/retry.hpp"

#include <fmt/format.h>

#include "daemon/rotation/give_up.hpp"
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
void begin_anew(storage::WriteTransaction& tx, StoredSecret locked, RotationTask before, Timestamp now) {
    const auto current = secrets::current_version(locked);
    if (!current) throw secrets::nothing_to_rotate();
    // Whoever asks for another try has looked what became of the last one.
    before.spent.reset();
    static_cast<void>(RotationRepository::save_spent(tx, before));
    const auto* pending = secrets::holder_of(locked.versions, secrets::kPending);
    const bool adopts = pending != nullptr && !secrets::has_label(*pending, secrets::kCurrent);
    RotationTask task{.secret = locked.id, .name = locked.name, .due = now};
    task.version = adopts ? pending->id : new_token();
    if (!adopts) secrets::add_pending(locked.versions, *task.version, now);
    locked.rotation->making = task.version;
    locked.rotation->testing = false;
    locked.rotation->made_from = current;
    locked.last_changed = now;
    secrets::require_quotas(tx, locked, now);
    SecretRepository::update(tx, std::move(locked), {});
    RotationRepository::begin(tx, task, now);
}

bool was_abandoned(storage::WriteTransaction& tx, const StoredSecret& secret) {
    const auto runs = RotationRepository::runs(tx, secret.id);
    return !secret.rotation->making && !runs.empty() && runs.front().outcome == "Abandoned";
}

}  // namespace

void retry(storage::WriteTransaction& tx, const StoredSecret& seen, bool tells, Timestamp now) {
    auto locked = SecretRepository::lock(tx, seen.name, &seen);
    if (!locked || locked->id != seen.id) throw secrets::secret_not_found();
    if (!locked->rotation || !locked->rotation->enabled) {
        throw secrets::invalid_request("Rotation of this secret is turned off: RotateSecret turns it on.");
    }
    auto task = RotationRepository::find(tx, seen.id);
    const bool abandoned = was_abandoned(tx, *locked);
    if (!task || !(task->version || task->failed || abandoned)) {
        throw secrets::invalid_request(
            "No rotation of this secret waits for another try. RotateSecret begins a new one.");
    }
    if (secrets::has_lost_pending(*locked)) {
        if (const auto* made = secrets::find_version(locked->versions, *locked->rotation->making);
            made != nullptr && made->kind) {
            task->last_error = fmt::format(
                "AWSPENDING was taken from the version that it made, and another rotation asked for. What it "
                "made is version {}, and not in use: {}",
                made->id.value(),
                task->told && tells ? "the target may have it, and the next rotation tries it"
                                    : "where a server handed it out, remove it there");
        }
        note_given_up(tx, *locked, *task, tells, now);
        begin_anew(tx, std::move(*locked), std::move(*task), now);
        return;
    }
    if (task->node) throw is_running();
    if (task->test_only && !task->version && !locked->rotation->making) {
        test_again(tx, std::move(*locked), now);
        return;
    }
    if (!task->version && !locked->rotation->making) {
        begin_anew(tx, std::move(*locked), std::move(*task), now);
        return;
    }
    // Whoever asks for another try has looked what became of the last one.
    task->spent.reset();
    if (!RotationRepository::save_spent(tx, *task)) throw is_running();
    task->due = now;
    task->attempt = 0;
    task->failed = false;
    if (RotationRepository::save(tx, *task, true) == RotationRepository::Saved::lost) throw is_running();
}

}  // namespace coffer::rotation
