#pragma once
// PostgreSQL as the daemon uses it: threads that own a connection each, a bounded queue, reconnection, and
// an answer also when a COMMIT's outcome was lost with its connection.

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "daemon/base/job_queue.hpp"
#include "daemon/base/outcome.hpp"
#include "storage/seal_keeper.hpp"
#include "storage/transaction.hpp"

namespace coffer::storage {

class DatabaseSession;

struct DatabaseConfig {
    /// libpq connection string, without a password (peer, certificate or passfile authentication).
    std::string conninfo;
    std::size_t connections = 8;
    std::size_t queue_capacity = 4096;
    std::chrono::milliseconds statement_timeout{5000};
    std::chrono::milliseconds lock_timeout{3000};
    std::chrono::milliseconds connect_timeout{3000};
    /// Refuse to commit a change of sealed rows that has no audit event along (std::logic_error).
    bool changes_need_events = false;
};

/// A unit of work as the storage threads see it; made by Database::read and write alone.
class TransactionJob : public Job<DatabaseSession> {
public:
    TransactionJob(JobOptions options, bool writes)
        : Job(options), writes_(writes), queued_at_(std::chrono::steady_clock::now()) {}

    void run(DatabaseSession& session) final;
    /// Does the caller's work and keeps its result. May be called again after a failure.
    virtual void attempt(WriteTransaction& tx) = 0;
    /// Hands the result of the last attempt to the completion.
    virtual void deliver() = 0;

    /// Whether others may wait for its end to begin.
    [[nodiscard]] virtual bool goes_in_company() const noexcept { return false; }
    /// How many further jobs it can do along with its own work.
    [[nodiscard]] virtual std::size_t room() const noexcept { return 0; }
    /// Whether it can do `other`'s work as well; then take_over() does so, and `other` may go.
    [[nodiscard]] virtual bool can_take_over(const TransactionJob& /*other*/) const noexcept { return false; }
    virtual void take_over(TransactionJob& /*other*/) {}

    [[nodiscard]] bool writes() const noexcept { return writes_; }
    [[nodiscard]] Deadline queued_at() const noexcept { return queued_at_; }

private:
    bool writes_;
    Deadline queued_at_;
};

/// A read that is cheaper for many inputs at once than for each by itself: those that wait for a connection
/// at the same time are done together. Has to outlive its reads, hence the shared pointers.
template <class In, class Out>
struct TogetherRead {
    /// Inputs of one transaction, at least 1.
    std::size_t most;
    /// The outcome for each input, in their order. What it throws is everybody's outcome.
    std::function<std::vector<Outcome<Out>>(ReadTransaction&, const std::vector<In>&)> run;
    /// Transactions at the same time, at least 1: those who come meanwhile wait, and go together. As many as
    /// there are connections would each take one or two.
    std::size_t at_once = 3;
    /// How many there are.
    mutable std::atomic<std::size_t> running = 0;

    TogetherRead(std::size_t most_inputs,
                 std::function<std::vector<Outcome<Out>>(ReadTransaction&, const std::vector<In>&)> what)
        : most(most_inputs), run(std::move(what)) {}
};

/// Told about what operators want to know. Called on storage threads; must not block or throw.
class DatabaseObserver {
public:
    virtual ~DatabaseObserver() = default;
    /// The server was lost or found again, or (`reachable` with a reason) only allows reads.
    virtual void reachable_changed(bool reachable, std::string reason) = 0;
    virtual void job_done(std::chrono::nanoseconds queued, std::chrono::nanoseconds ran) = 0;
    /// A row's seal did not match. `what` names the table and the row, never its content.
    virtual void integrity_failure(std::string what) = 0;
};

/// Thread-safe.
///
/// Errors that reach a completion: Overloaded, DeadlineExceeded; Unavailable (retryable) when no connection
/// can be had or the server refuses writes (read-only standby, shutting down); IntegrityError for a broken
/// seal; and whatever the job itself throws.
class Database {
public:
    /// Connects at once, to find a wrong configuration at start: throws Error that says what is wrong when
    /// the server is unreachable (Unavailable: the caller may wait for it), older than PostgreSQL 13, the
    /// schema is missing ("run 'cofferd migrate'"), older or newer than this binary.
    [[nodiscard]] static std::unique_ptr<Database> open(DatabaseConfig config,
                                                        std::shared_ptr<SealKeeper> seals,
                                                        std::shared_ptr<DatabaseObserver> observer);
    ~Database();
    Database(const Database&) = delete;
    Database& operator=(const Database&) = delete;

    /// Runs `job`; again on a fresh connection when the connection broke. Each of its statements sees what
    /// was committed before that statement began, as in READ COMMITTED; there is no transaction block, whose
    /// BEGIN and COMMIT would double or triple the round trips of a read. So a job reads what belongs
    /// together in one statement, as the repositories do.
    template <class T>
    void read(JobOptions options, UniqueFunction<T(ReadTransaction&)> job, Completion<T> completion) {
        submit<ReadTransaction, T>(options, std::move(job), std::move(completion));
    }

    /// Runs `what` for `input`, along with others that wait for the same. Who waits less long than the rest
    /// does not shorten their time: only reads with a later deadline join one that is about to run.
    template <class In, class Out>
    void read_together(JobOptions options, std::shared_ptr<const TogetherRead<In, Out>> what, In input,
                       Completion<Out> completion);

    /// Runs `job` in a transaction and commits. When the connection broke before COMMIT was sent, or on a
    /// serialization failure or deadlock (40001, 40P01), the job runs again. When it broke during COMMIT the
    /// server is asked, on a new connection, whether the transaction committed (pg_xact_status); only if it
    /// did not, the job runs again; if that cannot be found out in time, Unavailable. So a job may run
    /// several times and must not have effects outside the transaction.
    template <class T>
    void write(JobOptions options, UniqueFunction<T(WriteTransaction&)> job, Completion<T> completion) {
        submit<WriteTransaction, T>(options, std::move(job), std::move(completion));
    }

    /// `listener(name)` is called after a commit of this node that changed the secret `name`, before the
    /// write's completion. Set once, before the first write.
    void on_secret_changed(std::function<void(const std::string& name)> listener);

    [[nodiscard]] bool reachable() const noexcept;
    /// A connection outside the pool was made: jobs need not fail any longer until the next probe.
    void found_reachable();
    [[nodiscard]] std::size_t queued() const;
    [[nodiscard]] const DatabaseConfig& config() const noexcept;

    /// Finishes running jobs, fails queued ones, closes the connections.
    void close();

private:
    class Impl;
    explicit Database(std::unique_ptr<Impl> impl);
    template <class Tx, class T>
    void submit(JobOptions options, UniqueFunction<T(Tx&)> job, Completion<T> completion);
    template <class In, class Out>
    class TogetherJob;
    void push(std::unique_ptr<TransactionJob> job);
    std::unique_ptr<Impl> impl_;
};

template <class Tx, class T>
void Database::submit(JobOptions options, UniqueFunction<T(Tx&)> job, Completion<T> completion) {
    class Typed final : public TransactionJob {
    public:
        Typed(JobOptions o, UniqueFunction<T(Tx&)> work, Completion<T> done)
            : TransactionJob(o, std::is_same_v<Tx, WriteTransaction>),
              work_(std::move(work)),
              done_(std::move(done)) {}
        void attempt(WriteTransaction& tx) override {
            result_.reset();
            result_.emplace(work_(tx));
        }
        void deliver() override { done_(Outcome<T>(std::move(*result_))); }
        void fail(std::exception_ptr error) noexcept override { done_(Outcome<T>(std::move(error))); }

    private:
        UniqueFunction<T(Tx&)> work_;
        Completion<T> done_;
        std::optional<T> result_;
    };
    push(std::make_unique<Typed>(options, std::move(job), std::move(completion)));
}

/// One read of a TogetherRead, or several that were queued at the same time.
template <class In, class Out>
class Database::TogetherJob final : public TransactionJob {
public:
    struct Member {
        JobOptions options;
        Completion<Out> done;
        /// Its company ran into the first one's deadline once: it does not go along with others again.
        bool alone = false;
    };
    using What = std::shared_ptr<const TogetherRead<In, Out>>;

    TogetherJob(Database& database, What what, In input, Member member)
        : TransactionJob(member.options, false), database_(database), what_(std::move(what)) {
        inputs_.push_back(std::move(input));
        members_.push_back(std::move(member));
    }

    ~TogetherJob() override {
        if (begun_) what_->running.fetch_sub(1, std::memory_order_relaxed);
    }
    TogetherJob(const TogetherJob&) = delete;
    TogetherJob& operator=(const TogetherJob&) = delete;

    /// Only one thread at a time asks: the queue is locked.
    [[nodiscard]] bool may_begin() noexcept override {
        if (what_->running.load(std::memory_order_relaxed) >= what_->at_once) return false;
        what_->running.fetch_add(1, std::memory_order_relaxed);
        begun_ = true;
        return true;
    }
    [[nodiscard]] bool goes_in_company() const noexcept override { return true; }

    [[nodiscard]] std::size_t room() const noexcept override { return what_->most - members_.size(); }
    [[nodiscard]] bool can_take_over(const TransactionJob& other) const noexcept override {
        const auto* same = dynamic_cast<const TogetherJob*>(&other);
        return same != nullptr && same->what_ == what_ && same->members_.size() == 1 &&
               !same->members_.front().alone && same->options().deadline >= options().deadline;
    }
    void take_over(TransactionJob& other) override {
        auto& same = dynamic_cast<TogetherJob&>(other);
        inputs_.push_back(std::move(same.inputs_.front()));
        members_.push_back(std::move(same.members_.front()));
    }

    void attempt(WriteTransaction& tx) override { outcomes_ = what_->run(tx, inputs_); }
    void deliver() override {
        for (std::size_t i = 0; i < members_.size(); ++i) members_[i].done(std::move(outcomes_[i]));
    }
    void fail(std::exception_ptr error) noexcept override {
        const bool too_late = expired() && members_.size() > 1;
        for (std::size_t i = 0; i < members_.size(); ++i) {
            Member& member = members_[i];
            if (too_late && member.options.deadline > std::chrono::steady_clock::now()) {
                member.alone = true;
                database_.push(std::make_unique<TogetherJob>(database_, what_, std::move(inputs_[i]),
                                                             std::move(member)));
            } else {
                member.done(Outcome<Out>(error));
            }
        }
    }

private:
    Database& database_;
    What what_;
    std::vector<In> inputs_;
    std::vector<Member> members_;
    std::vector<Outcome<Out>> outcomes_;
    bool begun_ = false;
};

template <class In, class Out>
void Database::read_together(JobOptions options, std::shared_ptr<const TogetherRead<In, Out>> what, In input,
                             Completion<Out> completion) {
    using J = TogetherJob<In, Out>;
    push(std::make_unique<J>(*this, std::move(what), std::move(input),
                             typename J::Member{options, std::move(completion)}));
}

}  // namespace coffer::storage
