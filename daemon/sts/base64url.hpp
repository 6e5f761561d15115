#pragma once
// Base64url as JSON Web Tokens have it (RFC 7515, section 2), read strictly: one text for one sequence of
// bytes.

#include <optional>
#include <string_view>

#include "crypto/secret_bytes.hpp"

namespace coffer::sts {

/// RFC 4648, section 5, without padding. Nothing for a text with other characters ('=', blanks and line ends
/// among them), of a length that none can have, or with bits set behind the last byte.
[[nodiscard]] std::optional<crypto::SecretBytes> decode_base64url(std::string_view text);

}  // namespace coffer::sts
