#include "storage/commit_outcome.hpp"

#include <fmt/format.h>

#include <optional>
#include <thread>

#include "storage/pg_connection.hpp"

namespace coffer::storage {

namespace {

constexpr auto kPollInterval = std::chrono::milliseconds(25);

/// pg_xact_status refuses an id that this server has not given out yet.
constexpr std::string_view kInvalidParameterValue = "22023";

/// Certain answers only; nothing while the transaction is still in progress.
std::optional<CommitOutcome> ask(PgConnection& connection, const DoubtfulTransaction& doubtful,
                                 Deadline until) {
    const auto server = connection.exec(
        "SET timezone = 'UTC'; SELECT pg_postmaster_start_time()::text, pg_is_in_recovery()", until);
    // A standby may not have heard of the COMMIT yet, and is no witness that there was none.
    if (first_value(server, 1) != "f") throw Unavailable("the database server is a standby");
    const bool same_run = first_value(server, 0) == doubtful.server_started;
    std::string status;
    try {
        status = first_value(
            connection.exec(fmt::format("SELECT pg_xact_status('{}'::xid8)", doubtful.transaction_id), until),
            0);
    } catch (const SqlError& error) {
        if (error.sqlstate() != kInvalidParameterValue) throw;
        return CommitOutcome::aborted;
    }
    if (status == "aborted") return CommitOutcome::aborted;
    if (status == "committed") return same_run ? CommitOutcome::committed : CommitOutcome::unknown;
    if (status == "in progress") {
        if (!same_run) return CommitOutcome::unknown;
        connection.exec(fmt::format("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                                    "WHERE pid = {} AND backend_xid = '{}'::xid8::xid",
                                    doubtful.backend_pid, doubtful.transaction_id),
                        until);
        return std::nullopt;
    }
    return CommitOutcome::unknown;  // so old that the server has forgotten
}

}  // namespace

CommitOutcome find_commit_outcome(const DatabaseConfig& config, const DoubtfulTransaction& doubtful,
                                  Deadline until) {
    std::optional<PgConnection> connection;
    while (std::chrono::steady_clock::now() < until) {
        try {
            if (!connection) {
                const auto connect_until = std::chrono::steady_clock::now() + config.connect_timeout;
                connection = PgConnection::connect(config.conninfo, std::min(until, connect_until));
            }
            if (const auto outcome = ask(*connection, doubtful, until)) return *outcome;
        } catch (const Error&) {
            connection.reset();  // the server is away; it may be back before the deadline
        }
        std::this_thread::sleep_for(kPollInterval);
    }
    return CommitOutcome::unknown;
}

}  // namespace coffer::storage
