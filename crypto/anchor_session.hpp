#pragma once
// The login, which belongs to the process and not to a session.

#include <array>
#include <cstdint>
#include <optional>

#include "crypto/pin_source.hpp"
#include "crypto/session.hpp"
#include "daemon/base/errors.hpp"

namespace coffer::crypto {

/// The token did not take the PIN, or must not be asked. An operator has to act.
class PinRefused : public Error {
public:
    using Error::Error;
};

/// Remembers the PIN that the token refused, as a salted hash, so that it is not tried a second time: a token
/// locks after a few wrong tries. Lives as long as the process talks to the token. Not thread-safe.
class PinGuard {
public:
    PinGuard();
    /// Throws PinRefused when `pin` is the one that was refused.
    void require_untried(const SecretBytes& pin, const PinSource& source) const;
    void refused(const SecretBytes& pin);
    void accepted() noexcept { refused_.reset(); }

private:
    using Digest = std::array<std::uint8_t, 32>;
    [[nodiscard]] Digest digest(const SecretBytes& pin) const;

    Digest salt_{};
    std::optional<Digest> refused_;
};

/// A login that outlives every other session of the process (PKCS#11 2.40, 6.7.4: login state is shared by
/// all sessions of an application with a token). Closing the last session logs everybody out, so the anchor
/// is opened first and closed last.
class AnchorSession {
public:
    /// Opens a session and logs in, with one try. CKR_USER_ALREADY_LOGGED_IN is success. Throws PinRefused
    /// when the token's flags say that the PIN is locked or that a wrong one would lock it, when this PIN was
    /// refused before, and when the token refuses it now; Pkcs11Error for everything else.
    [[nodiscard]] static AnchorSession open(const Module& module, SlotId slot, const PinSource& pin,
                                            PinGuard& guard, SessionMode mode = SessionMode::read_only);

    /// Opens a session that relies on the login that the process has. Throws Pkcs11Error with
    /// CKR_USER_NOT_LOGGED_IN when it has none any more.
    [[nodiscard]] static AnchorSession adopt(const Module& module, SlotId slot);

    [[nodiscard]] Session& session() noexcept { return session_; }
    [[nodiscard]] const Session& session() const noexcept { return session_; }

private:
    explicit AnchorSession(Session session) noexcept : session_(std::move(session)) {}
    Session session_;
};

}  // namespace coffer::crypto
