#include "storage/pg_connection.hpp"

#include <poll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>
#include <vector>

#include "storage/connection_hosts.hpp"

namespace coffer::storage {

namespace {

using Clock = std::chrono::steady_clock;

/// Milliseconds for poll(2), rounded up so that a wait does not end early; at most one minute.
int poll_timeout_ms(Deadline until) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(
        std::min(until, Clock::now() + std::chrono::minutes(1)) - Clock::now());
    return static_cast<int>(std::max<std::int64_t>(left.count(), 0));
}

/// Whether `socket` is ready for `events` before `until`.
bool wait_for_socket(int socket, short events, Deadline until) {
    while (true) {
        pollfd entry{.fd = socket, .events = events, .revents = 0};
        const int ready = poll(&entry, 1, poll_timeout_ms(until));
        if (ready > 0) return true;
        if (ready < 0 && errno != EINTR) return true;  // libpq then reports what is wrong with the socket
        if (Clock::now() >= until) return false;
    }
}

/// What a connection string leaves open. A peer that vanished without a FIN is noticed within seconds.
constexpr std::array<std::pair<const char*, const char*>, 7> kDefaults{{
    {"application_name", "cofferd"},
    {"client_encoding", "UTF8"},
    {"keepalives", "1"},
    {"keepalives_idle", "5"},
    {"keepalives_interval", "2"},
    {"keepalives_count", "3"},
    {"tcp_user_timeout", "8000"},
}};

/// The keywords and values of `conninfo` with the defaults added. Reads URIs as well.
std::vector<ConninfoValue> connection_parameters(const std::string& conninfo) {
    auto parameters = parse_conninfo(conninfo);
    for (const auto& preset : kDefaults) {
        const bool given = std::any_of(parameters.begin(), parameters.end(), [&](const auto& parameter) {
            return parameter.first == preset.first;
        });
        if (!given) parameters.emplace_back(preset);
    }
    return parameters;
}

}  // namespace

std::string describe_sqlstate(const std::string& code) {
    static constexpr std::array<std::pair<const char*, const char*>, 22> kMeanings{{
        {"22003", "a number is out of range: was a row altered by hand?"},
        {"22008", "a date or time is out of range: was a row altered by hand?"},
        {"22021", "text that is not UTF-8"},
        {"22P02", "a value cannot be read as what it should be: was a row altered by hand?"},
        {"22P05", "text with a character that PostgreSQL cannot store (NUL)"},
        {"23505", "a unique key is taken"},
        {"25006", "the server only allows reads (standby, or default_transaction_read_only)"},
        {"26000", "a prepared statement is gone: a pooler must be in session mode"},
        {"28000", "the server refuses this user"},
        {"3D000", "the database does not exist"},
        {"42P05", "a prepared statement exists already: a pooler must be in session mode"},
        {"42501", "the database user lacks a privilege"},
        {"42703", "a column is missing: is the schema another version's?"},
        {"42P01", "a table is missing: run 'cofferd migrate'"},
        {"53100", "the server's disk is full"},
        {"53200", "the server is out of memory"},
        {"53300", "the server has too many connections (max_connections)"},
        {"55P03", "a lock was not free in time (lock_timeout)"},
        {"57014", "the statement took too long (statement_timeout)"},
        {"57P01", "the server ended the connection (shutting down, or pg_terminate_backend)"},
        {"57P02", "the server is restarting after a crash"},
        {"57P03", "the server is starting up or shutting down"},
    }};
    for (const auto& [known, meaning] : kMeanings) {
        if (code == known) return "SQLSTATE " + code + ", " + meaning;
    }
    return code.empty() ? "the connection to the database broke" : "SQLSTATE " + code;
}

PgConnection PgConnection::connect(const std::string& conninfo, Deadline until) {
    const auto targets = connection_targets(connection_parameters(conninfo), last_good_host(conninfo));
    if (targets.size() == 1) return connect_to(targets.front().parameters, until);
    std::string failures;
    bool first_is_silent = false;
    for (std::size_t i = 0; i < targets.size(); ++i) {
        // Each has its share of what is left: those before may have refused at once.
        const auto now = Clock::now();
        const auto share = (until - now) / static_cast<std::int64_t>(targets.size() - i);
        try {
            auto connection = connect_to(targets[i].parameters, now + share);
            remember_good_host(conninfo, targets[i].host);
            return connection;
        } catch (const ConnectError& error) {
            if (i == 0) first_is_silent = dynamic_cast<const NoAnswer*>(&error) != nullptr;
            failures +=
                (i == 0 ? "host " : "; host ") + std::to_string(targets[i].host + 1) + ": " + error.what();
        }
    }
    // Connections of before lead to the host that was the last good one.
    if (first_is_silent) throw NoAnswer(failures);
    throw ConnectError(failures);
}

PgConnection PgConnection::connect_to(const std::vector<ConninfoValue>& parameters, Deadline until) {
    std::vector<const char*> keywords;
    std::vector<const char*> values;
    for (const auto& [keyword, value] : parameters) {
        keywords.push_back(keyword.c_str());
        values.push_back(value.c_str());
    }
    keywords.push_back(nullptr);
    values.push_back(nullptr);
    PgConnection connection(PQconnectStartParams(keywords.data(), values.data(), 0));
    if (connection.get() == nullptr) throw ConnectError("out of memory while connecting to the database");
    connection.complete(until);
    PQsetNoticeProcessor(
        connection.get(), [](void*, const char*) {}, nullptr);
    return connection;
}

void PgConnection::complete(Deadline until) {
    auto state = PGRES_POLLING_WRITING;
    while (state != PGRES_POLLING_OK) {
        if (state == PGRES_POLLING_FAILED || PQstatus(get()) == CONNECTION_BAD) {
            throw ConnectError(first_line(PQerrorMessage(get())));
        }
        const short events = state == PGRES_POLLING_READING ? POLLIN : POLLOUT;
        if (!wait_for_socket(socket(), events, until)) {
            throw NoAnswer("the database server did not answer in time while connecting");
        }
        state = PQconnectPoll(get());
    }
}

PgResult PgConnection::exec(const std::string& sql, Deadline until) {
    if (PQsendQuery(get(), sql.c_str()) == 0) throw ConnectError(first_line(PQerrorMessage(get())));
    PgResult last;
    while (true) {
        while (PQisBusy(get()) != 0) {
            if (!wait_for_socket(socket(), POLLIN, until)) {
                throw NoAnswer("the database server did not answer in time");
            }
            if (PQconsumeInput(get()) == 0) throw ConnectError(first_line(PQerrorMessage(get())));
        }
        PgResult result(PQgetResult(get()));
        if (!result) break;
        // The first failure ends a batch; what follows is only its echo.
        if (!last || PQresultStatus(last.get()) != PGRES_FATAL_ERROR) last = std::move(result);
    }
    if (!last) throw ConnectError("the connection to the database broke");
    if (PQresultStatus(last.get()) == PGRES_FATAL_ERROR) {
        if (PQstatus(get()) != CONNECTION_OK)
            throw ConnectError(first_line(PQresultErrorMessage(last.get())));
        const char* code = PQresultErrorField(last.get(), PG_DIAG_SQLSTATE);
        const std::string sqlstate = code == nullptr ? "" : code;
        throw SqlError(describe_sqlstate(sqlstate), sqlstate);
    }
    return last;
}

void PgConnection::wait_for_notifications(Deadline until,
                                          const std::function<void(const std::string&)>& receive) {
    // Some may have come in with the answer to a statement; then nothing is waited for.
    if (take_notifications(receive)) return;
    if (wait_for_socket(socket(), POLLIN, until) && PQconsumeInput(get()) == 0) {
        throw ConnectError(first_line(PQerrorMessage(get())));
    }
    take_notifications(receive);
    if (PQstatus(get()) != CONNECTION_OK) throw ConnectError("the connection to the database broke");
}

bool PgConnection::take_notifications(const std::function<void(const std::string&)>& receive) {
    struct Free {
        void operator()(PGnotify* notification) const noexcept { PQfreemem(notification); }
    };
    bool any = false;
    while (const std::unique_ptr<PGnotify, Free> notification{PQnotifies(get())}) {
        receive(notification->extra);
        any = true;
    }
    return any;
}

std::string first_value(const PgResult& result, int column) {
    if (PQntuples(result.get()) == 0) return {};
    return PQgetvalue(result.get(), 0, column);
}

}  // namespace coffer::storage
