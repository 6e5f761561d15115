#pragma once
// RetryRotation: the next try, at once.

#include "daemon/base/time.hpp"
#include "storage/records.hpp"
#include "storage/transaction.hpp"

namespace coffer::rotation {

/// The rotation of `seen` that failed, or waits for its next try, is due at `now`; after one that failed and
/// is over, or was abandoned, a new one begins then. What only was to try the login tries the login again.
/// `tells` as of give_up(): a value that somebody has put may have ended the rotation, and nobody has noted
/// it yet. Throws ServiceError where nothing waits, and while a node works on one that can be gone on with.
void retry(storage::WriteTransaction& tx, const storage::StoredSecret& seen, bool tells, Timestamp now);

}  // namespace coffer::rotation
