#pragma once
// What went wrong with a statement, and what follows from it. Internal to storage/.

#include <exception>
#include <string>

namespace coffer::storage {

enum class FailureKind {
    none_of_ours,     ///< not from the database: the job's own exception
    connection_lost,  ///< run again on a new connection
    conflict,         ///< serialization failure or deadlock: run again
    refuses_writes,   ///< read-only server
    unavailable,      ///< full, shutting down, too slow: the same statement may work later
    refused           ///< the statement itself is wrong for this database
};

struct Failure {
    FailureKind kind;
    /// For operators: SQLSTATE and meaning, neither SQL nor values.
    std::string reason;
};

/// Classifies `error`, which was thrown while a connection was used that is now open or not.
[[nodiscard]] Failure classify(const std::exception_ptr& error, bool connection_is_open);

}  // namespace coffer::storage
