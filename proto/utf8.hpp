#pragma once
// UTF-8 as the schema's limits need it: is this text, and how many characters is it?

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace coffer::proto {

/// The number of Unicode code points of `text`; nothing when it is not well-formed UTF-8 (RFC 3629: no
/// overlong forms, no surrogates, nothing over U+10FFFF).
[[nodiscard]] std::optional<std::size_t> utf8_length(std::string_view text) noexcept;

/// Whether a terminal obeys the character instead of showing it, or shows what follows in another order: C0,
/// DEL, C1, the line and paragraph separators (U+2028, U+2029), and Unicode's property Bidi_Control (UAX #9).
[[nodiscard]] bool is_control(char32_t c) noexcept;

/// `text` fit for an error message or a log line: at most `max_characters` characters ("..." follows when
/// some were cut), control characters (is_control) and malformed bytes replaced by '?'.
[[nodiscard]] std::string printable(std::string_view text, std::size_t max_characters);

}  // namespace coffer::proto
