#include "figures.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <sstream>
#include <string>
#include <vector>

#include "report.hpp"

namespace coffer::bench {
namespace {

using std::chrono::microseconds;
using testing::HasSubstr;
using testing::Not;

TEST(Latencies, PercentilesAreThoseOfTheSortedValues) {
    Latencies latencies;
    for (int i = 100; i >= 0; --i) latencies.add(microseconds(i));  // 0 to 100 us, not in order
    EXPECT_DOUBLE_EQ(latencies.percentile_us(0.50), 50.0);
    EXPECT_DOUBLE_EQ(latencies.percentile_us(0.99), 99.0);
    EXPECT_DOUBLE_EQ(latencies.percentile_us(0.0), 0.0);
    EXPECT_DOUBLE_EQ(latencies.percentile_us(1.0), 100.0);
}

TEST(Latencies, OfOneAndOfNone) {
    Latencies latencies;
    EXPECT_DOUBLE_EQ(latencies.percentile_us(0.99), 0.0);
    latencies.add(microseconds(7));
    EXPECT_DOUBLE_EQ(latencies.percentile_us(0.01), 7.0);
    EXPECT_DOUBLE_EQ(latencies.percentile_us(0.99), 7.0);
}

TEST(MakeRow, RateIsCountOverTime) {
    Latencies mine;
    Latencies other;
    for (int i = 0; i < 30; ++i) mine.add(microseconds(10));
    for (int i = 0; i < 20; ++i) other.add(microseconds(30));
    mine.merge(other);
    const Row row = make_row("put", 8, std::move(mine), std::chrono::milliseconds(250));
    EXPECT_DOUBLE_EQ(row.per_second, 200.0);  // 50 in a quarter of a second
    EXPECT_DOUBLE_EQ(row.p50_us, 10.0);
    EXPECT_DOUBLE_EQ(row.p99_us, 30.0);
}

TEST(Rows, AreReadAsTheyWereWritten) {
    std::stringstream stream;
    print_row(stream, {"get_hot", "nss", 64, 12345.5, 10.25, 99.5, 1000});
    print_row(stream, {"list", "softhsm2", 1, 1, 2, 3, 0});
    const auto rows = read_rows(stream);
    ASSERT_EQ(rows.size(), 2U);
    EXPECT_EQ(rows[0].name, "get_hot");
    EXPECT_EQ(rows[0].token, "nss");
    EXPECT_EQ(rows[0].in_flight, 64);
    EXPECT_DOUBLE_EQ(rows[0].per_second, 12345.5);
    EXPECT_DOUBLE_EQ(rows[0].p50_us, 10.25);
    EXPECT_DOUBLE_EQ(rows[0].p99_us, 99.5);
    EXPECT_EQ(rows[0].secrets, 1000);
    EXPECT_EQ(rows[1].name, "list");
}

TEST(Ratio, IsToTheBarePartOfTheSameTokenAndInFlight) {
    const std::vector<Row> rows = {
        {"token_decrypt", "nss", 64, 1000, 1, 1, 0},     {"token_decrypt", "softhsm2", 8, 500, 1, 1, 0},
        {"token_decrypt", "softhsm2", 64, 400, 1, 1, 0}, {"get_hot", "softhsm2", 64, 300, 1, 1, 0},
        {"tls_handshake", "softhsm2", 64, 10, 1, 1, 0},  {"put", "softhsm2", 64, 10, 1, 1, 0},
    };
    const auto ratio = ratio_of(rows[3], rows);
    ASSERT_TRUE(ratio.has_value());
    EXPECT_EQ(ratio->to, "token_decrypt");
    EXPECT_DOUBLE_EQ(ratio->value, 0.75);
    EXPECT_FALSE(ratio_of(rows[4], rows).has_value());  // nothing bare to compare with
    EXPECT_FALSE(ratio_of(rows[5], rows).has_value());  // its bare part was not measured
}

TEST(Json, HasEveryKeyAndNullWithoutARatio) {
    const std::vector<Row> rows = {{"token_open", "nss", 1, 200, 5, 6, 0},
                                   {"get_cold", "nss", 1, 100, 7, 8, 0}};
    const std::string json = json_of(rows);
    EXPECT_THAT(json, HasSubstr(R"("ratio_to":null,"ratio":null)"));
    EXPECT_THAT(json, HasSubstr(R"("ratio_to":"token_open","ratio":5E-1)"));
    EXPECT_THAT(json, Not(HasSubstr("secrets")));
}

}  // namespace
}  // namespace coffer::bench
