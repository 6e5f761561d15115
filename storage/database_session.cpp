#include "storage/database_session.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <pqxx/result>
#include <random>
#include <stdexcept>
#include <thread>

#include "storage/commit_outcome.hpp"
#include "storage/sql_values.hpp"
#include "storage/statements.hpp"

namespace coffer::storage {

namespace {

using Clock = std::chrono::steady_clock;

/// The longest that a job without a deadline of its own may take.
constexpr auto kLongestJob = std::chrono::seconds(60);
/// How long after its deadline a statement may end by itself (statement_timeout) before the socket is shut.
constexpr auto kHangGrace = std::chrono::milliseconds(100);
constexpr int kMostAttempts = 10;

constexpr const char* kUnreachable = "the database cannot be reached";
constexpr const char* kTooLate = "the deadline passed before the database had done the request";

std::chrono::milliseconds left_until(Deadline deadline) {
    return std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
}

void tell(pqxx::transaction_base& sql, const std::vector<std::string>& changed) {
    if (!changed.empty()) sql.exec_prepared("tell_changed", json_list(changed));
}

/// A short, random wait after a conflict, so that the same transactions do not meet again.
void wait_after_conflict(int attempts, Deadline deadline) {
    thread_local std::minstd_rand random(std::random_device{}());
    const auto most =
        std::min<std::int64_t>(std::int64_t{1} << std::min(attempts, 6), left_until(deadline).count());
    std::this_thread::sleep_for(std::chrono::milliseconds(
        std::uniform_int_distribution<std::int64_t>(0, std::max<std::int64_t>(most, 0))(random)));
}

/// Arms a guard for as long as it lives.
class Armed {
public:
    Armed(HangGuard& guard, Deadline until) : guard_(guard) { guard_.arm(until); }
    ~Armed() { guard_.disarm(); }
    Armed(const Armed&) = delete;
    Armed& operator=(const Armed&) = delete;

private:
    HangGuard& guard_;
};

}  // namespace

void HangGuard::adopt(int socket) {
    release();
    const std::lock_guard lock(mutex_);
    socket_ = fcntl(socket, F_DUPFD_CLOEXEC, 0);
}

void HangGuard::release() noexcept {
    const std::lock_guard lock(mutex_);
    if (socket_ >= 0) close(socket_);
    socket_ = -1;
}

void HangGuard::arm(Deadline until) noexcept {
    const std::lock_guard lock(mutex_);
    until_ = until;
}

void HangGuard::cut_if_overdue(Deadline now) noexcept {
    const std::lock_guard lock(mutex_);
    if (now >= until_) cut();
}

void HangGuard::cut_if_used() noexcept {
    const std::lock_guard lock(mutex_);
    if (until_ != Deadline::max()) cut();
}

void HangGuard::cut() noexcept {
    if (socket_ >= 0) shutdown(socket_, SHUT_RDWR);
    until_ = Deadline::max();
}

void DatabaseSession::drop_connection() noexcept {
    guard_.release();
    connection_.reset();
}

void DatabaseSession::connect(Deadline deadline) {
    if (connection_ && connection_->is_open() && !context_.reachability.silent()) return;
    drop_connection();
    if (!context_.reachability.reachable()) throw Unavailable(kUnreachable);
    const auto until = std::min(deadline, Clock::now() + context_.config.connect_timeout);
    try {
        connection_ = Connection::open(context_.config, all_statements(), until);
        guard_.adopt(connection_->sock());
        context_.reachability.reached();
    } catch (const std::exception& error) {
        // A caller in a hurry proves nothing about the server.
        if (Clock::now() >= deadline) throw DeadlineExceeded(kTooLate);
        context_.reachability.lost(error);
        throw Unavailable(kUnreachable);
    }
}

void DatabaseSession::execute(TransactionJob& job) {
    const auto deadline = std::min(job.options().deadline, Clock::now() + kLongestJob);
    for (int attempts = 1;; ++attempts) {
        if (Clock::now() >= deadline) throw DeadlineExceeded(kTooLate);
        connect(deadline);
        try {
            attempt(job, deadline);
            return;
        } catch (const CommitInDoubt&) {
            continue;  // settled: it did not commit
        } catch (const Unavailable&) {
            throw;
        } catch (...) {
            const bool open = connection_ && connection_->is_open();
            const auto failure = classify(std::current_exception(), open);
            if (failure.kind == FailureKind::none_of_ours) throw;
            recover(failure, attempts, deadline);
        }
    }
}

void DatabaseSession::recover(const Failure& failure, int attempts, Deadline deadline) {
    switch (failure.kind) {
        case FailureKind::connection_lost:
            drop_connection();
            break;
        case FailureKind::conflict:
            wait_after_conflict(attempts, deadline);
            break;
        case FailureKind::refuses_writes:
            // The next connection may lead to the new primary.
            drop_connection();
            context_.reachability.writes_refused(failure.reason);
            throw Unavailable("the database only allows reads at the moment");
        case FailureKind::unavailable:
            if (Clock::now() >= deadline) throw DeadlineExceeded(kTooLate);
            throw Unavailable("the database cannot do this at the moment: " + failure.reason);
        default:
            throw Error("the database refused a statement: " + failure.reason);
    }
    if (attempts >= kMostAttempts) throw Unavailable("the database failed repeatedly: " + failure.reason);
}

void DatabaseSession::attempt(TransactionJob& job, Deadline deadline) {
    const Armed armed(guard_, deadline + kHangGrace);
    if (job.writes()) {
        attempt_write(job, deadline);
    } else {
        attempt_read(job);
    }
}

void DatabaseSession::attempt_read(TransactionJob& job) {
    StatementByStatement sql(*connection_);
    WriteTransaction tx(sql, context_.seals, job.options());
    job.attempt(tx);
    sql.commit();
    for (const auto& what : tx.integrity_failures()) context_.observer.integrity_failure(what);
}

void DatabaseSession::attempt_write(TransactionJob& job, Deadline deadline) {
    // A lock is what these statements may wait for. Where the session's lock_timeout does not come before the
    // deadline, statement_timeout ends them cleanly; it costs a statement, so not always.
    std::optional<std::chrono::milliseconds> timeout;
    if (const auto left = left_until(deadline); left < context_.config.lock_timeout) {
        timeout = std::max(left, std::chrono::milliseconds(1));
    }
    std::vector<std::string> changed;
    std::vector<std::string> integrity_failures;
    bool told = false;
    std::string transaction_id;
    try {
        WriteBlock sql(*connection_, timeout);
        transaction_id = sql.transaction_id();
        WriteTransaction tx(sql, context_.seals, job.options());
        job.attempt(tx);
        changed = tx.changed_secrets();
        integrity_failures = tx.integrity_failures();
        if (context_.config.changes_need_events && tx.lacks_event()) {
            throw std::logic_error("a change of sealed rows has no audit event");
        }
        told = !tx.names_changes();
        if (told) tell(sql, changed);
        if (Clock::now() >= deadline) throw DeadlineExceeded(kTooLate);
        sql.commit();
    } catch (const CommitInDoubt&) {
        if (!settle_doubt(changed, transaction_id, deadline)) throw;
    }
    // Once, however often the transaction was tried.
    for (const auto& what : integrity_failures) context_.observer.integrity_failure(what);
    announce(changed);
    if (!told) tell_others(changed);
}

void DatabaseSession::tell_others(const std::vector<std::string>& changed) noexcept {
    if (changed.empty() || !connection_ || !connection_->is_open()) return;
    try {
        StatementByStatement sql(*connection_);
        tell(sql, changed);
        sql.commit();
    } catch (const std::exception&) {
        // The change is committed all the same.
    }
}

bool DatabaseSession::settle_doubt(const std::vector<std::string>& changed, const std::string& transaction_id,
                                   Deadline deadline) {
    const DoubtfulTransaction doubtful{.transaction_id = transaction_id,
                                       .backend_pid = connection_->backend_pid(),
                                       .server_started = connection_->server_started()};
    switch (find_commit_outcome(context_.config, doubtful, deadline)) {
        case CommitOutcome::committed:
            return true;
        case CommitOutcome::aborted:
            return false;
        default:
            announce(changed);  // they may have changed
            throw Unavailable(
                "the connection to the database was lost during COMMIT and its outcome could not be "
                "found out in time; the same request may be sent again");
    }
}

void DatabaseSession::announce(const std::vector<std::string>& changed) {
    if (!context_.on_secret_changed) return;
    for (const auto& name : changed) context_.on_secret_changed(name);
}

}  // namespace coffer::storage
