#pragma once
// AES-256-GCM (OpenSSL) and base64url, for texts that the daemon gives away and reads again: pagination
// tokens, session tokens. What is stored is encrypted by the token (crypto/envelope.hpp).

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "daemon/base/bytes.hpp"

namespace coffer::secrets {

inline constexpr std::size_t kGcmIvBytes = 12;
inline constexpr std::size_t kGcmTagBytes = 16;

/// Ciphertext and tag. `key` has 32 bytes, `iv` 12; the same pair must never be used twice.
[[nodiscard]] Bytes gcm_seal(ByteView key, ByteView iv, ByteView plaintext, ByteView aad);
/// The plaintext; nothing for what gcm_seal() did not make of it with the same key, IV and AAD.
[[nodiscard]] std::optional<Bytes> gcm_open(ByteView key, ByteView iv, ByteView sealed, ByteView aad);

/// RFC 4648, section 5, without padding.
[[nodiscard]] std::string to_base64url(ByteView bytes);
/// Nothing for every text that to_base64url() does not make: a token has no second form
/// (daemon/base/base64url.hpp).
[[nodiscard]] std::optional<Bytes> from_base64url(std::string_view text);

}  // namespace coffer::secrets
