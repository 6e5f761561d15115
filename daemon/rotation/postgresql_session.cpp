#include "daemon/rotation/postgresql_session.hpp"

#include <libpq-fe.h>
#include <poll.h>

#include <algorithm>
#include <array>

#include "crypto/secret_bytes.hpp"
#include "daemon/rotation/function.hpp"
#include "daemon/rotation/password.hpp"
#include "daemon/rotation/scram_verifier.hpp"
#include "daemon/rotation/socket_deadline.hpp"
#include "proto/utf8.hpp"

namespace coffer::rotation {

namespace {

using Kind = StepFailed::Kind;

struct FreePq {
    void operator()(char* text) const noexcept { PQfreemem(text); }
};
using PqText = std::unique_ptr<char, FreePq>;

/// Waits until the socket can be read or written. Throws StepFailed when patience is over, and when the
/// server has said too much: libpq keeps rows, notices and parameters.
void wait_for_socket(const PGconn* connection, short events, Patience patience) {
    if (poll_until(PQsocket(connection), events, patience) == 0) {
        throw StepFailed(Kind::retry, "the PostgreSQL server did not answer in time");
    }
    if (received_bytes(PQsocket(connection)) > kMostReceivedBytes) {
        throw StepFailed(Kind::retry, "the PostgreSQL server sends more than a rotation needs");
    }
}

/// What a server answers a login with.
struct LoginRefusal {
    std::string_view sqlstate{};
    /// Its own, to be compared and never shown: a server that asks for a password in clear could repeat it.
    std::string_view words{};
};

/// Of libpq's message with PQERRORS_VERBOSE, of which this is a line: "... failed: FATAL:  28P01: password
/// ...". Empty for what libpq itself says.
LoginRefusal refusal_in(std::string_view message) {
    constexpr std::string_view kSeverityEnds = ":  ";  // the severity itself is in the server's language
    constexpr std::string_view kCodeEnds = ": ";
    constexpr std::size_t kLength = 5;
    LoginRefusal found;
    for (auto at = message.find(kSeverityEnds); at != std::string_view::npos;
         at = message.find(kSeverityEnds, at + 1)) {
        const auto rest = message.substr(at + kSeverityEnds.size());
        const auto code = rest.substr(0, kLength);
        const bool is_code =
            rest.substr(code.size()).starts_with(kCodeEnds) && code.size() == kLength &&
            code.find_first_not_of("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == std::string_view::npos;
        if (!is_code) continue;
        const auto line = rest.substr(0, rest.find('\n'));
        found = {code, line.substr(kLength + kCodeEnds.size())};
    }
    return found;
}

/// Sent before every statement, in one message with it, which is one transaction: a pooler may give each
/// transaction another connection to the server, and takes no such settings at the login. Names then mean
/// what the server's catalogue says, whatever the database or the role has been set to.
constexpr std::string_view kSettingsOfTransaction =
    "SET LOCAL search_path = pg_catalog; SET LOCAL statement_timeout = 30000; "
    "SET LOCAL lock_timeout = 10000; SET LOCAL datestyle = ISO; ";
constexpr std::size_t kSettingsOfTransactionCount = 4;

/// A password that is wrong or has expired, or a user that is not there: the server does not say which.
constexpr std::string_view kPasswordRefused = "28P01";
constexpr std::string_view kNotAdmitted = "28000";
constexpr std::string_view kProtocolViolation = "08P01";

/// PgBouncer, at least up to 1.18, has one code for whatever it refuses.
bool is_password_refused(const LoginRefusal& refusal) {
    if (refusal.sqlstate == kPasswordRefused) return true;
    constexpr std::array<std::string_view, 4> kPoolersWords{
        "SASL authentication failed", "password authentication failed", "auth failed", "no such user"};
    return refusal.sqlstate == kProtocolViolation &&
           std::ranges::any_of(kPoolersWords,
                               [&](std::string_view words) { return refusal.words.starts_with(words); });
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

Kind kind_of(std::string_view sqlstate, bool has_password) {
    if (sqlstate == "22023" || sqlstate == "23514") {
        // passwordcheck and its like; of what is copied from another role, its value.
        return has_password ? Kind::value_refused : Kind::hopeless;
    }
    if (sqlstate == "42501" || sqlstate == "42704") return Kind::hopeless;  // rights; no such role
    if (sqlstate == "25006") return Kind::hopeless;                         // sessions only read
    return Kind::retry;
}

/// Of an error within a transaction, by its class: a statement that was refused, and not one that was cut
/// off.
bool is_without_effect(std::string_view sqlstate) {
    constexpr std::array<std::string_view, 7> kRefusals{"0A", "22", "23", "25", "28", "42", "55"};
    return std::ranges::find(kRefusals, sqlstate.substr(0, 2)) != kRefusals.end();
}

/// Where servers say which of their rules or rights is in the way, and not what stands in a statement.
bool tells_of_rules(std::string_view sqlstate) {
    return sqlstate == "22023" || sqlstate == "23514" || sqlstate == "42501" || sqlstate == "42704" ||
           sqlstate == "P0001" || sqlstate.starts_with("28");
}

/// Of a setting that is copied from another role, which somebody else has set: its value shows in no message.
StepFailed setting_refused(const std::string& setting, const std::string& code, const std::string& said) {
    constexpr std::size_t kMostOfName = 100;
    const bool is_right = code == "42501";
    const std::string message =
        "the PostgreSQL server refuses for the second user what is set for the first: the setting \"" +
        proto::printable(setting, kMostOfName) + "\": " + (is_right ? said : "") + "(SQLSTATE " + code +
        "); nothing was done. " +
        (is_right ? "Let the administrator set it (GRANT SET ON PARAMETER, or a superuser), or reset it"
                  : "Correct it, or reset it") +
        " for the first: ALTER ROLE ... SET, or RESET";
    const bool is_final = is_right || code.starts_with("22") || code.starts_with("42");
    return StepFailed(is_final ? Kind::hopeless : Kind::retry, message);
}

StepFailed refused(const PGresult* result, const PostgresqlStatement& statement, const Redactor* secrets) {
    constexpr std::size_t kMostShown = 200;
    const char* state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char* text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const std::string code = state == nullptr ? "unknown" : state;
    std::string said = text == nullptr ? "nothing" : text;
    if (secrets != nullptr) said = tells_of_rules(code) ? secrets->redact(said) : "";
    if (!said.empty()) said = proto::printable(said, kMostShown) + " ";
    const auto kind = kind_of(code, statement.has_password);
    const auto failed =
        !statement.setting.empty()
            ? setting_refused(statement.setting, code, said)
            : StepFailed(kind,
                         "the PostgreSQL server refuses a statement: " + said + "(SQLSTATE " + code + ")" +
                             (kind == Kind::value_refused ? "; " + std::string(kPasswordRulesHint) : ""));
    return is_without_effect(code) ? failed.before_any_effect() : failed;
}

/// libpq takes what stands before a NUL character for the whole.
void require_no_nul(std::string_view text, const std::string& what) {
    if (text.find('\0') == std::string_view::npos) return;
    throw StepFailed(Kind::hopeless, what + " in the secret has a NUL character; nothing was done");
}

}  // namespace

LoginNotAdmitted::LoginNotAdmitted(const std::string& where, const std::string& user)
    : StepFailed(
          Kind::retry,
          "the PostgreSQL server at " + where + " does not let the user " + user +
              " log in, whatever its password (SQLSTATE 28000): pg_hba.conf there has no entry for it from "
              "this node's address, or one that rejects it, wants a client certificate, or has the password "
              "looked up elsewhere (ldap, pam); or the role has NOLOGIN; or pg_hba.conf wants no password, "
              "and there is no such role") {}

void PostgresqlSession::Close::operator()(pg_conn* connection) const noexcept {
    PQfinish(connection);
}
void PostgresqlSession::Clear::operator()(pg_result* result) const noexcept {
    PQclear(result);
}

std::optional<PostgresqlSession> PostgresqlSession::log_in(const PostgresqlLogin& login,
                                                           const PostgresqlTls& tls, Patience patience) {
    const std::string host(login.host);
    const auto port = std::to_string(login.port);
    const std::string database(login.database);
    const std::string user(login.user);
    // libpq wants an end of text. Its own copies are wiped when the connection is closed.
    crypto::SecretBytes password(login.password.size() + 1);
    std::copy(login.password.begin(), login.password.end(), password.writable().begin());
    const auto ca =
        tls.ca_file.empty() ? std::string("/etc/ssl/certs/ca-certificates.crt") : tls.ca_file.string();
    const std::array keywords{"host",       "port",     "dbname",          "user",
                              "password",   "sslmode",  "sslrootcert",     "application_name",
                              "gssencmode", "passfile", "client_encoding", static_cast<const char*>(nullptr)};
    const std::array values{host.c_str(),
                            port.c_str(),
                            database.c_str(),
                            user.c_str(),
                            reinterpret_cast<const char*>(password.view().data()),
                            tls.mode.c_str(),
                            ca.c_str(),
                            "coffer rotation",
                            "disable",
                            "/dev/null",
                            "UTF8",
                            static_cast<const char*>(nullptr)};
    Connection connection(PQconnectStartParams(keywords.data(), values.data(), 0));
    if (!connection) throw std::bad_alloc();
    PQsetErrorVerbosity(connection.get(), PQERRORS_VERBOSE);
    PQsetNoticeProcessor(
        connection.get(), [](void*, const char*) {}, nullptr);
    auto wanted = PGRES_POLLING_WRITING;
    while (PQstatus(connection.get()) != CONNECTION_BAD && wanted != PGRES_POLLING_FAILED &&
           wanted != PGRES_POLLING_OK) {
        wait_for_socket(connection.get(), wanted == PGRES_POLLING_READING ? POLLIN : POLLOUT, patience);
        wanted = PQconnectPoll(connection.get());
    }
    if (PQstatus(connection.get()) == CONNECTION_OK) {
        PQsetErrorVerbosity(connection.get(), PQERRORS_TERSE);
        return PostgresqlSession(std::move(connection));
    }
    const std::string message = PQerrorMessage(connection.get());
    const auto refusal = refusal_in(message);
    if (is_password_refused(refusal)) return std::nullopt;
    const auto state = refusal.sqlstate;
    const auto where = host + ":" + port;
    if (state == kNotAdmitted) throw LoginNotAdmitted(where, user);
    if (state == kProtocolViolation) {
        throw StepFailed(
            Kind::retry,
            "the PostgreSQL server at " + where +
                " answers the login with SQLSTATE 08P01, as poolers do for much (PgBouncer, whose log "
                "says why): let the secret's field \"host\" name the server itself, or have the "
                "pooler ask the server for its users (auth_query)");
    }
    if (state == "3D000") {
        throw StepFailed(Kind::hopeless, "the PostgreSQL server at " + where + " has no database \"" +
                                             database + "\": correct the secret's field \"dbname\"");
    }
    throw StepFailed(Kind::retry, "the PostgreSQL server at " + where + " cannot be used: " +
                                      (state.empty() ? one_line(message)
                                                     : "it answers with SQLSTATE " + std::string(state)));
}

PostgresqlSession::Result PostgresqlSession::run(const std::vector<PostgresqlStatement>& statements,
                                                 Patience patience, const Redactor* secrets) {
    auto* const connection = connection_.get();
    std::string sql(kSettingsOfTransaction);
    for (const auto& statement : statements) sql.append(statement.sql).append("; ");
    const auto lost = [connection] {
        return StepFailed(Kind::retry, "the connection to the PostgreSQL server broke: " +
                                           one_line(PQerrorMessage(connection)));
    };
    if (PQsendQuery(connection, sql.c_str()) != 1) throw lost();
    Result last;
    std::size_t done = 0;
    const auto failed_one = [&]() -> const PostgresqlStatement& {
        // What fails at the end, when the transaction is, has no statement of its own.
        static const PostgresqlStatement none{};
        const bool is_one =
            done >= kSettingsOfTransactionCount && done - kSettingsOfTransactionCount < statements.size();
        return is_one ? statements[done - kSettingsOfTransactionCount] : none;
    };
    while (true) {
        while (PQflush(connection) == 1) wait_for_socket(connection, POLLOUT, patience);
        while (PQisBusy(connection) == 1) {
            wait_for_socket(connection, POLLIN, patience);
            if (PQconsumeInput(connection) != 1) throw lost();
        }
        Result result(PQgetResult(connection));
        if (!result) break;
        const auto status = PQresultStatus(result.get());
        if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
            throw refused(result.get(), failed_one(), secrets);
        }
        ++done;
        last = std::move(result);
    }
    if (!last) throw lost();
    return last;
}

std::uint64_t PostgresqlSession::received() const noexcept {
    return received_bytes(PQsocket(connection_.get()));
}

void PostgresqlSession::execute(const std::vector<PostgresqlStatement>& statements, Patience patience,
                                const Redactor* secrets) {
    static_cast<void>(run(statements, patience, secrets));
}

std::vector<PostgresqlSession::Row> PostgresqlSession::rows(const std::string& sql, Patience patience) {
    const auto result = run({{.sql = sql}}, patience);
    std::vector<Row> rows(static_cast<std::size_t>(PQntuples(result.get())));
    for (std::size_t i = 0; i < rows.size(); ++i) {
        for (int column = 0; column < PQnfields(result.get()); ++column) {
            const auto row = static_cast<int>(i);
            rows[i].push_back(PQgetisnull(result.get(), row, column) == 1
                                  ? std::nullopt
                                  : std::optional<std::string>(PQgetvalue(result.get(), row, column)));
        }
    }
    return rows;
}

std::optional<std::string> PostgresqlSession::value(const std::string& sql, Patience patience) {
    const auto result = run({{.sql = sql}}, patience);
    if (PQntuples(result.get()) == 0 || PQgetisnull(result.get(), 0, 0) == 1) return std::nullopt;
    return std::string(PQgetvalue(result.get(), 0, 0));
}

std::string PostgresqlSession::identifier(std::string_view name) const {
    require_no_nul(name, "a name");
    const PqText quoted(PQescapeIdentifier(connection_.get(), name.data(), name.size()));
    if (!quoted) throw StepFailed(Kind::hopeless, "a name in the secret is not valid UTF-8");
    return quoted.get();
}

std::string PostgresqlSession::literal(std::string_view text) const {
    require_no_nul(text, "a text");
    const PqText quoted(PQescapeLiteral(connection_.get(), text.data(), text.size()));
    if (!quoted) throw StepFailed(Kind::hopeless, "a text in the secret is not valid UTF-8");
    return quoted.get();
}

std::string PostgresqlSession::verifier(std::string_view user, std::string_view password,
                                        std::uint32_t iterations) const {
    require_no_nul(user, "a name");
    require_no_nul(password, "a password");
    if (is_prepared(password)) return scram_verifier(password, iterations);
    crypto::SecretBytes ended(password.size() + 1);
    std::copy(password.begin(), password.end(), ended.writable().begin());
    const PqText made(PQencryptPasswordConn(connection_.get(),
                                            reinterpret_cast<const char*>(ended.view().data()),
                                            std::string(user).c_str(), "scram-sha-256"));
    if (!made) throw StepFailed(Kind::hopeless, "no SCRAM verifier can be made of the new password");
    return made.get();
}

}  // namespace coffer::rotation
