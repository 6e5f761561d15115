#pragma once
// The schema: numbered SQL files, compiled in, applied in order under an advisory lock.

#include <functional>
#include <string>

namespace coffer::storage {

struct MigrationReport {
    int from_version = 0;  ///< 0: the database was empty
    int to_version = 0;
};

/// The schema version that this binary works with.
[[nodiscard]] int schema_version() noexcept;

/// Brings the database to schema_version(), one transaction for each file; `progress` gets a line for each.
/// Safe to run from several nodes at once and again. Throws Error when the database is newer than the
/// binary, a migration fails (its file is named; nothing of it stays), or the server is older than 13.
MigrationReport migrate(const std::string& conninfo, const std::function<void(const std::string&)>& progress);

}  // namespace coffer::storage
