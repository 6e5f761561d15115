#pragma once
// What is given to the token's HMAC for the seal of a message.

#include <cstddef>
#include <span>

#include "crypto/session.hpp"
#include "daemon/base/bytes.hpp"

namespace coffer::crypto {

/// The longest input of one HMAC call, in bytes. Tokens limit it (AWS CloudHSM: 16,288 bytes). A constant and
/// not a token's own limit: a seal is stored, and every node, also one with another make of token that holds
/// the same keys, has to compute the same. A token that takes less in one call cannot be used; the canary
/// finds that at the start.
inline constexpr std::size_t kSealCallBytesMax = 4096;

/// The seal of `message` under `key`, into the 32 bytes of `out`:
///
///     up to kSealCallBytesMax bytes:  HMAC-SHA256(key, message)
///     longer:                         HMAC-SHA256(key, CanonicalEncoder("coffer/long-seal/v1")
///                                                          .bytes(SHA-256(message)))
///
/// No message is sealed that begins with the encoding of "coffer/long-seal/v1", so what is sealed for a long
/// message is never a short message's; nor with that of kDeriveDomain, whose HMACs are keys. Throws
/// Error for those, Pkcs11Error.
void compute_seal(const Session& session, CK_OBJECT_HANDLE key, ByteView message,
                  std::span<std::uint8_t> out);

/// The domain of Seals::derive.
inline constexpr std::string_view kDeriveDomain = "coffer/derive/v1";

}  // namespace coffer::crypto
