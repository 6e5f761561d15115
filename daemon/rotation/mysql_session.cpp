#include "daemon/rotation/mysql_session.hpp"

#include <errmsg.h>
#include <mysql.h>
#include <mysqld_error.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <new>

#include "crypto/secret_bytes.hpp"
#include "daemon/rotation/function.hpp"
#include "daemon/rotation/password.hpp"
#include "proto/utf8.hpp"

namespace coffer::rotation {

namespace {

using Kind = StepFailed::Kind;

constexpr std::size_t kMostResultRows = 10'000;
constexpr std::size_t kMostResultBytes = 1024 * 1024;
constexpr std::size_t kMostSaidCharacters = 300;
/// Name resolution and TLS run on the library's own stack when it does not block.
constexpr std::size_t kStackBytes = 256 * 1024;

/// What a server may ask for. Without TLS only what does not give the password away.
constexpr const char* kPluginsWithTls =
    "mysql_native_password,client_ed25519,caching_sha2_password,sha256_password";
constexpr const char* kPluginsWithoutTls = "mysql_native_password,client_ed25519";

/// MySQL's own, which MariaDB's header does not have.
constexpr unsigned kMysqlAccountIsLocked = 3118;
constexpr unsigned kMysqlPasswordWasUsedBefore = 3638;

struct FreeResult {
    void operator()(MYSQL_RES* result) const noexcept { mysql_free_result(result); }
};
using Result = std::unique_ptr<MYSQL_RES, FreeResult>;

std::string said_by(MYSQL* connection) {
    return proto::printable(mysql_error(connection), kMostSaidCharacters);
}

/// Ends what is under way: the library then finds the connection closed, and comes to an end by itself.
void cut(MYSQL* connection) noexcept {
    ::shutdown(static_cast<int>(mysql_get_socket(connection)), SHUT_RDWR);
}

/// Carries an operation of the library to its end: `go_on(events)` continues it, and says what it waits for
/// next. False when it was over before.
template <class GoOn>
bool complete(MYSQL* connection, int waits_for, Patience patience, const GoOn& go_on) {
    bool in_time = true;
    while (waits_for != 0) {
        const int socket = static_cast<int>(mysql_get_socket(connection));
        short events = 0;
        if ((waits_for & MYSQL_WAIT_READ) != 0) events |= POLLIN;
        if ((waits_for & MYSQL_WAIT_WRITE) != 0) events |= POLLOUT;
        if (in_time && poll_until(socket, events, patience) == 0) {
            in_time = false;
            cut(connection);
        }
        waits_for = go_on(waits_for & (MYSQL_WAIT_READ | MYSQL_WAIT_WRITE));
    }
    return in_time;
}

StepFailed mysql_too_slow() {
    return {Kind::retry, "the MySQL server did not answer in time"};
}

StepFailed mysql_sends_too_much() {
    return {Kind::retry, "the MySQL server sends more than a rotation needs"};
}

void set_option(MYSQL* connection, mysql_option option, const void* value) {
    if (mysql_options(connection, option, value) != 0) {
        throw Error("MariaDB Connector/C does not know option " + std::to_string(option));
    }
}

void set_options(MYSQL* connection, const MysqlTls& tls, Patience patience) {
    using std::chrono::seconds;
    const auto left =
        std::chrono::ceil<seconds>(patience.deadline() - std::chrono::steady_clock::now()).count();
    const auto most_seconds = static_cast<unsigned>(std::clamp<std::int64_t>(left, 1, 3600));
    const unsigned tcp = MYSQL_PROTOCOL_TCP;
    const unsigned off = 0;
    const my_bool yes = 1;
    const unsigned long most_bytes = kMostResultBytes;
    set_option(connection, MYSQL_OPT_NONBLOCK, &kStackBytes);
    // "localhost" is no socket of this machine.
    set_option(connection, MYSQL_OPT_PROTOCOL, &tcp);
    set_option(connection, MYSQL_OPT_CONNECT_TIMEOUT, &most_seconds);
    set_option(connection, MYSQL_OPT_READ_TIMEOUT, &most_seconds);
    set_option(connection, MYSQL_OPT_WRITE_TIMEOUT, &most_seconds);
    // Else a server may ask for any file that this process can read.
    set_option(connection, MYSQL_OPT_LOCAL_INFILE, &off);
    set_option(connection, MYSQL_SECURE_AUTH, &yes);
    set_option(connection, MARIADB_OPT_RESTRICTED_AUTH,
               tls.verify_full ? kPluginsWithTls : kPluginsWithoutTls);
    set_option(connection, MYSQL_OPT_MAX_ALLOWED_PACKET, &most_bytes);
    set_option(connection, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    if (!tls.verify_full) return;
    const auto ca =
        tls.ca_file.empty() ? std::string("/etc/ssl/certs/ca-certificates.crt") : tls.ca_file.string();
    set_option(connection, MYSQL_OPT_SSL_ENFORCE, &yes);
    set_option(connection, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &yes);
    set_option(connection, MYSQL_OPT_SSL_CA, ca.c_str());
    set_option(connection, MARIADB_OPT_TLS_VERSION, "TLSv1.2,TLSv1.3");
}

Kind kind_of_code(unsigned code, std::string_view said) {
    switch (code) {
        case ER_NOT_VALID_PASSWORD:
        case kMysqlPasswordWasUsedBefore:
            return Kind::value_refused;
        case ER_DBACCESS_DENIED_ERROR:
        case ER_TABLEACCESS_DENIED_ERROR:
        case ER_COLUMNACCESS_DENIED_ERROR:
        case ER_SPECIFIC_ACCESS_DENIED_ERROR:
        case ER_ACCESS_DENIED_ERROR:
        case ER_ACCESS_DENIED_NO_PASSWORD_ERROR:
        case ER_PASSWORD_NOT_ALLOWED:
        case ER_PASSWORD_NO_MATCH:
        case ER_CANNOT_USER:
        case ER_WRONG_STRING_LENGTH:
        case ER_PLUGIN_IS_NOT_LOADED:
            return Kind::hopeless;
        case ER_OPTION_PREVENTS_STATEMENT:
            // The same code for a replica that is read-only, which a failover may mend.
            return said.find("strict") != std::string_view::npos ? Kind::hopeless : Kind::retry;
        default:
            return Kind::retry;
    }
}

/// Whether servers say this of a statement before they do anything of it.
bool is_told_before_any_effect(unsigned code, Kind kind) {
    return kind == Kind::hopeless || code == ER_OPTION_PREVENTS_STATEMENT || code == ER_PARSE_ERROR;
}

StepFailed refused_statement(MYSQL* connection, const SocketDeadline& limit, bool quiet) {
    if (limit.got_too_much()) return mysql_sends_too_much();
    const auto code = mysql_errno(connection);
    const auto said = said_by(connection);
    if (code == CR_SERVER_GONE_ERROR || code == CR_SERVER_LOST) {
        return {Kind::retry, "the connection to the MySQL server broke: " + said};
    }
    if (code == ER_OPTION_PREVENTS_STATEMENT && said.find("strict") != std::string::npos) {
        return StepFailed(Kind::hopeless,
                          "the server has a plugin that checks passwords, and wants the password itself: set "
                          "'send_plain_password = true' for this rotation function")
            .before_any_effect();
    }
    const auto kind = kind_of_code(code, said);
    // Its words of that are its own, with no part of the statement.
    const bool is_rule = kind == Kind::value_refused;
    const StepFailed failed(
        kind, "the MySQL server refuses a statement: " + (quiet && !is_rule ? "" : said + " ") + "(error " +
                  std::to_string(code) + ")" + (is_rule ? "; " + std::string(kPasswordRulesHint) : ""));
    return is_told_before_any_effect(code, kind) ? failed.before_any_effect() : failed;
}

}  // namespace

void MysqlSession::Close::operator()(MYSQL* connection) const noexcept {
    mysql_close(connection);
}

std::optional<MysqlSession> MysqlSession::log_in(const MysqlLogin& login, const MysqlTls& tls,
                                                 Patience patience) {
    static const bool is_ready = mysql_library_init(0, nullptr, nullptr) == 0;
    if (!is_ready) throw Error("MariaDB Connector/C cannot be used");
    const std::string host(login.host);
    const std::string database(login.database);
    const std::string user(login.user);
    // The library wants an end of text. Its own copies are wiped as all freed memory is.
    if (login.password.find('\0') != std::string_view::npos) {
        throw StepFailed(Kind::hopeless, "the secret's field \"password\" has a NUL character");
    }
    crypto::SecretBytes password(login.password.size() + 1);
    std::copy(login.password.begin(), login.password.end(), password.writable().begin());
    Connection owner(mysql_init(nullptr));
    if (!owner) throw std::bad_alloc();
    auto* const connection = owner.get();
    set_options(connection, tls, patience);
    mysql_options4(connection, MYSQL_OPT_CONNECT_ATTR_ADD, "program_name", "coffer rotation");
    MYSQL* connected = nullptr;
    const int waits_for =
        mysql_real_connect_start(&connected, connection, host.c_str(), user.c_str(),
                                 reinterpret_cast<const char*>(password.view().data()),
                                 database.empty() ? nullptr : database.c_str(), login.port, nullptr, 0);
    std::unique_ptr<SocketDeadline> limit;
    if (waits_for != 0 || connected != nullptr) {
        // The TLS handshake waits within the library, for each of the peer's records anew; and while more of
        // a server's answer is there, the library reads on and does not come back.
        const auto socket = [connection] { return static_cast<int>(mysql_get_socket(connection)); };
        limit = std::make_unique<SocketDeadline>(socket(), patience, kMostReceivedBytes);
        static_cast<void>(complete(connection, waits_for, patience, [&](int events) {
            const int next = mysql_real_connect_cont(&connected, connection, events);
            if (next != 0) limit->follow(socket());
            return next;
        }));
    }
    const bool in_time = !patience.is_over();
    const auto where = host + ":" + std::to_string(login.port);
    if (connected == nullptr) {
        if (limit && limit->got_too_much()) throw mysql_sends_too_much();
        switch (mysql_errno(connection)) {
            case ER_ACCESS_DENIED_ERROR:
            case ER_ACCESS_DENIED_NO_PASSWORD_ERROR:
                return std::nullopt;
            case ER_BAD_DB_ERROR:
            case ER_DBACCESS_DENIED_ERROR:
                throw StepFailed(Kind::hopeless,
                                 "the MySQL server at " + where + " has no database \"" + database +
                                     "\" for this user: correct the secret's field \"dbname\"");
            case ER_MUST_CHANGE_PASSWORD:
            case ER_MUST_CHANGE_PASSWORD_LOGIN:
                throw StepFailed(
                    Kind::hopeless,
                    "the user's password has expired at the MySQL server: set it by hand, with no "
                    "expiry that comes before the next rotation");
            case ER_ACCOUNT_HAS_BEEN_LOCKED:
            case kMysqlAccountIsLocked:
                throw StepFailed(Kind::hopeless, "the user is locked at the MySQL server");
            case CR_AUTH_PLUGIN_CANNOT_LOAD:
                throw StepFailed(Kind::hopeless,
                                 "the MySQL server at " + where +
                                     " wants a login by a plugin that is not taken: " + said_by(connection));
            default:
                throw StepFailed(Kind::retry, "the MySQL server at " + where + " cannot be used: " +
                                                  (in_time ? said_by(connection) : "no answer in time"));
        }
    }
    if (tls.verify_full && mysql_get_ssl_cipher(connection) == nullptr) {
        throw StepFailed(Kind::retry, "the MySQL server at " + where + " does not speak TLS");
    }
    MysqlSession session(std::move(limit), std::move(owner));
    // A quoted text then means itself, whatever the server has been set to.
    session.execute("SET SESSION sql_mode = 'NO_BACKSLASH_ESCAPES', SESSION lock_wait_timeout = 10",
                    patience);
    return session;
}

void MysqlSession::query(std::string_view sql, Patience patience, bool quiet) {
    auto* const connection = connection_.get();
    int failed = 0;
    const bool in_time =
        complete(connection, mysql_real_query_start(&failed, connection, sql.data(), sql.size()), patience,
                 [&](int events) { return mysql_real_query_cont(&failed, connection, events); });
    if (!in_time) throw mysql_too_slow();
    if (failed != 0) throw refused_statement(connection, *limit_, quiet);
}

std::vector<MysqlSession::Row> MysqlSession::rows(std::string_view sql, Patience patience) {
    auto* const connection = connection_.get();
    query(sql, patience, false);
    const Result result(mysql_use_result(connection));
    if (!result) {
        if (mysql_field_count(connection) != 0) throw refused_statement(connection, *limit_, false);
        return {};
    }
    std::vector<Row> rows;
    std::size_t bytes = 0;
    while (true) {
        MYSQL_ROW values = nullptr;
        const bool in_time =
            complete(connection, mysql_fetch_row_start(&values, result.get()), patience,
                     [&](int events) { return mysql_fetch_row_cont(&values, result.get(), events); });
        if (!in_time) throw mysql_too_slow();
        if (values == nullptr) {
            if (mysql_errno(connection) != 0) throw refused_statement(connection, *limit_, false);
            return rows;
        }
        const auto* const lengths = mysql_fetch_lengths(result.get());
        Row row(mysql_num_fields(result.get()));
        for (std::size_t i = 0; i < row.size(); ++i) {
            if (values[i] == nullptr) continue;
            bytes += lengths[i];
            row[i].emplace(values[i], lengths[i]);
        }
        rows.push_back(std::move(row));
        if (rows.size() > kMostResultRows || bytes > kMostResultBytes) {
            cut(connection);  // what is left would be read to its end
            throw StepFailed(Kind::retry, "the MySQL server answers with more than was asked for");
        }
    }
}

void MysqlSession::execute(std::string_view sql, Patience patience, bool quiet) {
    query(sql, patience, quiet);
    if (mysql_field_count(connection_.get()) == 0) return;
    cut(connection_.get());
    throw StepFailed(Kind::retry, "the MySQL server answers with rows where none belong");
}

std::optional<std::string> MysqlSession::value(std::string_view sql, Patience patience) {
    auto all = rows(sql, patience);
    if (all.empty() || all.front().empty()) return std::nullopt;
    return std::move(all.front().front());
}

bool MysqlSession::is_mariadb() const {
    return std::string_view(mysql_get_server_info(connection_.get())).find("MariaDB") !=
           std::string_view::npos;
}

std::string mysql_literal(std::string_view text) {
    if (text.find('\0') != std::string_view::npos || !proto::utf8_length(text)) {
        throw StepFailed(Kind::hopeless, "a text in the secret is not valid UTF-8, or has a NUL character");
    }
    std::string quoted = "'";
    for (const char c : text) {
        if (c == '\'') quoted += c;
        quoted += c;
    }
    return quoted += '\'';
}

std::string mysql_account(std::string_view user, std::string_view host) {
    return mysql_literal(user) + "@" + mysql_literal(host);
}

}  // namespace coffer::rotation
