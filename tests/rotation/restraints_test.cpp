// What holds rotations back. 2026-11-27 was a Friday.

#include "daemon/rotation/restraints.hpp"

#include <gtest/gtest.h>

namespace coffer::rotation {
namespace {

using std::chrono::hours;

Timestamp at(int year, unsigned month, unsigned day, int hour) {
    const std::chrono::sys_days date{std::chrono::year(year) / static_cast<int>(month) /
                                     static_cast<int>(day)};
    return Timestamp::from_millis(
        std::chrono::duration_cast<std::chrono::milliseconds>(date.time_since_epoch() + hours(hour)).count());
}

Blackout once(std::vector<std::string> secrets, Timestamp from, Timestamp to) {
    return {.name = "once", .secrets = SecretNames(secrets), .from = from, .to = to};
}

Blackout again(const std::string& cron, hours lasts) {
    ScheduleText text;
    text.expression = cron;
    return {.name = "again", .secrets = SecretNames({}), .schedule = Schedule::parse(text), .lasts = lasts};
}

std::optional<Timestamp> until(const std::vector<Blackout>& blackouts, const std::string& secret,
                               Timestamp now) {
    const auto held = Restraints(blackouts, {}).blackout(secret, now);
    if (!held) return std::nullopt;
    return held->until;
}

TEST(Restraints, ABlackoutLastsFromItsBeginningToBeforeItsEnd) {
    const auto from = at(2026, 12, 20, 18);
    const auto to = at(2027, 1, 6, 6);
    const std::vector<Blackout> all{once({}, from, to)};
    EXPECT_EQ(until(all, "a", from - std::chrono::milliseconds(1)), std::nullopt);
    EXPECT_EQ(until(all, "a", from), to);
    EXPECT_EQ(until(all, "a", to - std::chrono::milliseconds(1)), to);
    EXPECT_EQ(until(all, "a", to), std::nullopt);
}

TEST(Restraints, ABlackoutIsForTheSecretsThatItNames) {
    const std::vector<Blackout> some{once({"prod/*", "db-?"}, at(2026, 1, 1, 0), at(2027, 1, 1, 0))};
    const auto now = at(2026, 6, 1, 0);
    EXPECT_TRUE(until(some, "prod/db", now));
    EXPECT_TRUE(until(some, "db-1", now));
    EXPECT_FALSE(until(some, "test/db", now));
    EXPECT_FALSE(until(some, "db-10", now));
}

TEST(Restraints, ABlackoutComesAgain) {
    // Fridays 18:00 to Mondays 06:00.
    const std::vector<Blackout> weekends{again("cron(0 18 ? * FRI *)", hours(60))};
    EXPECT_EQ(until(weekends, "a", at(2026, 11, 27, 17)), std::nullopt);
    EXPECT_EQ(until(weekends, "a", at(2026, 11, 27, 18)), at(2026, 11, 30, 6));
    EXPECT_EQ(until(weekends, "a", at(2026, 11, 30, 5)), at(2026, 11, 30, 6));
    EXPECT_EQ(until(weekends, "a", at(2026, 11, 30, 6)), std::nullopt);
}

TEST(Restraints, BlackoutsThatFollowEachOtherAreOne) {
    const std::vector<Blackout> two{again("cron(0 18 ? * FRI *)", hours(60)),
                                    once({}, at(2026, 11, 30, 0), at(2026, 12, 3, 0))};
    EXPECT_EQ(until(two, "a", at(2026, 11, 28, 0)), at(2026, 12, 3, 0));
    // One that is always on does not hang.
    const std::vector<Blackout> always{again("cron(0 0/8 * * ? *)", hours(24))};
    EXPECT_TRUE(until(always, "a", at(2026, 11, 28, 0)));
}

TEST(Restraints, BlackoutsThatLeaveNoTimeAreKnown) {
    const auto now = at(2026, 11, 28, 0);
    const auto named = [](Blackout blackout, const char* name) {
        blackout.name = name;
        return blackout;
    };
    const auto daily = named(again("cron(0 0 * * ? *)", hours(25)), "daily");
    EXPECT_EQ(blackouts_without_end({daily}, now), "\"daily\"");
    EXPECT_EQ(blackouts_without_end({named(again("cron(0 0 * * ? *)", hours(24)), "d")}, now), "\"d\"");
    EXPECT_EQ(blackouts_without_end({again("cron(0 0 * * ? *)", hours(23))}, now), "");
    EXPECT_EQ(blackouts_without_end({again("cron(0 18 ? * FRI *)", hours(60))}, now), "");
    EXPECT_EQ(blackouts_without_end({once({}, now, at(2030, 1, 1, 0))}, now), "") << "it has an end";
    // Two halves of the day; for the same secrets, or one for all.
    auto night = named(again("cron(0 0 * * ? *)", hours(12)), "night");
    auto day = named(again("cron(0 12 * * ? *)", hours(12)), "day");
    EXPECT_EQ(blackouts_without_end({night, day}, now), "\"night\" and \"day\"");
    day.secrets = SecretNames({"prod/*"});
    EXPECT_EQ(blackouts_without_end({night, day}, now), "\"night\" and \"day\"");
    night.secrets = SecretNames({"test/*"});
    EXPECT_EQ(blackouts_without_end({night, day}, now), "");
}

TEST(Restraints, ASecretMayBeInSeveralGroups) {
    const Restraints restraints({}, {{"a", SecretNames({"x/*"}), hours(1)},
                                     {"b", SecretNames({"y/*"}), hours(1)},
                                     {"c", SecretNames({"x/1"}), hours(2)}});
    const auto groups = restraints.groups_of("x/1");
    ASSERT_EQ(groups.size(), 2U);
    EXPECT_EQ(groups[0]->name, "a");
    EXPECT_EQ(groups[1]->name, "c");
    EXPECT_TRUE(restraints.groups_of("z").empty());
}

}  // namespace
}  // namespace coffer::rotation
