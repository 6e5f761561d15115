#pragma once
// The device that the shim plays: the real module, and the sessions, logins and outages laid over it.

#include <p11-kit/pkcs11.h>

#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <shared_mutex>
#include <unordered_map>

#include "tests/hsm-shim/control_file.hpp"
#include "tests/hsm-shim/functions.hpp"
#include "tests/hsm-shim/stats.hpp"

namespace coffer::shim {

/// A GCM encryption under way whose IV the shim made.
struct OwnIv {
    std::array<CK_BYTE, 16> iv{};
    CK_ULONG size = 0;
    CK_BYTE_PTR written_back = nullptr;  ///< the caller's buffer; null: the IV goes behind the ciphertext
};

/// A session as callers see it. Like PKCS#11's own, used by one thread at a time.
struct Session {
    CK_SESSION_HANDLE real = 0;
    CK_SLOT_ID slot = 0;
    std::optional<OwnIv> own_iv;
    CK_MECHANISM_TYPE signing = 0;  ///< that of the last C_SignInit
};

/// Many calls at once, or one that nothing runs beside. One that waits for exclusion is not overtaken.
class CallGate {
public:
    [[nodiscard]] std::shared_lock<std::shared_mutex> shared();
    [[nodiscard]] std::unique_lock<std::shared_mutex> exclusive();

private:
    std::mutex turnstile_;
    std::shared_mutex calls_;
};

/// Thread-safe.
class Device {
public:
    /// The process's one device; made at the first call, and never destroyed, since calls may still be
    /// running when the process ends.
    [[nodiscard]] static Device& instance();

    /// What comes before a call is let through to the real module: it is counted, rules are read anew, a
    /// power cycle or a forgotten login happens if one is due, and the call is delayed as the rules say.
    /// Holds no lock while it waits. Nothing: the control file is broken.
    [[nodiscard]] std::shared_ptr<Rules> admit(std::size_t function);

    [[nodiscard]] CallGate& gate() noexcept { return gate_; }
    /// Null when the real module could not be loaded.
    [[nodiscard]] const CK_FUNCTION_LIST* real() const noexcept { return real_; }
    [[nodiscard]] Stats& stats() noexcept { return stats_; }

    // All below are called while the gate is held.

    /// The answer to every call during an outage.
    [[nodiscard]] std::optional<CK_RV> outage() const;
    /// C_Initialize or C_Finalize succeeded: all sessions are gone; an outage `until-initialize` ends.
    void module_restarted();

    /// Null when there is no such session, or it was lost.
    [[nodiscard]] std::shared_ptr<Session> find_session(CK_SESSION_HANDLE handle);
    [[nodiscard]] CK_SESSION_HANDLE add_session(CK_SESSION_HANDLE real, CK_SLOT_ID slot);
    void remove_session(CK_SESSION_HANDLE handle);
    void remove_sessions(CK_SLOT_ID slot);
    [[nodiscard]] std::size_t session_count();

    [[nodiscard]] bool login_forgotten(CK_SLOT_ID slot);
    void logged_in(CK_SLOT_ID slot);

    /// Object handles as callers see them name the power cycle they were got in, so that one from before it
    /// is invalid even when the real module's handles outlive it.
    [[nodiscard]] CK_OBJECT_HANDLE to_caller(CK_OBJECT_HANDLE real) const noexcept;
    [[nodiscard]] CK_OBJECT_HANDLE to_real(CK_OBJECT_HANDLE handle) const noexcept;

private:
    Device();
    [[nodiscard]] std::shared_ptr<Rules> refresh();
    void power_cycle(const PowerCycle& cycle);
    void forget_logins(std::uint64_t number);
    void drop_sessions();

    struct Outage {
        CK_RV code;
        std::optional<std::chrono::steady_clock::time_point> until;  ///< nothing: until the next C_Initialize
    };

    ControlFile control_;
    Stats stats_;
    const CK_FUNCTION_LIST* real_ = nullptr;
    CallGate gate_;
    std::atomic<std::uint64_t> power_cycle_seen_{0};
    std::atomic<std::uint64_t> forget_login_seen_{0};

    // Written under exclusion.
    std::optional<Outage> outage_;
    CK_ULONG generation_ = 1;

    std::mutex sessions_mutex_;
    std::unordered_map<CK_SESSION_HANDLE, std::shared_ptr<Session>> sessions_;
    CK_SESSION_HANDLE last_session_ = 0;
    std::set<CK_SLOT_ID> forgotten_;
};

}  // namespace coffer::shim
