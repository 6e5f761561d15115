#pragma once
// What is given to the token's HMAC for the seal of a message, and how a seal is stored.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "crypto/session.hpp"
#include "daemon/base/bytes.hpp"

namespace coffer::crypto {

/// The longest input of one HMAC call, in bytes. Tokens limit it (AWS CloudHSM: 16,288 bytes). A constant and
/// not a token's own limit: a seal is stored, and every node, also one with another make of token that holds
/// the same keys, has to compute the same. A token that takes less in one call cannot be used; the canary
/// finds that at the start.
inline constexpr std::size_t kSealCallBytesMax = 4096;

/// Bytes of HMAC-SHA256.
inline constexpr std::size_t kMacBytes = 32;

/// A seal, taken apart: which generation of the seal key it was made with, and its HMAC.
///
///     generation 1:  32 bytes of HMAC, as before there were others
///     later ones:    generation, 4 bytes big-endian, then 32 bytes of HMAC
///
/// The generation is not part of what the HMAC is over: each has a key of its own, so that a seal under
/// another name than its own does not match.
struct SealParts {
    std::uint32_t generation = 1;
    ByteView mac;
};

/// Points into `seal`. Nothing for bytes that are no seal; there is one form for each generation.
[[nodiscard]] std::optional<SealParts> parse_seal(ByteView seal) noexcept;
/// The stored form. `mac` has kMacBytes.
[[nodiscard]] Bytes encode_seal(std::uint32_t generation, ByteView mac);

/// The HMAC of `message` under `key`, into the 32 bytes of `out`:
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
