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

/// How long an event has waited for its journal, by the server's clock. Whoever writes the table by hand says
/// what he likes.
enum class Waited : std::uint8_t {
    shortly,   ///< less than two minutes: it may be under way
    long_ago,  ///< its node is not running, or does not take it
    not_yet,   ///< its time is to come: Coffer makes no such row
};

/// A row of audit_outbox. Its MAC was not checked: that takes the token.
struct WaitingEvent {
    std::string event_id;
    std::string node;
    std::string event;   ///< JSON
    std::string stored;  ///< as the server writes it
    Waited waited = Waited::shortly;
};

struct DatabaseSnapshot {
    std::map<RowKey, DatabaseRow> rows;
    std::vector<WaitingEvent> outbox;
    /// What is wrong with the tables by themselves: a row that the list over it does not have, or the
    /// reverse.
    std::vector<std::string> problems;
};

/// Reads all in one snapshot. `conninfo` is libpq's. Throws Error.
[[nodiscard]] DatabaseSnapshot read_database(const std::string& conninfo);

}  // namespace coffer::audit::cli
