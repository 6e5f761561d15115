#include "daemon/aws/sigv4_time.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>

namespace coffer::aws {

namespace {

namespace chr = std::chrono;

constexpr std::array<std::string_view, 7> kDays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::array<std::string_view, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

/// The number in `text`, which has digits alone.
std::optional<unsigned> number(std::string_view text) noexcept {
    unsigned value = 0;
    for (const char c : text) {
        if (c < '0' || c > '9') return std::nullopt;
        value = value * 10 + static_cast<unsigned>(c - '0');
    }
    return value;
}

std::optional<Timestamp> moment(std::optional<unsigned> year, std::optional<unsigned> month,
                                std::optional<unsigned> day, std::optional<unsigned> hour,
                                std::optional<unsigned> minute, std::optional<unsigned> second) noexcept {
    if (!year || !month || !day || !hour || !minute || !second) return std::nullopt;
    const chr::year_month_day date{chr::year(static_cast<int>(*year)), chr::month(*month), chr::day(*day)};
    if (!date.ok() || *year < 1970 || *hour > 23 || *minute > 59 || *second > 59) return std::nullopt;
    const auto time = chr::sys_days(date) + chr::hours(*hour) + chr::minutes(*minute) + chr::seconds(*second);
    return Timestamp::from_millis(chr::milliseconds(time.time_since_epoch()).count());
}

struct Parts {
    chr::year_month_day date;
    chr::hh_mm_ss<chr::seconds> time;
    unsigned weekday = 0;
};

Parts parts_of(Timestamp time) {
    const chr::sys_time<chr::milliseconds> at{chr::milliseconds(time.millis())};
    const auto day = chr::floor<chr::days>(at);
    return {chr::year_month_day(day), chr::hh_mm_ss<chr::seconds>(chr::floor<chr::seconds>(at - day)),
            chr::weekday(day).c_encoding()};
}

}  // namespace

std::string basic_time(Timestamp time) {
    const auto [date, clock, weekday] = parts_of(time);
    return fmt::format("{:04}{:02}{:02}T{:02}{:02}{:02}Z", static_cast<int>(date.year()),
                       static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                       clock.hours().count(), clock.minutes().count(), clock.seconds().count());
}

std::optional<Timestamp> parse_basic_time(std::string_view text) noexcept {
    if (text.size() != 16 || text[8] != 'T' || text[15] != 'Z') return std::nullopt;
    return moment(number(text.substr(0, 4)), number(text.substr(4, 2)), number(text.substr(6, 2)),
                  number(text.substr(9, 2)), number(text.substr(11, 2)), number(text.substr(13, 2)));
}

std::string http_date(Timestamp time) {
    const auto [date, clock, weekday] = parts_of(time);
    return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT", kDays.at(weekday),
                       static_cast<unsigned>(date.day()), kMonths.at(static_cast<unsigned>(date.month()) - 1),
                       static_cast<int>(date.year()), clock.hours().count(), clock.minutes().count(),
                       clock.seconds().count());
}

std::optional<Timestamp> parse_http_date(std::string_view text) {
    if (text.size() != 29) return std::nullopt;
    const auto* month = std::ranges::find(kMonths, text.substr(8, 3));
    if (month == kMonths.end()) return std::nullopt;
    const auto time = moment(number(text.substr(12, 4)), static_cast<unsigned>(month - kMonths.begin()) + 1,
                             number(text.substr(5, 2)), number(text.substr(17, 2)),
                             number(text.substr(20, 2)), number(text.substr(23, 2)));
    // The rest of the text (weekday, blanks, colons, zone) is as it would be written, or it is another
    // format.
    if (!time || http_date(*time) != text) return std::nullopt;
    return time;
}

}  // namespace coffer::aws
