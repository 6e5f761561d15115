// Secret buffers: moved, not copied; wiped when cut.

#include "crypto/secret_bytes.hpp"

#include <gtest/gtest.h>

#include <type_traits>

namespace coffer::crypto {
namespace {

static_assert(!std::is_copy_constructible_v<SecretBytes> && !std::is_copy_assignable_v<SecretBytes>);

TEST(SecretBytesTest, StartsAsZerosAndMoves) {
    SecretBytes a(4);
    EXPECT_EQ(a.text(), std::string_view("\0\0\0\0", 4));
    a.writable()[0] = 'x';
    SecretBytes b = std::move(a);
    EXPECT_EQ(b.text()[0], 'x');
    EXPECT_TRUE(a.empty());  // NOLINT(bugprone-use-after-move): what a move leaves is part of the contract
    a = std::move(b);
    EXPECT_EQ(a.size(), 4U);
    EXPECT_TRUE(SecretBytes(0).empty());
}

TEST(SecretBytesTest, TruncateWipesTheRest) {
    auto a = SecretBytes::copy_of(std::string_view("secret"));
    const auto* rest = a.view().data() + 2;
    a.truncate(2);
    EXPECT_EQ(a.text(), "se");
    EXPECT_EQ(rest[0], 0);
    EXPECT_EQ(rest[3], 0);
    a.truncate(5);  // does not grow
    EXPECT_EQ(a.size(), 2U);
}

TEST(SecretBytesTest, ComparesInFull) {
    const auto a = SecretBytes::copy_of(std::string_view("same"));
    EXPECT_TRUE(constant_time_equal(a.view(), a.clone().view()));
    EXPECT_FALSE(constant_time_equal(a.view(), SecretBytes::copy_of(std::string_view("sane")).view()));
    EXPECT_FALSE(constant_time_equal(a.view(), SecretBytes::copy_of(std::string_view("sam")).view()));
    EXPECT_TRUE(constant_time_equal({}, {}));
}

TEST(SecretBytesTest, LargeBuffersFallBackWhenTheLockedHeapIsFull) {
    (void)init_secure_heap(65536);
    auto locked = SecretBytes(1024);
    auto large = SecretBytes(1 << 20);
    large.writable().back() = 1;
    EXPECT_EQ(large.view().back(), 1);
}

}  // namespace
}  // namespace coffer::crypto
