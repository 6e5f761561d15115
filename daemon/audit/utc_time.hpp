#pragma once
// Times as text in the journal and on the command line: UTC, RFC 3339.

#include <optional>
#include <string>
#include <string_view>

#include "daemon/base/time.hpp"

namespace coffer::audit {

/// "2026-11-25T12:09:30Z": CloudTrail's eventTime, whole seconds.
[[nodiscard]] std::string utc_seconds(Timestamp time);
/// "2026-11-25T12:09:30.123Z".
[[nodiscard]] std::string utc_millis(Timestamp time);
/// Reads "2026-11-25", "2026-11-25T12:09:30Z" or with a fraction of 1 to 3 digits; years 1970 to 9999.
/// Nothing for any other text.
[[nodiscard]] std::optional<Timestamp> parse_utc(std::string_view text) noexcept;

}  // namespace coffer::audit
