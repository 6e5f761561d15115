// Schedule expressions as users write them. Dates by the calendar; rules from the AWS user guide ("Schedule
// expressions in Secrets Manager rotation") and its API reference (RotationRulesType).

#include "daemon/rotation/schedule.hpp"

#include <gtest/gtest.h>

#include <string>

namespace coffer::rotation {
namespace {

using std::chrono::sys_days;

Timestamp utc(int year, unsigned month, unsigned day, int hour = 0, int minute = 0) {
    const sys_days date = std::chrono::year(year) / static_cast<int>(month) / static_cast<int>(day);
    return Timestamp::from_millis(std::chrono::milliseconds(date.time_since_epoch()).count()) +
           std::chrono::hours(hour) + std::chrono::minutes(minute);
}

Schedule expression(const std::string& text, std::optional<std::string> duration = std::nullopt) {
    return Schedule::parse({std::nullopt, text, std::move(duration)});
}

Schedule after_days(std::int64_t days, std::optional<std::string> duration = std::nullopt) {
    return Schedule::parse({days, std::nullopt, std::move(duration)});
}

std::string refusal(const ScheduleText& text) {
    try {
        static_cast<void>(Schedule::parse(text));
    } catch (const ScheduleError& error) {
        return error.what();
    }
    return "";
}

std::string refusal(const std::string& text, std::optional<std::string> duration = std::nullopt) {
    return refusal(ScheduleText{std::nullopt, text, std::move(duration)});
}

// Sunday, 29 November 2026, 13:30.
const Timestamp kNow = utc(2026, 11, 29, 13, 30);

TEST(Schedule, DaysAreCountedFromTheDayAndLastUntilItsEnd) {
    const Window expected{utc(2026, 12, 29), utc(2026, 12, 30)};
    EXPECT_EQ(after_days(30).next(kNow), expected);
    EXPECT_EQ(expression("rate(30 days)").next(kNow), expected);
    EXPECT_EQ(expression("rate(1 day)").next(kNow), (Window{utc(2026, 11, 30), utc(2026, 12, 1)}));
    EXPECT_EQ(after_days(7, "2h").next(kNow), (Window{utc(2026, 12, 6), utc(2026, 12, 6, 2)}));
    // 2028 is a leap year.
    EXPECT_EQ(after_days(1).next(utc(2028, 2, 28, 23)), (Window{utc(2028, 2, 29), utc(2028, 3, 1)}));
}

TEST(Schedule, HoursOpenForOneHour) {
    EXPECT_EQ(expression("rate(4 hours)").next(kNow), (Window{utc(2026, 11, 29, 16), utc(2026, 11, 29, 17)}));
    EXPECT_EQ(expression("rate(4 hours)", "4h").next(utc(2026, 11, 29, 20)),
              (Window{utc(2026, 11, 30), utc(2026, 11, 30, 4)}));
}

TEST(Schedule, CronNamesHoursOfDays) {
    EXPECT_EQ(expression("cron(0 8 * * ? *)").next(kNow), (Window{utc(2026, 11, 30, 8), utc(2026, 12, 1)}));
    EXPECT_EQ(expression("cron(0 16 1,15 * ? *)").next(kNow),
              (Window{utc(2026, 12, 1, 16), utc(2026, 12, 2)}));
    EXPECT_EQ(expression("cron(0 0/8 * * ? *)").next(kNow),
              (Window{utc(2026, 11, 29, 16), utc(2026, 11, 29, 17)}));
    EXPECT_EQ(expression("cron(0 8 ? * MON-FRI *)", "3h").next(utc(2026, 12, 4, 9)),
              (Window{utc(2026, 12, 7, 8), utc(2026, 12, 7, 11)}));  // Friday -> Monday
}

TEST(Schedule, CronKnowsLastDaysAndOrdinals) {
    EXPECT_EQ(expression("cron(0 8 L * ? *)").next(kNow).opens, utc(2026, 11, 30, 8));
    EXPECT_EQ(expression("cron(0 8 L * ? *)").next(utc(2027, 2, 1)).opens, utc(2027, 2, 28, 8));
    // The last Saturday of December 2026 is the 26th.
    EXPECT_EQ(expression("cron(0 1 ? * 7L *)").next(kNow).opens, utc(2026, 12, 26, 1));
    // The second Tuesday of February 2027 is the 9th.
    EXPECT_EQ(expression("cron(0 10 ? FEB,MAY,AUG,NOV TUE#2 *)").next(kNow).opens, utc(2027, 2, 9, 10));
    // Only some months have a fifth Monday: the next after November 2026's is 29 March 2027.
    EXPECT_EQ(expression("cron(0 1 ? * MON#5 *)").next(utc(2026, 12, 1)).opens, utc(2027, 3, 29, 1));
    EXPECT_EQ(expression("cron(0 1 29 2 ? *)").next(kNow).opens, utc(2028, 2, 29, 1));
}

TEST(Schedule, TheNextWindowIsAfterTheBaseAlsoWhenThatIsItsOpening) {
    EXPECT_EQ(expression("cron(0 8 * * ? *)").next(utc(2026, 11, 29, 8)).opens, utc(2026, 11, 30, 8));
    EXPECT_EQ(expression("rate(4 hours)").next(utc(2026, 11, 29, 16)).opens, utc(2026, 11, 29, 20));
}

TEST(Schedule, AsANumberOfDays) {
    EXPECT_EQ(expression("rate(10 days)").days(kNow), 10);
    EXPECT_EQ(expression("rate(4 hours)").days(kNow), 1);
    EXPECT_EQ(expression("cron(0 8 ? * SUN *)").days(kNow), 7);
}

TEST(Schedule, RefusesWhatIsNoSchedule) {
    for (const char* text : {"rate(3 hours)",
                             "rate(30 day)",
                             "rate(1 days)",
                             "rate(0 days)",
                             "rate(1001 days)",
                             "rate(30)",
                             "rate(-1 days)",
                             "rate(4  hours)",
                             "30",
                             "",
                             "cron()",
                             "rate(30 days",
                             "cron(0 8 * * ? *",
                             "cron(* * * * ? *)",
                             "cron(30 8 * * ? *)",
                             "cron(0 1 * * * *)",
                             "cron(0 1 ? * ? *)",
                             "cron(0 1 * * ? 2027)",
                             "cron(0 24 * * ? *)",
                             "cron(0 1 32 * ? *)",
                             "cron(0 1 0 * ? *)",
                             "cron(0 1 * 13 ? *)",
                             "cron(0 1 ? * 8 *)",
                             "cron(0 1 ? * FOO *)",
                             "cron(0 1 ? * TUE#6 *)",
                             "cron(0 1 ? * TUE#0 *)",
                             "cron(0 10-8 * * ? *)",
                             "cron(0 0/0 * * ? *)",
                             "cron(0 8 * * ?)",
                             "cron(0 8,, * * ? *)"}) {
        EXPECT_NE(refusal(std::string(text)), "") << text;
    }
}

TEST(Schedule, RefusesWhatNeverComesAndWhatComesTooOften) {
    EXPECT_NE(refusal("cron(0 1 31 2 ? *)").find("never"), std::string::npos);
    EXPECT_NE(refusal("cron(0 1 30 FEB ? *)").find("never"), std::string::npos);
    // Rare, and comes: 29 February 2032 is a Sunday.
    EXPECT_EQ(expression("cron(0 1 ? FEB SUN#5 *)").next(kNow).opens, utc(2032, 2, 29, 1));
    EXPECT_NE(refusal("cron(0 * * * ? *)").find("four hours"), std::string::npos);
    EXPECT_NE(refusal("cron(0 0,3 * * ? *)").find("four hours"), std::string::npos);
    // From 22:00 to 01:00 of the next day.
    EXPECT_NE(refusal("cron(0 1,22 * * ? *)").find("four hours"), std::string::npos);
    EXPECT_EQ(refusal("cron(0 1,22 1 * ? *)"), "");
}

TEST(Schedule, RefusesBothKindsAndNeither) {
    EXPECT_EQ(refusal(ScheduleText{7, "rate(7 days)", std::nullopt}),
              "You cannot specify both rotation frequency and schedule expression together.");
    EXPECT_NE(refusal(ScheduleText{}), "");
    const auto alone = refusal(ScheduleText{std::nullopt, std::nullopt, "2h"});
    EXPECT_NE(alone.find("must have AutomaticallyAfterDays or ScheduleExpression"), std::string::npos);
    EXPECT_EQ(alone.find("."), alone.find(".Duration")) << "a sentence: " << alone;
    EXPECT_NE(refusal(ScheduleText{0, std::nullopt, std::nullopt}), "");
    EXPECT_NE(refusal(ScheduleText{1001, std::nullopt, std::nullopt}), "");
    EXPECT_EQ(refusal(ScheduleText{1000, std::nullopt, std::nullopt}), "");
}

TEST(Schedule, WindowsEndBeforeTheNextOneAndTheDay) {
    for (const char* text : {"0h", "25h", "2", "h", "xh", "-1h", ""}) {
        EXPECT_NE(refusal("rate(1 day)", std::string(text)).find("Duration"), std::string::npos) << text;
    }
    EXPECT_EQ(refusal("rate(1 day)", "24h"), "");
    EXPECT_NE(refusal("rate(4 hours)", "5h"), "");
    // Counted from 1970 the windows of ten hours come to open at each even hour, 22:00 among them; those of
    // seven at each hour; those of 36 at 00:00 and 12:00.
    for (const auto& [rate, longest] : {std::pair(4, 4),
                                        {5, 1},
                                        {6, 6},
                                        {7, 1},
                                        {8, 8},
                                        {9, 3},
                                        {10, 2},
                                        {12, 12},
                                        {16, 8},
                                        {20, 4},
                                        {24, 24},
                                        {36, 12},
                                        {48, 24}}) {
        const auto text = "rate(" + std::to_string(rate) + " hours)";
        EXPECT_EQ(refusal(text), "") << text;
        EXPECT_EQ(refusal(text, std::to_string(longest) + "h"), "") << text;
        if (longest == 24) continue;
        EXPECT_NE(refusal(text, std::to_string(longest + 1) + "h").find("Duration"), std::string::npos)
            << text;
    }
    EXPECT_NE(refusal("rate(10 hours)", "9h").find("so that it is at most 2h"), std::string::npos);
    EXPECT_NE(refusal("cron(0 22 * * ? *)", "3h").find("next day"), std::string::npos);
    EXPECT_EQ(refusal("cron(0 22 * * ? *)", "2h"), "");
    EXPECT_NE(refusal("cron(0 0/8 * * ? *)", "9h").find("next window"), std::string::npos);
    EXPECT_EQ(refusal("cron(0 0/8 * * ? *)", "8h"), "");
}

TEST(Schedule, WhatIsStoredWithAWindowThatWouldReachIntoTheNextDayGoesOn) {
    // 2026-11-30 22:00 is 498,910 hours after 1970-01-01.
    const auto schedule = Schedule::stored({std::nullopt, "rate(10 hours)", "9h"});
    EXPECT_EQ(schedule.next(utc(2026, 11, 30, 16)), (Window{utc(2026, 11, 30, 22), utc(2026, 12, 1)}));
}

}  // namespace
}  // namespace coffer::rotation
