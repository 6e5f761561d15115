#include "storage/pqxx_connection.hpp"

#include <fmt/format.h>

#include <pqxx/except>
#include <pqxx/result>
#include <pqxx/row>
#include <utility>

#if defined(__SANITIZE_ADDRESS__)
// libpqxx 6.4 loses the libpq result (2 KB) of a statement during which the connection breaks: it asks the
// broken connection for its encoding before it takes the result over, and that throws. Bounded by the number
// of broken connections, and not ours to free; leaks of our own are still found.
extern "C" const char*
__lsan_default_suppressions();  // NOLINT(bugprone-reserved-identifier): the sanitizer's name
extern "C" const char* __lsan_default_suppressions() {
    return "leak:libpqxx-6.4.so\n";
}
#endif

namespace coffer::storage {

AdoptPolicy::handle AdoptPolicy::do_startconnect(handle orig) {
    if (orig != nullptr && PQstatus(orig) == CONNECTION_OK) return orig;
    if (given_) throw pqxx::broken_connection("the connection to the database broke");
    given_ = true;
    return connection_.release();
}

namespace {

/// Everything that results and waits depend on, whatever the server's or the role's defaults are. A
/// synchronous_commit of "off" would acknowledge writes that a crash loses; stronger settings stay.
std::string session_setup(const DatabaseConfig& config) {
    return fmt::format(
        "SET statement_timeout = {}; SET lock_timeout = {}; SET idle_in_transaction_session_timeout = {};"
        "SET coffer.node = 'tells'; SET plan_cache_mode = force_generic_plan; SET jit = off;"
        "SET timezone = 'UTC'; SET bytea_output = 'hex'; SET standard_conforming_strings = on;"
        "SELECT set_config('synchronous_commit', 'on', false)"
        " WHERE current_setting('synchronous_commit') = 'off';"
        "SELECT pg_postmaster_start_time()::text, pg_backend_pid()",
        config.statement_timeout.count(), config.lock_timeout.count(), 2 * config.statement_timeout.count());
}

}  // namespace

std::unique_ptr<Connection> Connection::open(const DatabaseConfig& config,
                                             std::span<const Statement> statements, Deadline until) {
    auto plain = PgConnection::connect(config.conninfo, until);
    const auto server = plain.exec(session_setup(config), until);
    auto connection = std::make_unique<Connection>(std::move(plain), first_value(server, 0),
                                                   std::stoi(first_value(server, 1)));
    for (const auto& statement : statements) connection->prepare(statement.name, statement.sql);
    return connection;
}

// connection_base only keeps the policy's address before init(), so the order of members is right.
Connection::Connection(PgConnection connection, std::string server_started, int backend_pid)
    : pqxx::connection_base(policy_),
      raw_(connection.get()),
      backend_pid_(backend_pid),
      server_started_(std::move(server_started)),
      policy_(std::move(connection)) {
    init();
}

bool Connection::transaction_failed() const noexcept {
    return is_open() && PQtransactionStatus(raw_) == PQTRANS_INERROR;
}

StatementByStatement::StatementByStatement(Connection& connection)
    : pqxx::internal::namedclass("StatementByStatement"), pqxx::transaction_base(connection) {
    Begin();
}

WriteBlock::WriteBlock(Connection& connection, std::optional<std::chrono::milliseconds> statement_timeout)
    : pqxx::internal::namedclass("WriteBlock"),
      pqxx::transaction_base(connection),
      connection_(connection),
      statement_timeout_(statement_timeout) {
    Begin();
}

void WriteBlock::do_begin() {
    // One round trip; the last statement's result is what comes back.
    auto query = std::string("BEGIN; ");
    if (statement_timeout_)
        query += fmt::format("SET LOCAL statement_timeout = {}; ", statement_timeout_->count());
    query += "SELECT pg_current_xact_id()";
    try {
        transaction_id_ = direct_exec(query.c_str()).front().front().c_str();
    } catch (...) {
        do_abort();
        throw;
    }
}

void WriteBlock::do_commit() {
    // The server would answer COMMIT with a ROLLBACK that looks like success.
    if (connection_.transaction_failed()) {
        do_abort();
        throw Error("a job went on after one of its statements had failed; nothing was stored");
    }
    try {
        direct_exec("COMMIT");
    } catch (const std::exception&) {
        // An answer to COMMIT on a living connection is final; silence is not.
        if (connection_.is_open()) throw;
        throw CommitInDoubt("the connection was lost during COMMIT");
    }
}

void WriteBlock::do_abort() {
    if (!connection_.is_open()) return;
    try {
        direct_exec("ROLLBACK");
    } catch (const std::exception&) {
        // Only a broken connection makes ROLLBACK fail, and then the server rolls back by itself.
        connection_.disconnect();
    }
}

}  // namespace coffer::storage
