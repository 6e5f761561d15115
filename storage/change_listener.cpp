#include "storage/change_listener.hpp"

#include <algorithm>

#include "storage/back_off.hpp"

namespace coffer::storage {

namespace {

using Clock = std::chrono::steady_clock;

/// What is asked so that a silent connection is noticed. Rows are names of secrets that may have changed: of
/// changes whose node told nobody, when it died, and of those that are on their way.
std::string heartbeat_of(std::string_view channel) {
    return channel == kSecretChannel ? "SELECT DISTINCT unnest(secrets) FROM audit_outbox" : "SELECT";
}

/// How long the destructor may have to wait for the thread.
constexpr auto kStopInterval = std::chrono::milliseconds(100);

}  // namespace

ChangeListener::ChangeListener(const DatabaseConfig& config, std::string_view channel, ChangeEvents events)
    : conninfo_(config.conninfo),
      listen_("LISTEN " + std::string(channel)),
      heartbeat_(heartbeat_of(channel)),
      connect_timeout_(config.connect_timeout),
      events_(std::move(events)),
      thread_([this] { run(); }) {}

ChangeListener::~ChangeListener() {
    stopping_ = true;
    thread_.join();
}

void ChangeListener::run() {
    BackOff back_off;
    while (!stopping_) {
        try {
            listen();
            back_off.reset();
        } catch (const Error&) {
            // The storage threads and their prober report an unreachable server; here it only is tried again.
        }
        if (!stopping_) pause(back_off.next());
    }
}

/// Listens until the connection breaks or the listener stops. Throws when there was no connection to begin
/// with.
void ChangeListener::listen() {
    auto connection = PgConnection::connect(conninfo_, Clock::now() + connect_timeout_);
    connection.exec(listen_, Clock::now() + connect_timeout_);
    events_.listening();
    try {
        auto heartbeat_due = Clock::now() + kHeartbeatInterval;
        while (!stopping_) {
            connection.wait_for_notifications(std::min(heartbeat_due, Clock::now() + kStopInterval),
                                              events_.changed);
            if (Clock::now() < heartbeat_due) continue;
            const auto left = connection.exec(heartbeat_, Clock::now() + kHeartbeatTimeout);
            for (int row = 0; row < PQntuples(left.get()) && PQnfields(left.get()) > 0; ++row) {
                events_.changed(PQgetvalue(left.get(), row, 0));
            }
            heartbeat_due = Clock::now() + kHeartbeatInterval;
        }
    } catch (const Error&) {
        // Told below.
    }
    events_.lost();
}

void ChangeListener::pause(std::chrono::milliseconds time) const {
    const auto until = Clock::now() + time;
    while (!stopping_ && Clock::now() < until) {
        std::this_thread::sleep_until(std::min<Deadline>(until, Clock::now() + kStopInterval));
    }
}

}  // namespace coffer::storage
