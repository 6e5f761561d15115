#pragma once
// What a secret's seal is computed over, stated once. Internal to storage/.

#include <array>
#include <cstddef>

#include "daemon/base/bytes.hpp"
#include "storage/master_key_repository.hpp"
#include "storage/records.hpp"
#include "storage/secret_parts.hpp"

namespace coffer::storage {

/// The canonical encoding ("coffer/seal/secret/v1") of the secret's columns, its tags in their order, its
/// revision, and each version (by creation, then id) with its metadata and its labels in their order. The
/// days of the last reads are left out: reads do not write sealed rows. With unique ids of the resource
/// policy's principals: "coffer/seal/secret/v5" over all of that as bytes, then ARN and id of each.
[[nodiscard]] Bytes secret_seal_message(const StoredSecret& secret);

/// The same, part after part: one buffer, and where each part ends in it.
struct SecretPartMessages {
    Bytes encoded;
    std::array<std::size_t, kSecretParts> ends{};
};
[[nodiscard]] SecretPartMessages secret_part_messages(const StoredSecret& secret);

/// The same ("coffer/seal/master-keys/v1") over all generations, by id and generation.
[[nodiscard]] Bytes master_keys_seal_message(const std::vector<StoredMasterKey>& keys);

/// The same ("coffer/seal/master-keys/v2") over the set's number, all generations, and the settings by id.
[[nodiscard]] Bytes master_keys_seal_message(const StoredMasterKeys& keys);

}  // namespace coffer::storage
