#pragma once
// When a secret is rotated: AWS's rotation schedules, all in UTC. Pure: no clock of its own.
// Source: AWS Secrets Manager User Guide, "Schedule expressions in Secrets Manager rotation"; API reference,
// RotationRulesType.

#include <bitset>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "daemon/base/errors.hpp"
#include "daemon/base/time.hpp"

namespace coffer::rotation {

/// A schedule that cannot be: the message names the member, what is wrong, and what may be written.
class ScheduleError : public Error {
public:
    using Error::Error;
};

/// When a rotation may take place: from `opens`, to before `closes`.
struct Window {
    Timestamp opens;
    Timestamp closes;
    [[nodiscard]] bool operator==(const Window&) const = default;
};

/// A schedule as RotateSecret takes it. An absent member is nothing.
struct ScheduleText {
    std::optional<std::int64_t> automatically_after_days;  ///< 1 to 1,000
    std::optional<std::string> expression;                 ///< rate(...) or cron(...)
    std::optional<std::string> duration;                   ///< hours: "3h"
    [[nodiscard]] bool operator==(const ScheduleText&) const = default;
};

/// Immutable, thread-safe.
class Schedule {
public:
    /// Throws ScheduleError: both kinds of schedule or neither, wrong grammar, more often than every four
    /// hours, a date that never comes, a window that reaches into the next one or the next UTC day.
    [[nodiscard]] static Schedule parse(const ScheduleText& text);
    /// One that parse() took, maybe of a version of before, which let windows of rate(N hours) reach into the
    /// next day: these end with the day.
    [[nodiscard]] static Schedule stored(const ScheduleText& text);

    /// The first window for a secret that was last rotated, changed by hand, or given this schedule at
    /// `base`. Of days (a rate, AutomaticallyAfterDays): so many days after the day of `base`. Otherwise the
    /// first that opens after `base`; windows of hours are counted from 1970-01-01 00:00.
    [[nodiscard]] Window next(Timestamp base) const;

    /// Whether its windows are counted from what happened to the secret, in days; those of others are the
    /// same for all secrets.
    [[nodiscard]] bool counts_days() const noexcept { return std::holds_alternative<EveryDays>(kind_); }

    /// The schedule as a number of days, as AWS shows it beside an expression: at least 1.
    [[nodiscard]] std::int64_t days(Timestamp base) const;

private:
    struct EveryDays {
        std::int64_t days;
    };
    struct EveryHours {
        std::int64_t hours;
    };
    /// The fields of a cron expression that AWS leaves free: hours, days and months.
    struct Cron {
        std::bitset<24> hours;
        std::bitset<13> months;  ///< from 1
        /// Days of the month; of the week (1: Sunday) where `by_week`.
        std::bitset<32> days;
        bool by_week = false;
        bool last = false;                ///< the month's last day, or its last such day of the week
        std::optional<unsigned> ordinal;  ///< the month's n-th such day of the week
    };

    static Cron parse_cron(std::string_view fields);
    [[nodiscard]] static bool falls_on(const Cron& cron, std::chrono::year_month_day date);
    /// The first opening after `base`; nothing within the years that any date of a calendar comes back in.
    [[nodiscard]] static std::optional<Timestamp> next_opening(const Cron& cron, Timestamp base);
    [[nodiscard]] Timestamp opening_after(Timestamp base) const;
    void check_cron(const Cron& cron) const;

    std::variant<EveryDays, EveryHours, Cron> kind_;
    /// Nothing: to the end of the UTC day.
    std::optional<std::chrono::hours> duration_;
};

}  // namespace coffer::rotation
