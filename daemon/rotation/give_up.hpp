#pragma once
// AbandonRotation: a rotation that is not complete, given up by hand.

#include "daemon/base/time.hpp"
#include "storage/records.hpp"
#include "storage/transaction.hpp"

namespace coffer::rotation {

/// Takes AWSPENDING off, and the rotation out of the queue, until the next window. `seen` says which secret,
/// `tells` whether its function tells a target the new value: a value that the target may have is left
/// behind. Throws ServiceError where nothing is under way, while a node works on it, and while rotation is on
/// and the target may have the pending value, unless that is AWSCURRENT by now.
void give_up(storage::WriteTransaction& tx, const storage::StoredSecret& seen, bool tells, Timestamp now);

}  // namespace coffer::rotation
