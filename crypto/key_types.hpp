#pragma once
// How keys are named outside the token.

#include <cstdint>
#include <string>

#include "daemon/base/bytes.hpp"
#include "daemon/base/strong.hpp"
#include "daemon/base/uuid.hpp"

namespace coffer::crypto {

struct MasterKeyIdTag {};
/// The id that all generations of a master key share (AWS's key id): a UUID.
using MasterKeyId = Strong<MasterKeyIdTag, Uuid>;

/// One generation of a master key. In the token its CKA_ID is the 16 bytes of the id followed by the
/// generation as 4 bytes big-endian, and its CKA_LABEL is "coffer/master/NAME/GENERATION".
struct MasterKeyRef {
    MasterKeyId id;
    std::uint32_t generation = 0;
    [[nodiscard]] auto operator<=>(const MasterKeyRef&) const = default;
};

/// A master key as the key ring knows it.
struct MasterKeyInfo {
    MasterKeyId id;
    std::string name;                     ///< NAME of alias/NAME
    std::uint32_t newest_generation = 0;  ///< wraps; all generations unwrap
};

/// One generation of the key pair that signs audit checkpoints.
struct AuditKeyInfo {
    std::uint32_t generation = 0;
    std::string public_key;  ///< SubjectPublicKeyInfo (RFC 5480) in PEM
};

}  // namespace coffer::crypto
