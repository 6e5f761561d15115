#pragma once
// A version's value, for threads that may block.

#include <optional>

#include "crypto/hsm.hpp"
#include "crypto/secret_bytes.hpp"
#include "daemon/base/job_queue.hpp"
#include "storage/database.hpp"
#include "storage/records.hpp"

namespace coffer::secrets {

/// Reads and opens it. Nothing when the version has no value, or is gone. Throws what the token and the
/// database throw.
[[nodiscard]] std::optional<crypto::SecretBytes> open_version(crypto::Hsm& hsm, storage::Database& database,
                                                              const storage::StoredSecret& secret,
                                                              const storage::StoredVersion& version,
                                                              JobOptions options);

}  // namespace coffer::secrets
