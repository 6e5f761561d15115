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

/// `text` fit for an error message or a log line: at most `max_characters` characters ("..." follows when
/// some were cut), control characters and malformed bytes replaced by '?'.
[[nodiscard]] std::string printable(std::string_view text, std::size_t max_characters);

}  // namespace coffer::proto
