#include "daemon/server/rate_limit.hpp"

#include <gtest/gtest.h>

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
    EXPECT_NE(limits.acquire("a", kStart), nullptr);
    EXPECT_NE(limits.acquire("a", kStart), nullptr);
    EXPECT_EQ(limits.acquire("a", kStart), nullptr);
    EXPECT_NE(limits.acquire("b", kStart), nullptr);
    limits.release("a", kStart);
    EXPECT_NE(limits.acquire("a", kStart), nullptr);
}

TEST(PrincipalLimits, ReconnectingDoesNotFillTheBucket) {
    PrincipalLimits limits(0, 1);
    EXPECT_TRUE(limits.acquire("a", kStart)->admit_request(kStart));
    limits.release("a", kStart);
    EXPECT_FALSE(limits.acquire("a", kStart)->admit_request(kStart));
}

TEST(PrincipalLimits, ForgetsWhoIsGone) {
    PrincipalLimits limits(0, 1);
    for (int i = 0; i < 1000; ++i) {
        (void)limits.acquire("p" + std::to_string(i), kStart);
        limits.release("p" + std::to_string(i), kStart);
    }
    (void)limits.acquire("late", kStart + seconds(60));
    EXPECT_EQ(limits.size(), 1U);
}

}  // namespace
}  // namespace coffer::server
