#pragma once
// Reading files that hold a PIN or a private key.

#include <cstddef>
#include <filesystem>
#include <string_view>

#include "crypto/secret_bytes.hpp"

namespace coffer::crypto {

/// The first `size_max` bytes of a regular file that neither group nor others may read or write, owned by
/// this user or by root. `kind` names the file in errors ("PIN file"). Throws Error.
[[nodiscard]] SecretBytes read_private_file(const std::filesystem::path& file, std::string_view kind,
                                            std::size_t size_max);

}  // namespace coffer::crypto
