#pragma once
// Times as signatures have them: ISO 8601's basic format, in UTC and whole seconds.

#include <optional>
#include <string>
#include <string_view>

#include "daemon/base/time.hpp"

namespace coffer::aws {

/// "20150830T123600Z". `time` is of the years 1970 to 9999.
[[nodiscard]] std::string basic_time(Timestamp time);

/// Reads "20150830T123600Z"; nothing for any other text.
[[nodiscard]] std::optional<Timestamp> parse_basic_time(std::string_view text) noexcept;

/// "Sun, 30 Aug 2015 12:36:00 GMT", as the header Date has it (RFC 9110, 5.6.7).
[[nodiscard]] std::string http_date(Timestamp time);

/// Reads that form; nothing for any other text.
[[nodiscard]] std::optional<Timestamp> parse_http_date(std::string_view text);

}  // namespace coffer::aws
