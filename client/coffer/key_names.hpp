#pragma once
// What people call a master key.

#include <string>

namespace coffer::cli {

/// As KeyId and KmsKeyId have it: a bare NAME means alias/NAME; key ids, ARNs and nothing stay as they are.
[[nodiscard]] std::string key_id_of(const std::string& key);

}  // namespace coffer::cli
