#include "storage/reachability.hpp"

#include <utility>

#include "storage/back_off.hpp"

namespace coffer::storage {

namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kPingInterval = std::chrono::seconds(5);

}  // namespace

Reachability::Reachability(DatabaseConfig config, std::shared_ptr<DatabaseObserver> observer)
    : config_(std::move(config)), observer_(std::move(observer)), prober_([this] { probe(); }) {}

Reachability::~Reachability() {
    close();
}

void Reachability::close() {
    {
        const std::lock_guard lock(mutex_);
        closing_ = true;
    }
    stirred_.notify_all();
    if (prober_.joinable()) prober_.join();
}

void Reachability::reached() {
    // Every new connection says so; only the first after a loss changes anything.
    if (!reachable()) change(true, {});
}

void Reachability::lost(const std::exception& error) {
    change(false, error.what(), dynamic_cast<const NoAnswer*>(&error) != nullptr);
}

void Reachability::writes_refused(const std::string& reason) {
    change(true, reason);
    const std::lock_guard lock(mutex_);
    probe_now_ = true;
    fresh_connection_ = true;  // a session keeps the defaults that it began with
    stirred_.notify_all();
}

void Reachability::change(bool reachable, const std::string& reason, bool silent) {
    const std::lock_guard lock(mutex_);
    const bool same_state = reachable_.load() == reachable && reason.empty() == reason_.empty();
    reason_ = reason;
    reachable_.store(reachable);
    silent_.store(silent);
    if (same_state) return;
    if (!reachable) {
        probe_now_ = true;
        stirred_.notify_all();
    }
    // Under the lock, so that the observer hears of changes in their order.
    observer_->reachable_changed(reachable, reason);
}

void Reachability::probe_once(std::optional<PgConnection>& connection) {
    const auto until = Clock::now() + config_.connect_timeout;
    if (!connection) connection = PgConnection::connect(config_.conninfo, until);
    const auto read_only = connection->exec(
        "SELECT pg_is_in_recovery() OR current_setting('default_transaction_read_only')::bool", until);
    if (first_value(read_only, 0) == "t") {
        if (!reachable()) change(true, describe_sqlstate("25006"));
    } else {
        change(true, {});
    }
}

void Reachability::probe() {
    std::optional<PgConnection> connection;
    BackOff back_off;
    while (true) {
        auto wait = std::chrono::milliseconds(kPingInterval);
        const bool had_connection = connection.has_value();
        try {
            probe_once(connection);
            back_off.reset();
        } catch (const Error& error) {
            connection.reset();
            // A session that was ended says nothing yet; only a new one that cannot be had does.
            wait = std::chrono::milliseconds(0);
            if (!had_connection) {
                lost(error);
                wait = back_off.next();
            }
        }
        std::unique_lock lock(mutex_);
        // Whoever finds the server gone asks for a probe at once; while it stays gone the back-off rules.
        if (back_off.waiting()) probe_now_ = false;
        stirred_.wait_for(lock, wait, [this] { return closing_ || probe_now_; });
        if (closing_) return;
        probe_now_ = false;
        if (std::exchange(fresh_connection_, false)) connection.reset();
    }
}

}  // namespace coffer::storage
