#pragma once
// libpqxx over a connection that was made within a deadline, and the two kinds of transaction that the
// storage threads use. Internal to storage/.

#include <chrono>
#include <optional>
#include <pqxx/connection_base>
#include <pqxx/connectionpolicy.hxx>
#include <pqxx/transaction_base>
#include <span>
#include <string>

#include "storage/database.hpp"
#include "storage/pg_connection.hpp"

namespace coffer::storage {

/// A statement that every connection prepares before its first use.
struct Statement {
    std::string name;
    std::string sql;
};

/// Gives libpqxx one connection that stands already, and never another: libpqxx would otherwise reconnect
/// by itself in places where a transaction's outcome depends on knowing that the connection was lost.
class AdoptPolicy final : public pqxx::connectionpolicy {
public:
    explicit AdoptPolicy(PgConnection connection)
        : pqxx::connectionpolicy(std::string()), connection_(std::move(connection)) {}
    handle do_startconnect(handle orig) override;
    handle do_completeconnect(handle orig) override { return orig; }

private:
    PgConnection connection_;
    bool given_ = false;
};

/// A session of a storage thread.
class Connection final : public pqxx::connection_base {
public:
    /// Connects, sets the session up and registers the prepared statements. Throws ConnectError, SqlError.
    [[nodiscard]] static std::unique_ptr<Connection> open(const DatabaseConfig& config,
                                                          std::span<const Statement> statements,
                                                          Deadline until);
    Connection(PgConnection connection, std::string server_started, int backend_pid);
    ~Connection() { close(); }
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    /// When the server was started, as it says itself: tells one run of a server from another.
    [[nodiscard]] const std::string& server_started() const noexcept { return server_started_; }
    /// The server process that serves this connection, as it says itself (a pooler makes another number up
    /// for the protocol); known also when the connection is broken.
    [[nodiscard]] int backend_pid() const noexcept { return backend_pid_; }
    /// Whether a statement of the current transaction failed, so that COMMIT would roll back.
    [[nodiscard]] bool transaction_failed() const noexcept;

private:
    PGconn* raw_;  // owned by connection_base once adopted
    int backend_pid_;
    std::string server_started_;
    AdoptPolicy policy_;
};

/// No transaction block: each statement by itself, which sees what was committed before it began (as in READ
/// COMMITTED), without the round trips of BEGIN and COMMIT.
class StatementByStatement final : public pqxx::transaction_base {
public:
    explicit StatementByStatement(Connection& connection);
    ~StatementByStatement() override { End(); }
    StatementByStatement(const StatementByStatement&) = delete;
    StatementByStatement& operator=(const StatementByStatement&) = delete;

private:
    void do_begin() override {}
    pqxx::result do_exec(const char query[]) override { return direct_exec(query); }
    void do_commit() override {}
    void do_abort() override {}
};

/// The connection was lost between sending COMMIT and hearing its outcome.
class CommitInDoubt : public Error {
public:
    using Error::Error;
};

/// BEGIN ... COMMIT, which knows its transaction id from the first round trip on.
class WriteBlock final : public pqxx::transaction_base {
public:
    /// `statement_timeout` holds for each statement of the transaction; nothing: the session's.
    WriteBlock(Connection& connection, std::optional<std::chrono::milliseconds> statement_timeout);
    ~WriteBlock() override { End(); }
    WriteBlock(const WriteBlock&) = delete;
    WriteBlock& operator=(const WriteBlock&) = delete;

    /// The xid8 as the server writes it.
    [[nodiscard]] const std::string& transaction_id() const noexcept { return transaction_id_; }

private:
    void do_begin() override;
    pqxx::result do_exec(const char query[]) override { return direct_exec(query); }
    void do_commit() override;
    void do_abort() override;

    Connection& connection_;
    std::optional<std::chrono::milliseconds> statement_timeout_;
    std::string transaction_id_;
};

}  // namespace coffer::storage
