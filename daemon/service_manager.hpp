#pragma once
// What systemd is told (sd_notify(3)); without systemd, nothing is said to nobody.

#include <chrono>
#include <optional>
#include <string>

namespace coffer::daemon {

/// Thread-safe.
class ServiceManager {
public:
    void ready(const std::string& status) const;
    void stopping() const;
    void reloading() const;
    void status(const std::string& text) const;
    void alive() const;

    /// How often `alive` must be said: half of what systemd waits for; nothing when it does not watch.
    [[nodiscard]] static std::optional<std::chrono::microseconds> watchdog_interval();
};

}  // namespace coffer::daemon
