#pragma once
// The sealed rows of the database, for holding them against the journals.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "daemon/audit/row_states.hpp"

namespace coffer::audit::cli {

struct DatabaseRow {
    std::int64_t revision = 0;
    std::string seal;  ///< lower-case hexadecimal
    /// What people call it, e.g. the secret's name; may be empty.
    std::string name;
};

struct DatabaseSnapshot {
    std::map<RowKey, DatabaseRow> rows;
    /// Events that wait for their journal.
    std::vector<std::string> outbox;
    /// What is wrong with the tables by themselves: a row that the list over it does not have, or the
    /// reverse.
    std::vector<std::string> problems;
};

/// Reads all in one snapshot. `conninfo` is libpq's. Throws Error.
[[nodiscard]] DatabaseSnapshot read_database(const std::string& conninfo);

}  // namespace coffer::audit::cli
