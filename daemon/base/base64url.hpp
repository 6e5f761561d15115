#pragma once
// Base64url (RFC 4648, section 5, without padding), read strictly: one text for one sequence of bytes, so
// that what is signed or sealed has no second form that is taken as well.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace coffer {

/// How many bytes the text stands for. Nothing for a text with other characters ('=', '+', '/', blanks and
/// line ends among them), of a length that none can have, or with bits set behind the last byte.
[[nodiscard]] std::optional<std::size_t> base64url_size(std::string_view text) noexcept;

/// Writes those bytes. `text` must be one that base64url_size() takes, `out` have exactly that size.
void read_base64url(std::string_view text, std::span<std::uint8_t> out) noexcept;

}  // namespace coffer
