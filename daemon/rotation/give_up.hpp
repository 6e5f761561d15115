#pragma once
// AbandonRotation: a rotation that is not complete, given up by hand.

#include "daemon/base/time.hpp"
#include "storage/records.hpp"
#include "storage/rotation_repository.hpp"
#include "storage/transaction.hpp"

namespace coffer::rotation {

/// That the rotation of `secret` which is under way ends so: in the history, and where its target may have
/// the value that it made, and that is not AWSCURRENT, as left behind. To be called before it is taken out of
/// the queue.
void note_given_up(storage::WriteTransaction& tx, const storage::StoredSecret& secret,
                   const storage::RotationTask& task, bool tells, Timestamp now);

/// Takes AWSPENDING off, and the rotation out of the queue, until the next window. `seen` says which secret,
/// `tells` whether its function tells a target the new value: a value that the target may have is left
/// behind. Throws ServiceError where nothing is under way, while a node works on it, and while rotation is on
/// and the target may have the pending value, unless that is AWSCURRENT by now.
void give_up(storage::WriteTransaction& tx, const storage::StoredSecret& seen, bool tells, Timestamp now);

}  // namespace coffer::rotation
