#include "daemon/base/unique_function.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

namespace coffer {
namespace {

TEST(UniqueFunction, HoldsWhatCannotBeCopied) {
    auto value = std::make_unique<int>(42);
    UniqueFunction<int(int)> f = [value = std::move(value)](int add) { return *value + add; };
    EXPECT_TRUE(static_cast<bool>(f));
    EXPECT_EQ(f(1), 43);

    UniqueFunction<int(int)> moved = std::move(f);
    EXPECT_EQ(moved(2), 44);
    EXPECT_FALSE(static_cast<bool>(UniqueFunction<void()>()));
}

TEST(UniqueFunction, PassesMoveOnlyArgumentsOn) {
    UniqueFunction<std::string(std::unique_ptr<std::string>)> f = [](std::unique_ptr<std::string> text) {
        return *text;
    };
    EXPECT_EQ(f(std::make_unique<std::string>("through")), "through");
}

TEST(UniqueFunction, KeepsStateBetweenCallsAndFreesItOnce) {
    auto alive = std::make_shared<int>(0);
    {
        UniqueFunction<int()> count = [alive] { return ++*alive; };
        EXPECT_EQ(count(), 1);
        EXPECT_EQ(count(), 2);
        EXPECT_EQ(alive.use_count(), 2);
        count = UniqueFunction<int()>([] { return 0; });
        EXPECT_EQ(alive.use_count(), 1);
    }
    EXPECT_EQ(alive.use_count(), 1);
}

}  // namespace
}  // namespace coffer
