#include "daemon/rotation/postgresql_session.hpp"

#include <libpq-fe.h>
#include <poll.h>

#include <array>

#include "crypto/secret_bytes.hpp"
#include "daemon/rotation/function.hpp"
#include "daemon/rotation/socket_deadline.hpp"

namespace coffer::rotation {

namespace {

using Kind = StepFailed::Kind;

struct FreePq {
    void operator()(char* text) const noexcept { PQfreemem(text); }
};
using PqText = std::unique_ptr<char, FreePq>;

/// Waits until the socket can be read or written. Throws StepFailed at the deadline, and when the server has
/// said too much: libpq keeps rows, notices and parameters.
void wait_for_socket(const PGconn* connection, short events, Deadline deadline) {
    if (poll_until(PQsocket(connection), events, deadline) == 0) {
        throw StepFailed(Kind::retry, "the PostgreSQL server did not answer in time");
    }
    if (received_bytes(PQsocket(connection)) > kMostReceivedBytes) {
        throw StepFailed(Kind::retry, "the PostgreSQL server sends more than a rotation needs");
    }
}

/// "28P01" of "FATAL:  28P01": what PQERRORS_SQLSTATE makes of a server's message. Empty for what libpq
/// itself says.
std::string_view sqlstate_of(std::string_view message) {
    while (!message.empty() && message.back() == '\n') message.remove_suffix(1);
    constexpr std::size_t kLength = 5;
    const auto space = message.rfind(' ');
    if (space == std::string_view::npos) return {};
    const auto last = message.substr(space + 1);
    const bool is_code =
        last.size() == kLength &&
        last.find_first_not_of("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == std::string_view::npos;
    return is_code && message.find("FATAL") != std::string_view::npos ? last : std::string_view{};
}

/// Names mean what the server's catalogue says, whatever the database or the role has been set to.
constexpr const char* kSessionOptions =
    "-c search_path=pg_catalog -c statement_timeout=30000 -c lock_timeout=10000";

bool is_refused_login(std::string_view sqlstate) {
    return sqlstate == "28P01" || sqlstate == "28000";
}

std::string one_line(std::string_view text) {
    std::string line;
    for (const char c : text) {
        const bool blank = c == '\n' || c == '\t' || c == ' ';
        if (!blank) line += c;
        if (blank && !line.empty() && line.back() != ' ') line += ' ';
    }
    while (!line.empty() && line.back() == ' ') line.pop_back();
    return line;
}

Kind kind_of(std::string_view sqlstate) {
    if (sqlstate == "22023" || sqlstate == "23514") return Kind::value_refused;  // passwordcheck and its like
    if (sqlstate == "42501" || sqlstate == "42704") return Kind::hopeless;       // rights; no such role
    return Kind::retry;
}

}  // namespace

void PostgresqlSession::Close::operator()(pg_conn* connection) const noexcept {
    PQfinish(connection);
}
void PostgresqlSession::Clear::operator()(pg_result* result) const noexcept {
    PQclear(result);
}

std::optional<PostgresqlSession> PostgresqlSession::log_in(const PostgresqlLogin& login,
                                                           const PostgresqlTls& tls, Deadline deadline) {
    const std::string host(login.host);
    const auto port = std::to_string(login.port);
    const std::string database(login.database);
    const std::string user(login.user);
    // libpq wants an end of text. Its own copies are wiped when the connection is closed.
    crypto::SecretBytes password(login.password.size() + 1);
    std::copy(login.password.begin(), login.password.end(), password.writable().begin());
    const auto ca =
        tls.ca_file.empty() ? std::string("/etc/ssl/certs/ca-certificates.crt") : tls.ca_file.string();
    const std::array keywords{"host",
                              "port",
                              "dbname",
                              "user",
                              "password",
                              "sslmode",
                              "sslrootcert",
                              "application_name",
                              "options",
                              "gssencmode",
                              "passfile",
                              "client_encoding",
                              static_cast<const char*>(nullptr)};
    const std::array values{host.c_str(),
                            port.c_str(),
                            database.c_str(),
                            user.c_str(),
                            reinterpret_cast<const char*>(password.view().data()),
                            tls.mode.c_str(),
                            ca.c_str(),
                            "coffer rotation",
                            kSessionOptions,
                            "disable",
                            "/dev/null",
                            "UTF8",
                            static_cast<const char*>(nullptr)};
    Connection connection(PQconnectStartParams(keywords.data(), values.data(), 0));
    if (!connection) throw std::bad_alloc();
    PQsetErrorVerbosity(connection.get(), PQERRORS_SQLSTATE);
    PQsetNoticeProcessor(
        connection.get(), [](void*, const char*) {}, nullptr);
    auto wanted = PGRES_POLLING_WRITING;
    while (PQstatus(connection.get()) != CONNECTION_BAD && wanted != PGRES_POLLING_FAILED &&
           wanted != PGRES_POLLING_OK) {
        wait_for_socket(connection.get(), wanted == PGRES_POLLING_READING ? POLLIN : POLLOUT, deadline);
        wanted = PQconnectPoll(connection.get());
    }
    if (PQstatus(connection.get()) == CONNECTION_OK) {
        PQsetErrorVerbosity(connection.get(), PQERRORS_TERSE);
        return PostgresqlSession(std::move(connection));
    }
    const auto message = one_line(PQerrorMessage(connection.get()));
    const auto state = sqlstate_of(message);
    if (is_refused_login(state)) return std::nullopt;
    const auto where = host + ":" + port;
    if (state == "3D000") {
        throw StepFailed(Kind::hopeless, "the PostgreSQL server at " + where + " has no database \"" +
                                             database + "\": correct the secret's field \"dbname\"");
    }
    throw StepFailed(Kind::retry, "the PostgreSQL server at " + where + " cannot be used: " + message);
}

PostgresqlSession::Result PostgresqlSession::run(const std::string& sql, Deadline deadline, bool quiet) {
    auto* const connection = connection_.get();
    const auto lost = [connection] {
        return StepFailed(Kind::retry, "the connection to the PostgreSQL server broke: " +
                                           one_line(PQerrorMessage(connection)));
    };
    if (PQsendQuery(connection, sql.c_str()) != 1) throw lost();
    Result last;
    while (true) {
        while (PQflush(connection) == 1) wait_for_socket(connection, POLLOUT, deadline);
        while (PQisBusy(connection) == 1) {
            wait_for_socket(connection, POLLIN, deadline);
            if (PQconsumeInput(connection) != 1) throw lost();
        }
        Result result(PQgetResult(connection));
        if (!result) break;
        const auto status = PQresultStatus(result.get());
        if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
            const char* state = PQresultErrorField(result.get(), PG_DIAG_SQLSTATE);
            const char* text = PQresultErrorField(result.get(), PG_DIAG_MESSAGE_PRIMARY);
            const std::string said = text == nullptr ? "nothing" : text;
            throw StepFailed(kind_of(state == nullptr ? "" : state),
                             "the PostgreSQL server refuses a statement: " + (quiet ? "" : said + " ") +
                                 "(SQLSTATE " + (state == nullptr ? "unknown" : state) + ")");
        }
        last = std::move(result);
    }
    if (!last) throw lost();
    return last;
}

void PostgresqlSession::execute(const std::string& sql, Deadline deadline, bool quiet) {
    static_cast<void>(run(sql, deadline, quiet));
}

std::optional<std::string> PostgresqlSession::value(const std::string& sql, Deadline deadline) {
    const auto result = run(sql, deadline);
    if (PQntuples(result.get()) == 0 || PQgetisnull(result.get(), 0, 0) == 1) return std::nullopt;
    return std::string(PQgetvalue(result.get(), 0, 0));
}

std::string PostgresqlSession::identifier(std::string_view name) const {
    const PqText quoted(PQescapeIdentifier(connection_.get(), name.data(), name.size()));
    if (!quoted) throw StepFailed(Kind::hopeless, "a name in the secret is not valid UTF-8");
    return quoted.get();
}

std::string PostgresqlSession::literal(std::string_view text) const {
    const PqText quoted(PQescapeLiteral(connection_.get(), text.data(), text.size()));
    if (!quoted) throw StepFailed(Kind::hopeless, "a text in the secret is not valid UTF-8");
    return quoted.get();
}

std::string PostgresqlSession::verifier(std::string_view user, std::string_view password) const {
    crypto::SecretBytes ended(password.size() + 1);
    std::copy(password.begin(), password.end(), ended.writable().begin());
    const PqText made(PQencryptPasswordConn(connection_.get(),
                                            reinterpret_cast<const char*>(ended.view().data()),
                                            std::string(user).c_str(), "scram-sha-256"));
    if (!made) throw StepFailed(Kind::hopeless, "no SCRAM verifier can be made of the new password");
    return made.get();
}

}  // namespace coffer::rotation
