#pragma once
// Reading files that hold a PIN or a private key.

#include <cstddef>
#include <filesystem>
#include <string_view>

#include "crypto/secret_bytes.hpp"

namespace coffer::crypto {

/// The first `size_max` bytes of a file that is as private as daemon/base/private_file_rule.hpp wants it.
/// `kind` names the file in errors ("PIN file"). Throws Error.
[[nodiscard]] SecretBytes read_private_file(const std::filesystem::path& file, std::string_view kind,
                                            std::size_t size_max);

}  // namespace coffer::crypto
