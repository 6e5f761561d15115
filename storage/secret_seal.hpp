#pragma once
// What a secret's seal is computed over, stated once. Internal to storage/.

#include "daemon/base/bytes.hpp"
#include "storage/master_key_repository.hpp"
#include "storage/records.hpp"

namespace coffer::storage {

/// The canonical encoding ("coffer/seal/secret/v1") of the secret's columns, its tags in their order, its
/// revision, and each version (by creation, then id) with its metadata and its labels in their order. The
/// days of the last reads are left out: reads do not write sealed rows.
[[nodiscard]] Bytes secret_seal_message(const StoredSecret& secret);

/// The same ("coffer/seal/master-keys/v1") over all generations, by id and generation.
[[nodiscard]] Bytes master_keys_seal_message(const std::vector<StoredMasterKey>& keys);

/// The same ("coffer/seal/master-keys/v2") over the set's number, all generations, and the settings by id.
[[nodiscard]] Bytes master_keys_seal_message(const StoredMasterKeys& keys);

}  // namespace coffer::storage
