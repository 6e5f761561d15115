#pragma once
// A payload whose plaintext is known, for telling altered data from a broken token.

#include "crypto/key_ring.hpp"
#include "crypto/profile.hpp"
#include "crypto/session.hpp"
#include "daemon/base/bytes.hpp"

namespace coffer::crypto {

/// Made once an epoch with the calls that every request uses. Modules answer an altered ciphertext with
/// codes that also mean a broken device (pkcs11_error.hpp); a canary that still opens on the same session
/// says that it is the data. Immutable after make().
class Canary {
public:
    /// Generates a data key, encrypts, wraps it under the newest generation of the first master key, reads it
    /// back, and signs as long a message as is ever signed with each seal key: all that serving needs. Throws
    /// Pkcs11Error; Error when the token does something else than it should.
    [[nodiscard]] static Canary make(const Session& session, const KeyRing& ring, const Profile& profile);

    /// Unwraps and decrypts it. Throws Pkcs11Error, of a class that calls for recovery, when that fails.
    void open(const Session& session, const KeyRing& ring) const;

    /// Throws Error when the token takes an altered ciphertext or wrapped key for good: such a token must not
    /// be used. For the start, since it provokes errors in the token.
    void require_tamper_detection(const Session& session, const KeyRing& ring) const;

    /// How long the token's GCM IVs are, in bytes.
    [[nodiscard]] std::size_t iv_bytes() const noexcept { return iv_bytes_; }

private:
    Canary() = default;
    [[nodiscard]] bool opens(const Session& session, const KeyRing& ring, ByteView wrapped,
                             ByteView stored) const;

    KeyWrap wrap_;
    MasterKeyRef master_;
    std::size_t iv_bytes_ = 0;
    Bytes wrapped_;
    Bytes stored_;
};

/// HMAC-SHA256 of `message` under `key`, in the token, into the 32 bytes of `out`. Throws Pkcs11Error.
void hmac_sha256(const Session& session, CK_OBJECT_HANDLE key, ByteView message, std::span<std::uint8_t> out);

}  // namespace coffer::crypto
