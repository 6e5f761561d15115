// The LRU of data-key handles: bounds, order, and when a handle may be destroyed.

#include "crypto/data_key_cache.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace coffer::crypto {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

Bytes wrapped(std::uint8_t number) {
    return Bytes(kWrappedKeyBytes, number);
}

MasterKeyRef master(std::uint32_t generation = 1) {
    return {.id = MasterKeyId(*Uuid::parse("00112233-4455-6677-8899-aabbccddeeff")),
            .generation = generation};
}

TEST(DataKeyCacheTest, TheLeastRecentlyUsedMakesRoom) {
    DataKeyCache cache(2);
    (void)cache.put(master(), wrapped(1), 101);
    (void)cache.put(master(), wrapped(2), 102);
    EXPECT_NE(cache.find(master(), wrapped(1)), nullptr);  // 2 is now the older
    (void)cache.put(master(), wrapped(3), 103);
    EXPECT_EQ(cache.size(), 2U);
    EXPECT_EQ(cache.find(master(), wrapped(2)), nullptr);
    EXPECT_EQ(cache.find(master(), wrapped(1))->handle(), 101U);
    EXPECT_EQ(cache.find(master(), wrapped(3))->handle(), 103U);
    EXPECT_THAT(cache.take_doomed(), ElementsAre(102U));
    EXPECT_FALSE(cache.has_doomed());
}

TEST(DataKeyCacheTest, AHandleInUseIsDestroyedByItsLastUser) {
    DataKeyCache cache(1);
    auto user = cache.put(master(), wrapped(1), 101);
    cache.forget(wrapped(1));
    EXPECT_THAT(cache.take_doomed(), IsEmpty());
    user.reset();
    EXPECT_TRUE(cache.has_doomed());
    EXPECT_THAT(cache.take_doomed(), ElementsAre(101U));
}

TEST(DataKeyCacheTest, HandlesOfAnEarlierEpochAreNotDestroyed) {
    DataKeyCache cache(4);
    auto user = cache.put(master(), wrapped(1), 101);
    (void)cache.put(master(), wrapped(2), 102);
    cache.reset();
    EXPECT_EQ(cache.size(), 0U);
    user.reset();
    EXPECT_THAT(cache.take_doomed(), IsEmpty());
}

TEST(DataKeyCacheTest, FindsOnlyUnderTheSameGeneration) {
    DataKeyCache cache(4);
    (void)cache.put(master(1), wrapped(1), 101);
    EXPECT_EQ(cache.find(master(2), wrapped(1)), nullptr);
    EXPECT_EQ(cache.find(master(1), Bytes(39, 1)), nullptr);
    EXPECT_NE(cache.find(master(1), wrapped(1)), nullptr);
}

TEST(DataKeyCacheTest, TheSameKeyTwiceIsKeptOnce) {
    DataKeyCache cache(4);
    (void)cache.put(master(), wrapped(1), 101);
    (void)cache.put(master(), wrapped(1), 102);  // two readers unwrapped it at the same time
    EXPECT_EQ(cache.size(), 1U);
    EXPECT_EQ(cache.find(master(), wrapped(1))->handle(), 102U);
    EXPECT_THAT(cache.take_doomed(), ElementsAre(101U));
}

TEST(DataKeyCacheTest, ShrinkLetsGoOfTheOlderHalf) {
    DataKeyCache cache(10);
    for (std::uint8_t i = 0; i < 5; ++i) (void)cache.put(master(), wrapped(i), 100U + i);
    cache.shrink();
    EXPECT_EQ(cache.size(), 2U);
    EXPECT_THAT(cache.take_doomed(), ElementsAre(100U, 101U, 102U));
    cache.shrink();
    cache.shrink();
    cache.shrink();
    EXPECT_EQ(cache.size(), 0U);
}

TEST(DataKeyCacheTest, ACapacityOfNothingKeepsNothing) {
    DataKeyCache cache(0);
    cache.put(master(), wrapped(1), 101).reset();
    EXPECT_EQ(cache.size(), 0U);
    EXPECT_THAT(cache.take_doomed(), ElementsAre(101U));
}

TEST(DataKeyCacheTest, ManyThreadsLoseNoHandle) {
    DataKeyCache cache(8);
    constexpr CK_OBJECT_HANDLE kEach = 2000;
    std::vector<std::thread> threads;
    for (CK_OBJECT_HANDLE t = 0; t < 4; ++t) {
        threads.emplace_back([&, t] {
            for (CK_OBJECT_HANDLE i = 0; i < kEach; ++i) {
                const auto key = wrapped(static_cast<std::uint8_t>(i % 16));
                if (!cache.find(master(), key)) (void)cache.put(master(), key, 1 + t * kEach + i);
                if (i % 7 == 0) cache.forget(key);
                if (i % 501 == 0) cache.shrink();
                if (cache.has_doomed()) (void)cache.take_doomed();
            }
        });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_LE(cache.size(), 8U);
}

}  // namespace
}  // namespace coffer::crypto
