#pragma once
// Finding one's way in the set of master keys as the database has it: names, ids, the newest generation.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/secrets/secret_ref.hpp"
#include "storage/master_key_repository.hpp"

namespace coffer::keys {

/// "arn:aws:kms:REGION:ACCOUNT:key/ID".
[[nodiscard]] std::string key_arn(const secrets::NodeIdentity& node, const Uuid& key);

/// The key that a KeyId names: alias/NAME, a key id, or the ARN of either; nothing or "": `default_key`.
/// Nothing when there is no such key.
[[nodiscard]] std::optional<Uuid> find_key(const storage::StoredMasterKeys& keys, std::string_view key_id,
                                           const Uuid& default_key);

/// NAME of alias/NAME; empty when there is no such key.
[[nodiscard]] std::string name_of(const storage::StoredMasterKeys& keys, const Uuid& key);
/// 0 when there is no such key.
[[nodiscard]] std::uint32_t newest_of(const storage::StoredMasterKeys& keys, const Uuid& key);
/// Oldest first.
[[nodiscard]] std::vector<storage::StoredMasterKey> generations_of(const storage::StoredMasterKeys& keys,
                                                                   const Uuid& key);
/// What is decided about the key; as for a new one when nothing was yet.
[[nodiscard]] storage::StoredMasterKeySettings settings_of(const storage::StoredMasterKeys& keys,
                                                           const Uuid& key);
/// Of all keys, each once, by name.
[[nodiscard]] std::vector<Uuid> key_ids(const storage::StoredMasterKeys& keys);
/// Whether something may still be wrapped under an older generation than the newest.
[[nodiscard]] bool needs_rewrap(const storage::StoredMasterKeys& keys, const Uuid& key);

}  // namespace coffer::keys
