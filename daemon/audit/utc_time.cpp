#include "daemon/audit/utc_time.hpp"

#include <array>
#include <chrono>
#include <cstdio>

namespace coffer::audit {

namespace {

namespace chr = std::chrono;

std::string format(Timestamp time, bool with_millis) {
    const chr::sys_time<chr::milliseconds> moment{chr::milliseconds(time.millis())};
    const auto day = chr::floor<chr::days>(moment);
    const chr::year_month_day date(day);
    const chr::hh_mm_ss<chr::milliseconds> clock(moment - day);
    std::array<char, 64> text{};
    const int size =
        std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d",
                      static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                      static_cast<unsigned>(date.day()), static_cast<int>(clock.hours().count()),
                      static_cast<int>(clock.minutes().count()), static_cast<int>(clock.seconds().count()));
    std::string out(text.data(), static_cast<std::size_t>(size));
    if (with_millis) {
        const auto millis = std::to_string(1000 + clock.subseconds().count());
        out += "." + millis.substr(1);
    }
    return out + "Z";
}

/// Reads `digits` decimal digits at `at` and moves on; nothing when there are others.
std::optional<int> number(std::string_view text, std::size_t& at, std::size_t digits) noexcept {
    if (text.size() < at + digits) return std::nullopt;
    int value = 0;
    for (std::size_t i = 0; i < digits; ++i, ++at) {
        if (text[at] < '0' || text[at] > '9') return std::nullopt;
        value = value * 10 + (text[at] - '0');
    }
    return value;
}

bool literal(std::string_view text, std::size_t& at, char c) noexcept {
    if (at >= text.size() || text[at] != c) return false;
    ++at;
    return true;
}

std::optional<chr::sys_days> parse_date(std::string_view text, std::size_t& at) noexcept {
    const auto year = number(text, at, 4);
    if (!year || !literal(text, at, '-')) return std::nullopt;
    const auto month = number(text, at, 2);
    if (!month || !literal(text, at, '-')) return std::nullopt;
    const auto day = number(text, at, 2);
    if (!day || *year < 1970) return std::nullopt;
    const chr::year_month_day date{chr::year(*year), chr::month(static_cast<unsigned>(*month)),
                                   chr::day(static_cast<unsigned>(*day))};
    if (!date.ok()) return std::nullopt;
    return chr::sys_days(date);
}

std::optional<chr::milliseconds> parse_fraction(std::string_view text, std::size_t& at) noexcept {
    if (!literal(text, at, '.')) return chr::milliseconds(0);
    int value = 0;
    std::size_t digits = 0;
    for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at, ++digits) {
        value = value * 10 + (text[at] - '0');
        if (digits == 3) return std::nullopt;
    }
    if (digits == 0) return std::nullopt;
    for (; digits < 3; ++digits) value *= 10;
    return chr::milliseconds(value);
}

}  // namespace

std::string utc_seconds(Timestamp time) {
    return format(time, false);
}
std::string utc_millis(Timestamp time) {
    return format(time, true);
}

std::optional<Timestamp> parse_utc(std::string_view text) noexcept {
    std::size_t at = 0;
    const auto date = parse_date(text, at);
    if (!date) return std::nullopt;
    auto moment = chr::sys_time<chr::milliseconds>(*date);
    if (at < text.size()) {
        if (!literal(text, at, 'T')) return std::nullopt;
        const auto hour = number(text, at, 2);
        if (!hour || !literal(text, at, ':')) return std::nullopt;
        const auto minute = number(text, at, 2);
        if (!minute || !literal(text, at, ':')) return std::nullopt;
        const auto second = number(text, at, 2);
        if (!second || *hour > 23 || *minute > 59 || *second > 59) return std::nullopt;
        const auto fraction = parse_fraction(text, at);
        if (!fraction || !literal(text, at, 'Z') || at != text.size()) return std::nullopt;
        moment += chr::hours(*hour) + chr::minutes(*minute) + chr::seconds(*second) + *fraction;
    }
    return Timestamp::from_millis(moment.time_since_epoch().count());
}

}  // namespace coffer::audit
