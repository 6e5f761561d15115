#pragma once
// Times as the AWS CLI shows them, and as people read them.

#include <optional>
#include <string>
#include <string_view>

namespace coffer::cli {

/// ISO 8601 in the local time zone with its offset, as the AWS CLI v2 does:
/// "2018-04-11T20:05:45.729000+00:00". Microseconds, rounded to the nearest, are left out when they are 0.
[[nodiscard]] std::string iso_8601(double epoch_seconds);

/// For tables: "2018-04-11 20:05", local time.
[[nodiscard]] std::string short_time(double epoch_seconds);

/// Epoch seconds of "2026-11-25", "2026-11-25T12:00:00Z" (UTC), or of
/// "90m", "24h", "7d" before `now`. Nothing for any other text.
[[nodiscard]] std::optional<double> parse_time(std::string_view text, double now);

/// For tables: "2018-04-11", local time.
[[nodiscard]] std::string short_date(double epoch_seconds);

/// "2018-04-11", UTC: for days that the daemon counts.
[[nodiscard]] std::string utc_date(double epoch_seconds);

}  // namespace coffer::cli
