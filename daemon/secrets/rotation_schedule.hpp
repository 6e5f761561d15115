#pragma once
// A secret's schedule, kept up to date: the next window after what happened to the secret, and the moment in
// it at which the rotation becomes due.

#include <optional>

#include "coffer/v1/secrets.pb.h"
#include "daemon/base/time.hpp"
#include "daemon/rotation/schedule.hpp"
#include "storage/records.hpp"
#include "storage/transaction.hpp"

namespace coffer::secrets {

/// The schedule of `rotation`, as RotateSecret takes one; nothing where it only rotates by hand.
[[nodiscard]] std::optional<rotation::Schedule> schedule_of(const storage::StoredRotation& rotation);

/// `rotation` with the schedule that `rules` say, where they say one. Throws ServiceError
/// (InvalidParameterException) for a schedule that cannot be.
[[nodiscard]] storage::StoredRotation with_rules(storage::StoredRotation rotation,
                                                 const v1::RotationRules& rules);

/// Sets the window that comes after `base` (the last rotation, or change of the value); none where there is
/// no schedule.
void reschedule(storage::StoredRotation& rotation, Timestamp base);

/// Sets the first window of a schedule of `secret` that is new, or in force again, and that is not over at
/// `now`. Days count from the last rotation or change of the value, as in AWS, and not from `now`: what does
/// not change the value does not put its rotation off.
void plan(storage::StoredRotation& rotation, const storage::StoredSecret& secret, Timestamp now);

/// Sets the first window that opens after `now`, since the rotation of the present one has come to nothing:
/// one that is still to come stays.
void to_next_window(storage::StoredSecret& secret, Timestamp now);

/// When in its window the secret becomes due: the windows of many secrets open at the same hour, so each has
/// a place of its own in it, the same on every node. Nothing while rotation is off or has no schedule.
[[nodiscard]] std::optional<Timestamp> window_due_of(const storage::StoredSecret& secret);

/// When the secret becomes due: in its window, or when its value has to be renewed, whichever comes first.
/// Nothing while rotation is off.
[[nodiscard]] std::optional<Timestamp> due_of(const storage::StoredSecret& secret);

/// Whether AWSCURRENT is no more the version that the value of the rotation under way was made from, nor the
/// one that it makes: then that value must not become current.
[[nodiscard]] bool is_superseded(const storage::StoredSecret& secret);

/// Whether the version that the rotation under way makes has neither AWSPENDING nor AWSCURRENT any more: then
/// it cannot be gone on with. A test of the login is no such rotation.
[[nodiscard]] bool has_lost_pending(const storage::StoredSecret& secret);

/// When a secret becomes due, for the queue.
struct NewSchedule {
    storage::SecretId secret;
    std::optional<Timestamp> due;
    /// When a rotation under way is to be looked at at the latest, since it is to be abandoned.
    std::optional<Timestamp> look_at{};
};

/// After a change that may have given `secret` another current value than the version `before` had: counts
/// the days of its schedule from `now`, as AWS does. Where values have to be renewed, it is due at once: the
/// rotation's function alone can tell until when the new one is good. Nothing where that changes nothing.
[[nodiscard]] std::optional<NewSchedule> after_change(const std::optional<storage::VersionId>& before,
                                                      storage::StoredSecret& secret, Timestamp now);

/// Tells the queue, after the secret was stored: a secret's row is locked before its place in the queue.
void store_schedule(storage::WriteTransaction& tx, const std::optional<NewSchedule>& schedule);

/// The version that is AWSCURRENT; nothing while there is none.
[[nodiscard]] std::optional<storage::VersionId> current_version(const storage::StoredSecret& secret);

}  // namespace coffer::secrets
