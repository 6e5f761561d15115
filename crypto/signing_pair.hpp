#pragma once
// What a pair of keys that signs is in a token, whatever it is for.

#include <array>
#include <cstdint>
#include <string_view>

#include "crypto/attributes.hpp"

namespace coffer::crypto {

/// DER of the OID 1.2.840.10045.3.1.7 (prime256v1; SEC 2, 2.4.2): CKA_EC_PARAMS of P-256.
inline constexpr std::array<std::uint8_t, 10> kP256Params = {0x06, 0x08, 0x2a, 0x86, 0x48,
                                                             0xce, 0x3d, 0x03, 0x01, 0x07};

/// A token object for signing alone, SENSITIVE and not EXTRACTABLE. `label`, which must outlive the template,
/// is its CKA_ID as well.
void describe_private_half(Template& key, std::string_view label);
/// The half that everybody may read, for verifying alone.
void describe_public_half(Template& key, std::string_view label);

}  // namespace coffer::crypto
