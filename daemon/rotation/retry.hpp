#pragma once
// RetryRotation: the next try, at once.

#include "daemon/base/time.hpp"
#include "storage/records.hpp"
#include "storage/transaction.hpp"

namespace coffer::rotation {

/// The rotation of `seen` that failed, or waits for its next try, is due at `now`; after one that failed and
/// is over a new one begins then. What only was to try the login tries the login again. Throws ServiceError
/// where nothing waits, and while a node works on it.
void retry(storage::WriteTransaction& tx, const storage::StoredSecret& seen, Timestamp now);

}  // namespace coffer::rotation
