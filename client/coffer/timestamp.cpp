#include "client/coffer/timestamp.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <cstdint>
#include <ctime>

namespace coffer::cli {

namespace {

constexpr std::int64_t kMicrosPerSecond = 1'000'000;

std::tm local_time(std::time_t seconds) {
    std::tm parts{};
    ::localtime_r(&seconds, &parts);
    return parts;
}

}  // namespace

std::string iso_8601(double epoch_seconds) {
    const std::int64_t micros = std::llround(epoch_seconds * static_cast<double>(kMicrosPerSecond));
    const std::int64_t fraction = ((micros % kMicrosPerSecond) + kMicrosPerSecond) % kMicrosPerSecond;
    const std::tm t = local_time((micros - fraction) / kMicrosPerSecond);
    const long offset = std::abs(t.tm_gmtoff) / 60;
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}{}{}{:02}:{:02}", t.tm_year + 1900, t.tm_mon + 1,
                       t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec,
                       fraction == 0 ? "" : fmt::format(".{:06}", fraction), t.tm_gmtoff < 0 ? '-' : '+',
                       offset / 60, offset % 60);
}

std::string short_time(double epoch_seconds) {
    const std::tm t = local_time(static_cast<std::time_t>(epoch_seconds));
    return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}", t.tm_year + 1900, t.tm_mon + 1, t.tm_mday, t.tm_hour,
                       t.tm_min);
}

namespace {

/// "90m", "24h", "7d" in seconds.
std::optional<double> parse_age(std::string_view text) {
    constexpr std::int64_t kMost = 1'000'000;
    std::int64_t count = 0;
    const auto* end = text.data() + text.size();
    const auto [at, error] = std::from_chars(text.data(), end, count);
    if (error != std::errc{} || count < 0 || count > kMost || at + 1 != end) return std::nullopt;
    const auto number = static_cast<double>(count);
    if (*at == 'm') return number * 60;
    if (*at == 'h') return number * 3600;
    if (*at == 'd') return number * 86'400;
    return std::nullopt;
}

}  // namespace

std::optional<double> parse_time(std::string_view text, double now) {
    if (const auto age = parse_age(text)) return now - *age;
    const std::string copy(text);
    for (const auto* form : {"%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ"}) {
        std::tm parts{};
        const auto* end = ::strptime(copy.c_str(), form, &parts);
        if (end == copy.c_str() + copy.size()) return static_cast<double>(::timegm(&parts));
    }
    return std::nullopt;
}

std::string utc_date(double epoch_seconds) {
    const auto seconds = static_cast<std::time_t>(epoch_seconds);
    std::tm t{};
    ::gmtime_r(&seconds, &t);
    return fmt::format("{:04}-{:02}-{:02}", t.tm_year + 1900, t.tm_mon + 1, t.tm_mday);
}

std::string short_date(double epoch_seconds) {
    return short_time(epoch_seconds).substr(0, 10);
}

}  // namespace coffer::cli
