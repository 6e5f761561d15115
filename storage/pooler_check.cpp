#include "storage/pooler_check.hpp"

namespace coffer::storage {

namespace {

constexpr const char* kAdvice =
    "the database's connection string leads to a pooler that gives a connection another session of "
    "PostgreSQL for "
    "each transaction (PgBouncer: pool_mode = transaction or statement), which loses prepared statements and "
    "LISTEN: "
    "connect to PostgreSQL directly, or set pool_mode = session for this database";

/// How often one connection is asked who serves it. A pooler that takes turns (server_round_robin) with many
/// idle sessions answers with another one at the second time.
constexpr int kAsked = 3;

std::string backend_of(PgConnection& connection, Deadline until) {
    return first_value(connection.exec("SELECT pg_backend_pid()", until), 0);
}

void begin(PgConnection& connection, Deadline until) {
    try {
        connection.exec("BEGIN", until);
    } catch (const Error& error) {
        // In statement mode PgBouncer says so, and ends the connection.
        if (std::string_view(error.what()).find("pooling mode") == std::string_view::npos) throw;
        throw Error(kAdvice);
    }
}

}  // namespace

void refuse_transaction_pooling(const std::string& conninfo, PgConnection& connection, Deadline until) {
    const auto backend = backend_of(connection, until);
    const auto require_same = [&] {
        if (backend_of(connection, until) != backend) throw Error(kAdvice);
    };
    for (int i = 1; i < kAsked; ++i) require_same();
    // A second connection, in a transaction, takes the session that the first has left idle, or else one that
    // the first would get next.
    auto other = PgConnection::connect(conninfo, until);
    begin(other, until);
    if (backend_of(other, until) == backend) throw Error(kAdvice);
    require_same();
    other.exec("COMMIT", until);
}

}  // namespace coffer::storage
