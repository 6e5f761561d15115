#include "daemon/server/rate_limit.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace coffer::server {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const Deadline kStart{seconds(1000)};

TEST(TokenBucket, GivesABurstThenTheRate) {
    TokenBucket bucket(10, 3);
    EXPECT_TRUE(bucket.take(kStart));
    EXPECT_TRUE(bucket.take(kStart));
    EXPECT_TRUE(bucket.take(kStart));
    EXPECT_FALSE(bucket.take(kStart));
    EXPECT_EQ(bucket.wait_time(kStart), milliseconds(100));
    EXPECT_FALSE(bucket.take(kStart + milliseconds(99)));
    EXPECT_TRUE(bucket.take(kStart + milliseconds(100)));
    EXPECT_FALSE(bucket.take(kStart + milliseconds(100)));
    // Ten seconds later the bucket is full, and no fuller than that.
    int taken = 0;
    while (bucket.take(kStart + seconds(10))) ++taken;
    EXPECT_EQ(taken, 3);
}

TEST(TokenBucket, ARefusalCostsNothing) {
    TokenBucket bucket(1, 1);
    EXPECT_TRUE(bucket.take(kStart));
    for (int i = 0; i < 100; ++i) EXPECT_FALSE(bucket.take(kStart + milliseconds(500)));
    EXPECT_TRUE(bucket.take(kStart + seconds(1)));
}

TEST(PrincipalLimits, CountsConnections) {
    PrincipalLimits limits(2, 0);
    auto first = limits.acquire("a", kStart);
    const auto second = limits.acquire("a", kStart);
    EXPECT_TRUE(first);
    EXPECT_TRUE(second);
    EXPECT_FALSE(limits.acquire("a", kStart));
    EXPECT_TRUE(limits.acquire("b", kStart));
    first.release();
    first.release();
    EXPECT_FALSE(first.admit_request(kStart));
    const auto third = limits.acquire("a", kStart);
    EXPECT_TRUE(third);
    EXPECT_FALSE(limits.acquire("a", kStart)) << "a place is given back once";
}

TEST(PrincipalLimits, APlaceIsGivenBackWhenItsLeaseGoes) {
    auto limits = std::make_unique<PrincipalLimits>(1, 0);
    for (int i = 0; i < 3; ++i) {
        auto lease = limits->acquire("a", kStart);
        ASSERT_TRUE(lease);
        PrincipalLease moved = std::move(lease);
        EXPECT_FALSE(limits->acquire("a", kStart));
        moved = limits->acquire("b", kStart);
        EXPECT_TRUE(limits->acquire("a", kStart)) << "what was assigned over is given back";
    }
    const auto survivor = limits->acquire("a", kStart);
    limits.reset();
}

TEST(PrincipalLimits, ReconnectingDoesNotFillTheBucket) {
    PrincipalLimits limits(0, 1);
    EXPECT_TRUE(limits.acquire("a", kStart).admit_request(kStart));
    EXPECT_FALSE(limits.acquire("a", kStart).admit_request(kStart));
}

TEST(PrincipalLimits, ForgetsWhoIsGoneTwoAtATime) {
    PrincipalLimits limits(0, 1);
    for (int i = 0; i < 1000; ++i) {
        EXPECT_TRUE(limits.acquire("p" + std::to_string(i), kStart).admit_request(kStart));
    }
    const auto there = limits.acquire("p500", kStart);
    EXPECT_EQ(limits.size(), 1000U) << "no bucket is full";
    const auto late = limits.acquire("late", kStart + seconds(60));
    EXPECT_GE(limits.size(), 999U) << "however many are remembered, one call looks at two";
    for (int i = 0; i < 500; ++i) (void)limits.acquire("late", kStart + seconds(60));
    EXPECT_EQ(limits.size(), 2U) << "who is connected, and who asked";
}

// The prefix of a network that one site or host has: RFC 4291, 2.5.4. Documentation addresses: RFC 3849.
TEST(CountedNetwork, OfIpv6TheFirst64Bits) {
    EXPECT_EQ(counted_network("192.0.2.7"), "192.0.2.7");
    EXPECT_EQ(counted_network("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
    EXPECT_EQ(counted_network("2001:db8:1:2::1"), "2001:db8:1:2::/64");
    EXPECT_EQ(counted_network("2001:db8:1:3::1"), "2001:db8:1:3::/64");
    EXPECT_EQ(counted_network("::ffff:192.0.2.7"), "::ffff:192.0.2.7");
    EXPECT_EQ(counted_network("no address"), "no address");
}

}  // namespace
}  // namespace coffer::server
