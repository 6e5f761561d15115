#pragma once
// SHA-256 (FIPS 180-4) as the journal uses it: values of the hash chain, key ids, digests of what was cut.

#include <array>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/base/bytes.hpp"

namespace coffer::audit {

using Digest = std::array<std::uint8_t, 32>;

/// SHA-256 of the concatenation of `parts`. Throws Error when OpenSSL has no SHA-256.
[[nodiscard]] Digest sha256(std::initializer_list<ByteView> parts);
[[nodiscard]] inline Digest sha256(std::string_view text) {
    return sha256({as_bytes(text)});
}

/// 64 lower-case hexadecimal digits.
[[nodiscard]] std::string to_text(const Digest& digest);
/// Reads exactly 64 lower-case hexadecimal digits; nothing for any other text, so that a digest has one
/// spelling and a flipped bit in it never goes unnoticed.
[[nodiscard]] std::optional<Digest> digest_from_text(std::string_view text) noexcept;

/// The same for byte strings of any length: lower-case only, an even number of digits.
[[nodiscard]] std::optional<Bytes> strict_from_hex(std::string_view text);

}  // namespace coffer::audit
