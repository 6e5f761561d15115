#include "daemon/rotation/schedule.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <numeric>
#include <span>
#include <vector>

namespace coffer::rotation {

namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::sys_days;

constexpr std::int64_t kMostDays = 1000;
constexpr std::int64_t kFewestHours = 4;
constexpr std::int64_t kHoursOfDay = 24;
/// 29 February comes back after eight years at the latest, as a certain day of the week within forty.
constexpr int kYearsLookedAhead = 44;

constexpr std::array<std::string_view, 12> kMonths{"JAN", "FEB", "MAR", "APR", "MAY", "JUN",
                                                   "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"};
constexpr std::array<std::string_view, 7> kWeekdays{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"};

[[noreturn]] void refuse(const std::string& what) {
    throw ScheduleError("RotationRules." + what);
}

[[noreturn]] void refuse_expression(const std::string& what) {
    refuse("ScheduleExpression " + what);
}

std::optional<std::int64_t> number_of(std::string_view text) {
    std::int64_t value = 0;
    const auto* end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data(), end, value);
    if (text.empty() || parsed.ec != std::errc{} || parsed.ptr != end || value < 0) return std::nullopt;
    return value;
}

std::vector<std::string_view> split_at(std::string_view text, char separator) {
    std::vector<std::string_view> parts;
    while (true) {
        const auto at = text.find(separator);
        parts.push_back(text.substr(0, at));
        if (at == std::string_view::npos) return parts;
        text.remove_prefix(at + 1);
    }
}

/// "f(x)" -> x; nothing unless the text is a call of `function`.
std::optional<std::string_view> argument_of(std::string_view text, std::string_view function) {
    if (!text.starts_with(function) || !text.ends_with(')')) return std::nullopt;
    text.remove_prefix(function.size());
    if (!text.starts_with('(')) return std::nullopt;
    return text.substr(1, text.size() - 2);
}

/// A field of a cron expression: its name for messages, the values it may have, and names for them.
struct FieldRules {
    std::string_view name;
    unsigned lowest;
    unsigned highest;
    std::span<const std::string_view> names{};
};

const FieldRules kHourField{"hours", 0, 23};
const FieldRules kDayField{"day of month", 1, 31};
const FieldRules kMonthField{"month", 1, 12, kMonths};
const FieldRules kWeekdayField{"day of week", 1, 7, kWeekdays};

unsigned value_of(std::string_view text, const FieldRules& rules) {
    const auto named = std::ranges::find(rules.names, text);
    if (named != rules.names.end()) return rules.lowest + static_cast<unsigned>(named - rules.names.begin());
    const auto number = number_of(text);
    if (!number || *number < rules.lowest || *number > rules.highest) {
        refuse_expression("has \"" + std::string(text) + "\" as its " + std::string(rules.name) +
                          "; that is " + std::to_string(rules.lowest) + " to " +
                          std::to_string(rules.highest) +
                          (rules.names.empty() ? "" : " or a name such as " + std::string(rules.names[0])));
    }
    return static_cast<unsigned>(*number);
}

/// Lists, ranges and steps: "1,15", "MON-FRI", "0/8", "2-20/6", "*".
template <std::size_t N>
std::bitset<N> values_of(std::string_view field, const FieldRules& rules) {
    std::bitset<N> values;
    for (const auto part : split_at(field, ',')) {
        const auto slash = part.find('/');
        const auto range = part.substr(0, slash);
        const auto dash = range.find('-');
        unsigned from = rules.lowest;
        unsigned to = rules.highest;
        if (range != "*" && !(range.empty() && slash != std::string_view::npos)) {
            from = value_of(range.substr(0, dash), rules);
            if (dash != std::string_view::npos) {
                to = value_of(range.substr(dash + 1), rules);
            } else if (slash == std::string_view::npos) {
                to = from;
            }
        }
        std::int64_t step = 1;
        if (slash != std::string_view::npos) {
            const auto number = number_of(part.substr(slash + 1));
            if (!number || *number < 1 || *number > rules.highest) {
                refuse_expression("has a step that is no number from 1 to " + std::to_string(rules.highest) +
                                  " in its " + std::string(rules.name) + ": \"" + std::string(part) + "\"");
            }
            step = *number;
        }
        if (from > to) {
            refuse_expression("has a range that ends before it begins in its " + std::string(rules.name) +
                              ": \"" + std::string(part) + "\"");
        }
        for (std::int64_t value = from; value <= to; value += step)
            values.set(static_cast<std::size_t>(value));
    }
    return values;
}

sys_days day_of(Timestamp time) {
    return std::chrono::floor<std::chrono::days>(
        std::chrono::sys_time<milliseconds>(milliseconds(time.millis())));
}

Timestamp at(sys_days day, std::int64_t hour) {
    return Timestamp::from_millis(std::chrono::milliseconds(day.time_since_epoch()).count()) + hours(hour);
}

std::int64_t parse_rate(std::string_view argument, bool& in_days) {
    const auto space = argument.find(' ');
    const auto number = number_of(argument.substr(0, space));
    const auto unit = space == std::string_view::npos ? std::string_view{} : argument.substr(space + 1);
    const bool one = number == 1;
    in_days = unit == (one ? "day" : "days");
    const bool in_hours = unit == (one ? "hour" : "hours");
    if (!number || !(in_days || in_hours)) {
        refuse_expression(
            "is no rate: write rate(N hours), rate(1 day) or rate(N days), such as rate(30 days)");
    }
    if (in_days && (*number < 1 || *number > kMostDays))
        refuse_expression("must be a rate of 1 to 1000 days");
    if (in_hours && (*number < kFewestHours || *number > kMostDays * kHoursOfDay)) {
        refuse_expression("must be a rate of at least 4 hours, and at most 24000");
    }
    return *number;
}

std::optional<hours> parse_duration(const std::optional<std::string>& text) {
    if (!text) return std::nullopt;
    const auto number =
        text->ends_with('h') ? number_of(std::string_view(*text).substr(0, text->size() - 1)) : std::nullopt;
    if (!number || *number < 1 || *number > kHoursOfDay) {
        refuse("Duration must be 1h to 24h, the hours that a rotation may begin in; it is \"" + *text + "\"");
    }
    return hours(*number);
}

}  // namespace

Schedule::Cron Schedule::parse_cron(std::string_view fields) {
    std::vector<std::string_view> parts;
    for (const auto part : split_at(fields, ' ')) {
        if (!part.empty()) parts.push_back(part);
    }
    if (parts.size() != 6) {
        refuse_expression(
            "must have six fields: cron(0 HOURS DAY-OF-MONTH MONTH DAY-OF-WEEK *), such as "
            "cron(0 2 ? * SUN *); it has " +
            std::to_string(parts.size()));
    }
    if (parts[0] != "0") refuse_expression("must have 0 as its minutes: windows open on the hour");
    if (parts[5] != "*") refuse_expression("must have * as its year");
    Cron cron;
    cron.hours = values_of<24>(parts[1], kHourField);
    cron.months = values_of<13>(parts[3], kMonthField);
    const auto day = parts[2];
    const auto weekday = parts[4];
    if ((day == "?") == (weekday == "?")) {
        refuse_expression(
            "must have ? as either its day of month or its day of week, and a value as the other");
    }
    cron.by_week = day == "?";
    if (!cron.by_week) {
        cron.last = day == "L";
        if (!cron.last) cron.days = values_of<32>(day, kDayField);
        return cron;
    }
    if (const auto mark = weekday.find('#'); mark != std::string_view::npos) {
        const auto number = number_of(weekday.substr(mark + 1));
        if (!number || *number < 1 || *number > 5) {
            refuse_expression(
                "must have 1 to 5 behind the # of its day of week: TUE#2 is the second Tuesday");
        }
        cron.ordinal = static_cast<unsigned>(*number);
        cron.days.set(value_of(weekday.substr(0, mark), kWeekdayField));
    } else if (weekday.size() > 1 && weekday.ends_with('L')) {
        cron.last = true;
        cron.days.set(value_of(weekday.substr(0, weekday.size() - 1), kWeekdayField));
    } else if (weekday == "L") {
        cron.days.set(7);  // the week's last day
    } else {
        cron.days = values_of<32>(weekday, kWeekdayField);
    }
    return cron;
}

bool Schedule::falls_on(const Cron& cron, std::chrono::year_month_day date) {
    const auto month = static_cast<unsigned>(date.month());
    const auto day = static_cast<unsigned>(date.day());
    if (!cron.months.test(month)) return false;
    const std::chrono::year_month_day_last end(date.year(), std::chrono::month_day_last(date.month()));
    const auto last_day = static_cast<unsigned>(end.day());
    if (!cron.by_week) return cron.last ? day == last_day : cron.days.test(day);
    const auto weekday = std::chrono::weekday(sys_days(date)).c_encoding() + 1;
    if (!cron.days.test(weekday)) return false;
    constexpr unsigned kWeek = 7;
    if (cron.last) return day + kWeek > last_day;
    return !cron.ordinal || (day + kWeek - 1) / kWeek == *cron.ordinal;
}

std::optional<Timestamp> Schedule::next_opening(const Cron& cron, Timestamp base) {
    const auto first = day_of(base);
    constexpr int kDaysOfYear = 366;
    for (int ahead = 0; ahead < kYearsLookedAhead * kDaysOfYear; ++ahead) {
        const auto day = first + std::chrono::days(ahead);
        if (!falls_on(cron, std::chrono::year_month_day(day))) continue;
        for (std::int64_t hour = 0; hour < kHoursOfDay; ++hour) {
            if (cron.hours.test(static_cast<std::size_t>(hour)) && at(day, hour) > base) return at(day, hour);
        }
    }
    return std::nullopt;
}

void Schedule::check_cron(const Cron& cron) const {
    const auto begin = Timestamp::from_millis(0);
    const auto first = next_opening(cron, begin);
    if (!first) refuse_expression("names a date that never comes");
    auto opening = *first;
    const auto enough = opening + std::chrono::days(400);
    while (opening < enough) {
        const auto following = next_opening(cron, opening);
        if (!following) return;
        const auto gap = following->millis() - opening.millis();
        if (gap < milliseconds(hours(kFewestHours)).count()) {
            refuse_expression("rotates more often than every four hours, which is the limit");
        }
        if (duration_ && gap < milliseconds(*duration_).count()) {
            refuse("Duration reaches into the next window; the windows are " +
                   std::to_string(gap / milliseconds(hours(1)).count()) + " hours apart");
        }
        opening = *following;
    }
}

Schedule Schedule::parse(const ScheduleText& text) {
    auto schedule = stored(text);
    const auto* every = std::get_if<EveryHours>(&schedule.kind_);
    if (every == nullptr) return schedule;
    // Counted from 1970 the windows come to open at each multiple of this.
    const auto apart = std::gcd(every->hours, kHoursOfDay);
    if (schedule.duration_->count() > apart) {
        refuse("Duration reaches into the next day (UTC): with rate(" + std::to_string(every->hours) +
               " hours) some windows open " + std::to_string(apart) + (apart == 1 ? " hour" : " hours") +
               " before midnight, so that it is at most " + std::to_string(apart) + "h");
    }
    return schedule;
}

Schedule Schedule::stored(const ScheduleText& text) {
    if (text.automatically_after_days && text.expression) {
        throw ScheduleError("You cannot specify both rotation frequency and schedule expression together.");
    }
    Schedule schedule;
    schedule.duration_ = parse_duration(text.duration);
    if (text.automatically_after_days) {
        if (*text.automatically_after_days < 1 || *text.automatically_after_days > kMostDays) {
            refuse("AutomaticallyAfterDays must be within 1-1000.");
        }
        schedule.kind_ = EveryDays{*text.automatically_after_days};
        return schedule;
    }
    if (!text.expression) {
        throw ScheduleError(text.duration
                                ? "RotationRules.Duration is the length of a window: RotationRules must have "
                                  "AutomaticallyAfterDays or ScheduleExpression as well."
                                : "RotationRules must have AutomaticallyAfterDays or ScheduleExpression.");
    }
    if (const auto rate = argument_of(*text.expression, "rate")) {
        bool in_days = false;
        const auto number = parse_rate(*rate, in_days);
        if (in_days) {
            schedule.kind_ = EveryDays{number};
            return schedule;
        }
        if (schedule.duration_ && schedule.duration_->count() > number) {
            refuse("Duration must not be longer than the rate, " + std::to_string(number) + " hours");
        }
        if (!schedule.duration_) schedule.duration_ = hours(1);
        schedule.kind_ = EveryHours{number};
        return schedule;
    }
    const auto fields = argument_of(*text.expression, "cron");
    if (!fields)
        refuse_expression("must be rate(...) or cron(...), such as rate(30 days) or cron(0 2 ? * SUN *)");
    const auto cron = parse_cron(*fields);
    // A window of hours where it opens several times a day, else to the end of the day.
    if (!schedule.duration_ && cron.hours.count() > 1) schedule.duration_ = hours(1);
    schedule.check_cron(cron);
    if (schedule.duration_) {
        std::int64_t latest = kHoursOfDay - 1;
        while (!cron.hours.test(static_cast<std::size_t>(latest))) --latest;
        if (latest + schedule.duration_->count() > kHoursOfDay) {
            refuse("Duration reaches into the next day (UTC): the window opens at " + std::to_string(latest) +
                   ":00");
        }
    }
    schedule.kind_ = cron;
    return schedule;
}

Timestamp Schedule::opening_after(Timestamp base) const {
    if (const auto* days = std::get_if<EveryDays>(&kind_))
        return at(day_of(base) + std::chrono::days(days->days), 0);
    if (const auto* every = std::get_if<EveryHours>(&kind_)) {
        const auto period = milliseconds(hours(every->hours)).count();
        return Timestamp::from_millis((base.millis() / period + 1) * period);
    }
    return next_opening(std::get<Cron>(kind_), base).value();  // parse() saw that it comes again and again
}

Window Schedule::next(Timestamp base) const {
    const auto opens = opening_after(base);
    const auto end_of_day = Timestamp::from_millis(opens.day().millis() + kMillisPerDay);
    return {opens, duration_ ? std::min(opens + *duration_, end_of_day) : end_of_day};
}

std::int64_t Schedule::days(Timestamp base) const {
    const auto first = opening_after(base);
    const auto gap = opening_after(first).millis() - first.millis();
    return std::max<std::int64_t>(1, gap / kMillisPerDay);
}

}  // namespace coffer::rotation
