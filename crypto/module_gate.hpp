#pragma once
// Who may be inside libp11: many users at once, or one that takes everything apart.

#include <mutex>
#include <shared_mutex>

namespace coffer::crypto {

/// A shared mutex whose exclusive side is not starved: new users wait behind one who wants exclusion. (The
/// C library's prefers users, and handshakes under load would keep a recovery waiting for ever.)
class ModuleGate {
public:
    [[nodiscard]] std::shared_lock<std::shared_mutex> shared() {
        const std::lock_guard turn(turnstile_);
        return std::shared_lock(users_);
    }
    [[nodiscard]] std::unique_lock<std::shared_mutex> exclusive() {
        const std::lock_guard turn(turnstile_);
        return std::unique_lock(users_);
    }

private:
    std::mutex turnstile_;
    std::shared_mutex users_;
};

}  // namespace coffer::crypto
