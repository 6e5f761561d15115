#pragma once
// Code points as escapes write them, and as bytes.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace coffer::rotation {

/// The number that the first `digits` characters of `text` write in hexadecimal; nothing when they do not.
[[nodiscard]] std::optional<std::uint32_t> hex_code(std::string_view text, std::size_t digits) noexcept;

struct ReadCodePoint {
    std::uint32_t code_point = 0;
    /// Of the text that was read.
    std::size_t size = 0;
};

/// What stands behind "\u": four digits (which must be there), and with another "\u....", where both are a
/// pair, that one as well. Half of a pair stands for itself.
[[nodiscard]] ReadCodePoint read_utf16(std::string_view behind) noexcept;

/// As UTF-8, at most four bytes; returns how many. Surrogates are written as UTF-8 would have them.
std::size_t write_code_point(std::uint32_t code_point, char* to) noexcept;

}  // namespace coffer::rotation
