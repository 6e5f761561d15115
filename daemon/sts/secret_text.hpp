#pragma once
// The form of secret access keys: 40 characters of base 64.

#include "crypto/secret_bytes.hpp"
#include "daemon/base/bytes.hpp"

namespace coffer::sts {

/// Random bytes that a secret access key is made of.
inline constexpr std::size_t kSecretRandomBytes = 30;
/// Its characters.
inline constexpr std::size_t kSecretCharacters = 40;

/// The first 30 of `random` (there are as many at least) in base 64 (RFC 4648, section 4), which needs no
/// padding.
[[nodiscard]] crypto::SecretBytes secret_text(ByteView random);

}  // namespace coffer::sts
