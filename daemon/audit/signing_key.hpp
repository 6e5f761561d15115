#pragma once
// The public half of a generation of the key that signs checkpoints: how it is written, read and named.

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "daemon/audit/digest.hpp"

struct evp_pkey_st;

namespace coffer::audit {

/// Which key signs: what every checkpoint says.
struct SignerName {
    Digest id{};  ///< SHA-256 of the public key's SubjectPublicKeyInfo in DER
    std::uint32_t generation = 1;
    [[nodiscard]] bool operator==(const SignerName&) const = default;
};

struct SigningKey {
    SignerName name;
    Bytes public_key;  ///< SubjectPublicKeyInfo (RFC 5480) in DER
};

/// Generation `generation`, whose public half `pem` is. Throws Error when that is not one EC P-256 public key
/// in PEM.
[[nodiscard]] SigningKey signing_key(std::uint32_t generation, std::string_view pem);

/// The EC P-256 public keys in `pem` (SubjectPublicKeyInfo), in their order. Throws Error when there is none,
/// or one of another kind.
[[nodiscard]] std::vector<std::shared_ptr<evp_pkey_st>> public_keys_of_pem(std::string_view pem);
/// The same for one in DER.
[[nodiscard]] std::shared_ptr<evp_pkey_st> public_key_of_der(ByteView der);

/// SubjectPublicKeyInfo in DER. Throws Error when it cannot be encoded.
[[nodiscard]] Bytes public_key_der(const evp_pkey_st* key);
/// SignerName::id of a key. Throws the same.
[[nodiscard]] Digest key_id_of(const evp_pkey_st* key);

}  // namespace coffer::audit
