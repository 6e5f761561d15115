#pragma once
// A PKCS#11 session. Used by one thread at a time.

#include <cstdint>
#include <utility>

#include "crypto/module.hpp"
#include "crypto/slot.hpp"

namespace coffer::crypto {

enum class SessionMode : std::uint8_t {
    read_only,   ///< may make session objects; cannot touch token objects
    read_write,  ///< may make and destroy token objects
};

/// Move-only. The destructor closes the session, never throws and never logs out: login belongs to the
/// process (AnchorSession), and one session that logged out would log out all others with it.
class Session {
public:
    /// Throws Pkcs11Error. `module` must outlive the session.
    [[nodiscard]] static Session open(const Module& module, SlotId slot, SessionMode mode);
    Session(Session&& other) noexcept;
    Session& operator=(Session&& other) noexcept;
    ~Session();

    [[nodiscard]] CK_SESSION_HANDLE handle() const noexcept { return handle_; }
    [[nodiscard]] CK_FUNCTION_LIST& functions() const noexcept { return *functions_; }
    /// Whether the token holds the user's login now (CKS_RO_USER_FUNCTIONS or CKS_RW_USER_FUNCTIONS). Throws
    /// Pkcs11Error when the session is gone.
    [[nodiscard]] bool user_logged_in() const;

private:
    Session(CK_FUNCTION_LIST& functions, CK_SESSION_HANDLE handle) noexcept
        : functions_(&functions), handle_(handle) {}
    void close() noexcept;

    CK_FUNCTION_LIST* functions_;
    CK_SESSION_HANDLE handle_ = CK_INVALID_HANDLE;
};

}  // namespace coffer::crypto
