#include "storage/database.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <stdexcept>
#include <thread>
#include <vector>

#include "daemon/base/thread_name.hpp"
#include "daemon/base/vector_registers.hpp"
#include "storage/database_session.hpp"
#include "storage/migrations.hpp"
#include "storage/pooler_check.hpp"
#include "storage/reachability.hpp"
#include "storage/schema_check.hpp"

namespace coffer::storage {

namespace {

using Clock = std::chrono::steady_clock;

/// How often hanging connections and expired jobs are looked for.
constexpr auto kWatchInterval = std::chrono::milliseconds(50);
/// After so many more urgent jobs one goes first that waits in a less urgent lane: else the copy of audit
/// events and the counts of usage would not get on while reads keep every connection busy.
constexpr std::size_t kFairShare = 16;

class SilentObserver final : public DatabaseObserver {
public:
    void reachable_changed(bool /*reachable*/, std::string /*reason*/) override {}
    void job_done(std::chrono::nanoseconds /*queued*/, std::chrono::nanoseconds /*ran*/) override {}
    void integrity_failure(std::string /*what*/) override {}
};

/// Throws Error that says what is wrong with the server or its schema.
void check_at_start(const DatabaseConfig& config) {
    try {
        const auto until = Clock::now() + config.connect_timeout;
        auto connection = PgConnection::connect(config.conninfo, until);
        const auto schema = inspect_schema(connection, until);
        if (schema.version == 0) throw Error("the database has no Coffer schema: run 'cofferd migrate'");
        if (schema.version < schema_version()) {
            throw Error(fmt::format(
                "the database's schema is version {}, this binary needs {}: run 'cofferd migrate'",
                schema.version, schema_version()));
        }
        if (schema.version > schema_version()) {
            throw Error(fmt::format(
                "the database's schema is version {}, this binary knows {}: install the newer Coffer",
                schema.version, schema_version()));
        }
        refuse_transaction_pooling(config.conninfo, connection, until);
    } catch (const ConnectError& error) {
        throw Unavailable(std::string("cannot connect to the database: ") + error.what());
    }
}

void require(bool condition, const char* message) {
    if (!condition) throw Error(message);
}

void check_limits(const DatabaseConfig& config) {
    require(config.connections >= 1 && config.connections <= 256, "database connections: must be 1 to 256");
    require(config.queue_capacity >= 1, "database queue capacity: must be at least 1");
    require(config.statement_timeout.count() > 0, "database statement timeout: must be longer than 0 ms");
    require(config.lock_timeout.count() > 0, "database lock timeout: must be longer than 0 ms");
    require(config.connect_timeout.count() > 0, "database connect timeout: must be longer than 0 ms");
}

}  // namespace

class Database::Impl {
public:
    Impl(DatabaseConfig config, std::shared_ptr<SealKeeper> seals, std::shared_ptr<DatabaseObserver> observer)
        : config_(std::move(config)),
          seals_(std::move(seals)),
          observer_(std::move(observer)),
          queue_(config_.queue_capacity, kFairShare),
          reachability_(config_, observer_) {
        for (std::size_t i = 0; i < config_.connections; ++i) {
            sessions_.push_back(std::make_unique<DatabaseSession>(
                SessionContext{config_, *seals_, *observer_, reachability_, on_secret_changed_}));
        }
        for (auto& session : sessions_) {
            threads_.emplace_back([this, &session = *session] { serve(session); });
            name_thread(threads_.back(), "db-" + std::to_string(threads_.size() - 1));
        }
        watchdog_ = std::thread([this] { watch(); });
        name_thread(watchdog_, "db-watch");
    }

    ~Impl() { close(); }
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    void push(std::unique_ptr<TransactionJob> job) { queue_.push(std::move(job)); }
    void set_listener(std::function<void(const std::string&)> listener) {
        on_secret_changed_ = std::move(listener);
    }
    [[nodiscard]] const DatabaseConfig& config() const noexcept { return config_; }
    [[nodiscard]] bool reachable() const noexcept { return reachability_.reachable(); }
    void found_reachable() { reachability_.reached(); }
    [[nodiscard]] std::size_t queued() const { return queue_.size(); }

    void close() {
        const std::lock_guard closing(close_mutex_);
        closing_ = true;
        queue_.close();
        for (auto& thread : threads_) thread.join();
        threads_.clear();
        {
            const std::lock_guard lock(watch_mutex_);
            watch_ends_ = true;
        }
        watch_stirred_.notify_all();
        if (watchdog_.joinable()) watchdog_.join();
        reachability_.close();
        sessions_.clear();
    }

private:
    void serve(DatabaseSession& session) {
        while (auto job = queue_.pop()) {
            if (closing_) {
                job->fail(std::make_exception_ptr(Unavailable("the service is shutting down")));
                continue;
            }
            auto& first = static_cast<TransactionJob&>(*job);  // push() takes no other kind
            add_company(first);
            first.run(session);
            const bool in_company = first.goes_in_company();
            job.reset();
            if (in_company) queue_.stir();
            forget_vector_registers();
        }
    }

    void add_company(TransactionJob& first) {
        const auto room = first.room();
        if (room == 0) return;
        const auto others =
            queue_.take_if(first.options().priority, room, [&](const Job<DatabaseSession>& other) {
                return first.can_take_over(static_cast<const TransactionJob&>(other));
            });
        for (const auto& other : others) first.take_over(static_cast<TransactionJob&>(*other));
    }

    void watch() {
        std::unique_lock lock(watch_mutex_);
        while (!watch_stirred_.wait_for(lock, kWatchInterval, [this] { return watch_ends_; })) {
            const bool silent = reachability_.silent();
            for (auto& session : sessions_) {
                session->guard().cut_if_overdue(Clock::now());
                if (silent) session->guard().cut_if_used();
            }
            queue_.fail_expired();
        }
    }

    const DatabaseConfig config_;
    const std::shared_ptr<SealKeeper> seals_;
    const std::shared_ptr<DatabaseObserver> observer_;
    std::function<void(const std::string&)> on_secret_changed_;
    JobQueue<DatabaseSession> queue_;
    Reachability reachability_;
    std::vector<std::unique_ptr<DatabaseSession>> sessions_;
    std::vector<std::thread> threads_;
    std::atomic<bool> closing_{false};
    std::mutex close_mutex_;

    std::mutex watch_mutex_;
    std::condition_variable watch_stirred_;
    bool watch_ends_ = false;
    std::thread watchdog_;
};

void TransactionJob::run(DatabaseSession& session) {
    const auto started = Clock::now();
    DatabaseObserver& observer = session.observer();
    std::exception_ptr error;
    try {
        session.execute(*this);
    } catch (const IntegrityError& broken) {
        observer.integrity_failure(broken.what());
        error = std::current_exception();
    } catch (...) {
        error = std::current_exception();
    }
    observer.job_done(started - queued_at_, Clock::now() - started);
    if (error) {
        fail(std::move(error));
    } else {
        deliver();
    }
}

std::unique_ptr<Database> Database::open(DatabaseConfig config, std::shared_ptr<SealKeeper> seals,
                                         std::shared_ptr<DatabaseObserver> observer) {
    check_limits(config);
    check_at_start(config);
    if (!observer) observer = std::make_shared<SilentObserver>();
    return std::unique_ptr<Database>(
        new Database(std::make_unique<Impl>(std::move(config), std::move(seals), std::move(observer))));
}

Database::Database(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Database::~Database() = default;

void Database::push(std::unique_ptr<TransactionJob> job) {
    impl_->push(std::move(job));
}

void Database::on_secret_changed(std::function<void(const std::string&)> listener) {
    impl_->set_listener(std::move(listener));
}

bool Database::reachable() const noexcept {
    return impl_->reachable();
}
void Database::found_reachable() {
    impl_->found_reachable();
}
std::size_t Database::queued() const {
    return impl_->queued();
}
const DatabaseConfig& Database::config() const noexcept {
    return impl_->config();
}
void Database::close() {
    impl_->close();
}

}  // namespace coffer::storage
