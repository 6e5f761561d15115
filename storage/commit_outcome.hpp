#pragma once
// Finds out whether a transaction committed whose connection was lost during COMMIT. Internal to storage/.

#include <string>

#include "storage/database.hpp"

namespace coffer::storage {

enum class CommitOutcome { committed, aborted, unknown };

struct DoubtfulTransaction {
    std::string transaction_id;  ///< xid8, digits
    int backend_pid = 0;         ///< the server process that had it
    std::string server_started;  ///< pg_postmaster_start_time() of the server that had it
};

/// Asks the server (pg_xact_status) until it is certain or `until` has passed; then: unknown. A server
/// process that still holds the transaction open, since it has not noticed that its client is gone, is ended.
///
/// Transaction ids are trusted only within one run of the server: after a crash or a failover, an id whose
/// records were lost may have been given to somebody else. So "committed" from another run is unknown, while
/// "aborted" or "never heard of" stays certain: whatever was lost is not there.
[[nodiscard]] CommitOutcome find_commit_outcome(const DatabaseConfig& config,
                                                const DoubtfulTransaction& doubtful, Deadline until);

}  // namespace coffer::storage
