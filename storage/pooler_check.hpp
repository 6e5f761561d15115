#pragma once
// Whether a session of PostgreSQL stands behind a connection for as long as it lasts. Prepared statements,
// session settings, advisory locks and LISTEN live in a session; a pooler that gives a connection another one
// for each transaction loses them, at times that depend on the load. Internal to storage/.

#include <string>

#include "storage/pg_connection.hpp"

namespace coffer::storage {

/// Throws Error that says what to change when a pooler in transaction or statement mode (PgBouncer's
/// pool_mode) answers at `conninfo`; ConnectError. `connection` leads there, and no transaction is open on
/// it; another is made for the time of the check.
void refuse_transaction_pooling(const std::string& conninfo, PgConnection& connection, Deadline until);

}  // namespace coffer::storage
