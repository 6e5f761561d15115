#pragma once
// A libpq connection whose every wait ends at a deadline: connecting, setting up a session, listening.
// Transactions go through libpqxx (pqxx_connection.hpp), which takes such a connection over.

#include <libpq-fe.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "daemon/base/errors.hpp"
#include "daemon/base/time.hpp"
#include "storage/conninfo.hpp"

namespace coffer::storage {

/// The server cannot be reached or refuses the connection. `what()` is libpq's first line, for operators.
class ConnectError : public Error {
public:
    using Error::Error;
};

/// Nothing came from the server in time: it hangs, or the network to it is silent.
class NoAnswer : public ConnectError {
public:
    using ConnectError::ConnectError;
};

/// A statement failed. `what()` names the SQLSTATE and what it means, neither SQL nor values.
class SqlError : public Error {
public:
    SqlError(const std::string& message, std::string sqlstate)
        : Error(message), sqlstate_(std::move(sqlstate)) {}
    [[nodiscard]] const std::string& sqlstate() const noexcept { return sqlstate_; }

private:
    std::string sqlstate_;
};

struct ResultDeleter {
    void operator()(PGresult* result) const noexcept { PQclear(result); }
};
using PgResult = std::unique_ptr<PGresult, ResultDeleter>;

/// Owned by one thread.
class PgConnection {
public:
    /// Connects until `until`. Several hosts are tried in turn, each for its share of the time, the last good
    /// one first. `conninfo` is a libpq string or URI; what it leaves open is filled in:
    /// application_name, TCP keepalives and TCP_USER_TIMEOUT, client_encoding UTF8.
    /// Throws ConnectError; MalformedConninfo, which no waiting mends.
    [[nodiscard]] static PgConnection connect(const std::string& conninfo, Deadline until);

    /// Runs `sql` (simple protocol, one or several statements without parameters) and returns the last
    /// result. Throws SqlError, or ConnectError when the connection broke or `until` passed.
    PgResult exec(const std::string& sql, Deadline until);

    /// Waits until the server sends something or `until`; hands every notification's payload to `receive`.
    /// Throws ConnectError when the connection broke.
    void wait_for_notifications(Deadline until, const std::function<void(const std::string&)>& receive);

    [[nodiscard]] int socket() const noexcept { return PQsocket(handle_.get()); }
    /// Gives the handle away; the caller finishes it.
    [[nodiscard]] PGconn* release() noexcept { return handle_.release(); }
    [[nodiscard]] PGconn* get() const noexcept { return handle_.get(); }

private:
    struct Finish {
        void operator()(PGconn* connection) const noexcept { PQfinish(connection); }
    };
    explicit PgConnection(PGconn* handle) : handle_(handle) {}
    [[nodiscard]] static PgConnection connect_to(const std::vector<ConninfoValue>& parameters,
                                                 Deadline until);
    void complete(Deadline until);
    bool take_notifications(const std::function<void(const std::string&)>& receive);
    std::unique_ptr<PGconn, Finish> handle_;
};

/// Field `column` of the first row as text; empty for NULL.
[[nodiscard]] std::string first_value(const PgResult& result, int column);

/// What the SQLSTATE `code` means to an operator, without SQL or values.
[[nodiscard]] std::string describe_sqlstate(const std::string& code);

}  // namespace coffer::storage
