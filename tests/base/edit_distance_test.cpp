// Distances counted by hand.

#include "daemon/base/edit_distance.hpp"

#include <gtest/gtest.h>

namespace coffer {
namespace {

TEST(EditDistance, CountsInsertionsDeletionsAndReplacements) {
    EXPECT_EQ(edit_distance("", ""), 0U);
    EXPECT_EQ(edit_distance("abc", ""), 3U);
    EXPECT_EQ(edit_distance("kitten", "sitting"), 3U) << "Levenshtein's usual example";
    EXPECT_EQ(edit_distance("lst", "ls"), 1U);
    EXPECT_EQ(edit_distance("ab", "ba"), 2U);
}

TEST(EditDistance, TheNearestWordIsGivenWhenItIsNear) {
    const std::vector<std::string> words{"get", "put", "history", "restore"};
    EXPECT_EQ(nearest_word("gett", words), "get");
    EXPECT_EQ(nearest_word("histroy", words), "history");
    EXPECT_EQ(nearest_word("frobnicate", words), "");
    EXPECT_EQ(nearest_word("x", {}), "");
}

}  // namespace
}  // namespace coffer
