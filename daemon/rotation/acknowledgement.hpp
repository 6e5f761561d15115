#pragma once
// AcknowledgeRotation: somebody has seen to what a rotation that ended has left.

#include "storage/records.hpp"
#include "storage/transaction.hpp"

namespace coffer::rotation {

/// It counts as Failed no more, and no version is left behind; when the next one is due stays. `seen` says
/// which secret. Throws ServiceError where there is nothing to see to, and while a rotation is under way.
void acknowledge(storage::WriteTransaction& tx, const storage::StoredSecret& seen);

}  // namespace coffer::rotation
