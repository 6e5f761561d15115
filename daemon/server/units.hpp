#pragma once
// Durations and sizes as people write them in a configuration: "500ms", "30s", "32MiB".

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace coffer::server {

inline constexpr std::chrono::milliseconds kTenMs{10};
inline constexpr std::chrono::milliseconds kOneMinute{60'000};
inline constexpr std::chrono::milliseconds kOneHour{60 * kOneMinute};
inline constexpr std::chrono::milliseconds kOneDay{24 * kOneHour};
inline constexpr std::uint64_t kKiB = 1024;
inline constexpr std::uint64_t kMiB = 1024 * kKiB;
inline constexpr std::uint64_t kGiB = 1024 * kMiB;

/// A whole number and a unit of ms, s, m, h or d, e.g. "500ms"; nothing for any other text or beyond 100
/// years.
[[nodiscard]] std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) noexcept;

/// The longest unit that shows `value` as a whole number: "30s", "1500ms".
[[nodiscard]] std::string duration_text(std::chrono::milliseconds value);

/// A whole number of bytes, with a unit of B, KiB, MiB or GiB or none; nothing for any other text or beyond
/// 2^62.
[[nodiscard]] std::optional<std::uint64_t> parse_size(std::string_view text) noexcept;

inline constexpr std::int64_t kMillionths = 1'000'000;

/// A decimal number with at most nine digits before the point and six after it, without a sign, in
/// millionths: "0.05" is 50,000. Nothing for any other text.
[[nodiscard]] std::optional<std::int64_t> parse_millionths(std::string_view text) noexcept;

/// The largest unit that shows `bytes` as a whole number: "32MiB", "1000B".
[[nodiscard]] std::string size_text(std::uint64_t bytes);

}  // namespace coffer::server
