#pragma once
// Which part of a secret was altered. The seal covers all parts as one and only says whether all are as they
// were; for the person who has to find out what happened, a digest of each part lies beside it. The digests
// are not keyed and nothing is decided by them: they are a hint, which whoever altered the row may have
// altered too.

#include <cstdint>
#include <optional>
#include <vector>

#include "daemon/base/bytes.hpp"
#include "storage/records.hpp"

namespace coffer::storage {

/// The parts, in the order of their digests. Together they are what the seal covers.
enum class SecretPart : std::uint8_t {
    identity,     ///< row id, name, ARN, time and token of the creation
    description,  ///< description and KMS key id
    change,       ///< time of the last change, revision
    deletion,
    tags,
    policy,
    rotation,
    versions,  ///< ids, times, kinds and master keys; not the values, which authenticate themselves
    labels
};
inline constexpr std::size_t kSecretParts = 9;

/// What the column `part_digests` has of this secret, whose versions are in the order of the seal: one byte
/// of format, then 4 bytes (FNV-1a, big-endian) of each part.
[[nodiscard]] Bytes secret_part_digests(const StoredSecret& secret);

/// The parts that are not as `digests` has them; nothing when `digests` are none that this version reads.
[[nodiscard]] std::optional<std::vector<SecretPart>> parts_that_differ(const StoredSecret& secret,
                                                                       ByteView digests);

}  // namespace coffer::storage
