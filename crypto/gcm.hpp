#pragma once
// One AES-256-GCM call in the token (PKCS#11 2.40 mechanisms, 2.12.4), for each of the three ways in which
// tokens want or make IVs.

#include <cstddef>
#include <span>

#include "crypto/profile.hpp"
#include "crypto/session.hpp"
#include "daemon/base/bytes.hpp"

namespace coffer::crypto {

inline constexpr std::size_t kGcmTagBytes = 16;
/// The IV that we make, and that GCM is specified around (NIST SP 800-38D, 5.2.1.1).
inline constexpr std::size_t kGcmIvBytes = 12;
/// The longest IV that a token may make.
inline constexpr std::size_t kGcmIvBytesMax = 16;

/// Encrypts and appends IV, ciphertext and tag to `out`. `iv_bytes` is the length of the token's IVs. Throws
/// Pkcs11Error; Error when the token does not treat IVs as `mode` says, since a repeated IV breaks GCM.
void gcm_encrypt(const Session& session, CK_OBJECT_HANDLE key, IvMode mode, std::size_t iv_bytes,
                 ByteView aad, ByteView plaintext, Bytes& out);

/// How long the token's IVs are, found out by encrypting nothing under `key`.
[[nodiscard]] std::size_t measure_iv_bytes(const Session& session, CK_OBJECT_HANDLE key, IvMode mode);

/// Decrypts `stored` (IV of `iv_bytes`, ciphertext, tag; as long as those at least) into the beginning of
/// `out`, which has room for ciphertext and tag: SoftHSM2 wants as much. Returns the plaintext's length.
/// Throws Pkcs11Error.
[[nodiscard]] std::size_t gcm_decrypt(const Session& session, CK_OBJECT_HANDLE key, std::size_t iv_bytes,
                                      ByteView aad, ByteView stored, std::span<std::uint8_t> out);

}  // namespace coffer::crypto
