#pragma once
// Base64url as JSON Web Tokens have it (RFC 7515, section 2), read strictly: one text for one sequence of
// bytes.

#include <optional>
#include <string_view>

#include "crypto/secret_bytes.hpp"

namespace coffer::sts {

/// Nothing for a text that base64url_size() (daemon/base/base64url.hpp) does not take.
[[nodiscard]] std::optional<crypto::SecretBytes> decode_base64url(std::string_view text);

}  // namespace coffer::sts
