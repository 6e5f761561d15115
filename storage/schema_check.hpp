#pragma once
// Which schema and which kind of server a connection leads to.

#include "storage/pg_connection.hpp"

namespace coffer::storage {

/// server_version_num of PostgreSQL 13: the first with pg_current_xact_id and pg_xact_status(xid8).
inline constexpr int kOldestServer = 130000;

struct SchemaState {
    int version = 0;  ///< 0: no schema
    bool read_only = false;
};

/// Throws Error for a server older than 13 or a database that is not UTF-8.
[[nodiscard]] SchemaState inspect_schema(PgConnection& connection, Deadline until);

}  // namespace coffer::storage
