// Months, money and the lines of a report. All figures are worked out by hand.

#include "daemon/usage/report.hpp"

#include <gtest/gtest.h>

#include "daemon/secrets/errors.hpp"

namespace coffer::usage {
namespace {

constexpr std::int64_t kDayMillis = 86'400'000;

TEST(Money, Text) {
    EXPECT_EQ(decimal_text(Micros(0)), "0.00");
    EXPECT_EQ(decimal_text(Micros(1)), "0.000001");
    EXPECT_EQ(decimal_text(Micros(61'725)), "0.061725");
    EXPECT_EQ(decimal_text(Micros(12'400'000)), "12.40");
    EXPECT_EQ(decimal_text(Micros(3'000'000)), "3.00");
    EXPECT_EQ(decimal_text(Micros(1'234'567'890'100)), "1234567.8901");
}

TEST(Money, CostsAreExactToAMillionth) {
    // AWS's prices: 0.05 for 10,000 requests, 0.40 for a secret and month.
    const Micros requests(50'000);
    const Micros month(400'000);
    EXPECT_EQ(cost_of(0, 10'000, requests).value(), 0);
    EXPECT_EQ(cost_of(10'000, 10'000, requests).value(), 50'000);
    EXPECT_EQ(cost_of(12'345, 10'000, requests).value(), 61'725);  // 1.2345 * 0.05
    EXPECT_EQ(cost_of(1, 10'000, requests).value(), 5);
    EXPECT_EQ(cost_of(30, 30, month).value(), 400'000);
    EXPECT_EQ(cost_of(1, 30, month).value(), 13'333);  // 0.0133333...
    EXPECT_EQ(cost_of(2, 30, month).value(), 26'667);  // 0.0266666...
    EXPECT_EQ(cost_of(1, 2, Micros(1)).value(), 1);    // half up
    // A million secrets for 31 days at the highest price: 10^6 * 1000.
    EXPECT_EQ(cost_of(31'000'000, 31, Micros(1'000'000'000)).value(), 1'000'000'000'000'000);
}

TEST(Months, FirstDaysAndLengths) {
    const auto november = month_of("2026-11");
    // 2026-11-01 is day 20,758 since 1970: 56 years with 14 leap days (1972 to 2024) and 304 days of 2026.
    EXPECT_EQ(november.days.from.millis(), (56 * 365 + 14 + 304) * kDayMillis);
    EXPECT_EQ(november.days.until.millis(), (56 * 365 + 14 + 304 + 30) * kDayMillis);
    EXPECT_EQ(november.length, 30);
    EXPECT_EQ(month_of("2026-12").length, 31);
    EXPECT_EQ(month_of("2026-02").length, 28);
    EXPECT_EQ(month_of("2028-02").length, 29);
    EXPECT_EQ(month_of("2100-02").length, 28);
    EXPECT_EQ(month_of("1970-01").days.from.millis(), 0);
    EXPECT_THROW(static_cast<void>(month_of("1969-12")), secrets::ServiceError);
    EXPECT_THROW(static_cast<void>(month_of("2026-13")), secrets::ServiceError);
}

Sums example() {
    Sums sums;
    sums.total.counted_days = 24;
    sums.total.sum = {.requests = 25'000, .errors = 10, .secret_days = 240, .scheduled_days = 24};
    sums.lines = {{.key = "GetSecretValue", .requests = 20'000, .errors = 4}};
    sums.divided = {.requests = 25'000, .errors = 10};
    return sums;
}

TEST(Report, TheRestHasALineOfItsOwn) {
    const auto response = report(month_of("2026-11"), example(), std::nullopt);
    EXPECT_EQ(response.days(), 30);
    EXPECT_EQ(response.counted_days(), 24);
    EXPECT_FALSE(response.has_currency());
    ASSERT_EQ(response.lines_size(), 2);
    EXPECT_EQ(response.lines(0).key(), "GetSecretValue");
    EXPECT_EQ(response.lines(0).requests(), 20'000);
    EXPECT_FALSE(response.lines(0).has_cost());
    EXPECT_EQ(response.lines(1).key(), "(others)");
    EXPECT_EQ(response.lines(1).requests(), 5'000);
    EXPECT_EQ(response.lines(1).errors(), 6);
    EXPECT_EQ(response.lines(1).secret_days(), 0);
    EXPECT_EQ(response.total().requests(), 25'000);
    EXPECT_EQ(response.total().secret_days(), 240);
    EXPECT_EQ(response.total().scheduled_secret_days(), 24);
}

TEST(Report, NoRestWhereTheLinesAreAll) {
    auto sums = example();
    // The total is older than the lines by one request.
    sums.lines.push_back({.key = "PutSecretValue", .requests = 5'001, .errors = 6});
    EXPECT_EQ(report(month_of("2026-11"), std::move(sums), std::nullopt).lines_size(), 2);
}

TEST(Report, Bill) {
    const Prices prices{"USD", Micros(50'000), Micros(400'000)};
    const auto response = report(month_of("2026-11"), example(), prices);
    EXPECT_EQ(response.currency(), "USD");
    EXPECT_EQ(response.total().request_cost(), "0.125");  // 25,000 / 10,000 * 0.05
    EXPECT_EQ(response.total().secret_cost(), "3.20");    // 240 / 30 * 0.40; scheduled ones are free
    EXPECT_EQ(response.total().cost(), "3.325");
    EXPECT_EQ(response.lines(0).cost(), "0.10");
    EXPECT_EQ(response.lines(1).cost(), "0.025");
}

}  // namespace
}  // namespace coffer::usage
