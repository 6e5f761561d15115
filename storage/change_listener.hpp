#pragma once
// Hears from PostgreSQL what changed, through whichever node, on a connection and a thread of its own.

#include <atomic>
#include <functional>
#include <string>
#include <string_view>
#include <thread>

#include "storage/database.hpp"
#include "storage/pg_connection.hpp"

namespace coffer::storage {

/// What a listener tells, on its thread.
struct ChangeEvents {
    /// From here on every change is told. What happened before may have been missed.
    std::function<void()> listening;
    /// From here on changes may be missed.
    std::function<void()> lost;
    /// What the channel's triggers say: of secrets the name of one that changed, empty when any may have; of
    /// the directory of principals nothing.
    std::function<void(const std::string& payload)> changed;
};

/// What the migrations' triggers notify.
inline constexpr std::string_view kSecretChannel = "coffer_secret_changed";
inline constexpr std::string_view kIamChannel = "coffer_iam_changed";
inline constexpr std::string_view kMasterKeyChannel = "coffer_master_keys_changed";

/// Of secrets it also looks once a second for changes of nodes that may have died before they told.
/// Reconnects by itself until it is destroyed. A connection that died silently is noticed by a heartbeat,
/// within kHeartbeatInterval + kHeartbeatTimeout.
class ChangeListener {
public:
    static constexpr std::chrono::milliseconds kHeartbeatInterval{1000};
    static constexpr std::chrono::milliseconds kHeartbeatTimeout{2000};

    /// `channel` is one of those above.
    ChangeListener(const DatabaseConfig& config, std::string_view channel, ChangeEvents events);
    ~ChangeListener();
    ChangeListener(const ChangeListener&) = delete;
    ChangeListener& operator=(const ChangeListener&) = delete;

private:
    void run();
    void listen();
    void pause(std::chrono::milliseconds time) const;

    const std::string conninfo_;
    const std::string listen_;
    const std::string heartbeat_;
    const std::chrono::milliseconds connect_timeout_;
    const ChangeEvents events_;
    std::atomic<bool> stopping_{false};
    std::thread thread_;
};

}  // namespace coffer::storage
