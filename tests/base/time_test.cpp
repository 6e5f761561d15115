#include "daemon/base/time.hpp"

#include <gtest/gtest.h>

#include <chrono>

namespace coffer {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

TEST(Timestamp, SecondsHaveAFraction) {
    // The model's example of a creation date: 1523477145.713.
    EXPECT_DOUBLE_EQ(Timestamp::from_millis(1523477145713).seconds(), 1523477145.713);
    EXPECT_DOUBLE_EQ(Timestamp().seconds(), 0.0);
}

TEST(Timestamp, DayIsMidnightUtc) {
    // 2018-04-11T20:05:45.713Z and its midnight.
    EXPECT_EQ(Timestamp::from_millis(1523477145713).day().millis(), 1523404800000);
    EXPECT_EQ(Timestamp::from_millis(1523404800000).day().millis(), 1523404800000);
    EXPECT_EQ(Timestamp::from_millis(1523404799999).day().millis(), 1523318400000);
    EXPECT_EQ(Timestamp().day().millis(), 0);
}

TEST(Timestamp, DayBefore1970) {
    constexpr std::int64_t kDay = 86400000;
    EXPECT_EQ(Timestamp::from_millis(-1).day().millis(), -kDay);
    EXPECT_EQ(Timestamp::from_millis(-kDay).day().millis(), -kDay);
    EXPECT_EQ(Timestamp::from_millis(-kDay - 1).day().millis(), -2 * kDay);
}

TEST(Timestamp, Arithmetic) {
    const auto t = Timestamp::from_millis(1000);
    EXPECT_EQ((t + hours(24 * 30)).millis(), 2592001000);
    EXPECT_EQ((t - milliseconds(1001)).millis(), -1);
    EXPECT_LT(t, t + milliseconds(1));
    EXPECT_EQ(t, Timestamp::from_millis(1000));
}

TEST(SystemClock, IsTheSystemsTime) {
    const auto before = std::chrono::system_clock::now();
    const auto now = SystemClock().now();
    const auto after = std::chrono::system_clock::now();
    const auto millis = [](auto t) {
        return std::chrono::duration_cast<milliseconds>(t.time_since_epoch()).count();
    };
    EXPECT_GE(now.millis(), millis(before));
    EXPECT_LE(now.millis(), millis(after));
}

}  // namespace
}  // namespace coffer
