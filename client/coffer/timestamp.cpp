#include "client/coffer/timestamp.hpp"

#include <fmt/format.h>

#include <cmath>
#include <cstdint>
#include <ctime>

namespace coffer::cli {

namespace {

constexpr std::int64_t kMicros = 1'000'000;

std::tm local_time(std::time_t seconds) {
    std::tm parts{};
    ::localtime_r(&seconds, &parts);
    return parts;
}

}  // namespace

std::string iso_8601(double epoch_seconds) {
    const std::int64_t micros = std::llround(epoch_seconds * static_cast<double>(kMicros));
    const std::int64_t fraction = ((micros % kMicros) + kMicros) % kMicros;
    const std::tm t = local_time((micros - fraction) / kMicros);
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

std::string short_date(double epoch_seconds) {
    return short_time(epoch_seconds).substr(0, 10);
}

}  // namespace coffer::cli
