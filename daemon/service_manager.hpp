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
    /// `within`: how long the end may take, from now on.
    void stopping(std::chrono::milliseconds within) const;
    void reloading() const;
    /// Before each step of a start, and at each try of what is waited for. The start may take as long as it
    /// takes: it has failed only when nothing more is said `within` that time (and after the unit's
    /// TimeoutStartSec=).
    void starting(const std::string& step, std::chrono::milliseconds within) const;
    void alive() const;

    /// How often `alive` must be said: half of what systemd waits for; nothing when it does not watch.
    [[nodiscard]] static std::optional<std::chrono::microseconds> watchdog_interval();
};

}  // namespace coffer::daemon
