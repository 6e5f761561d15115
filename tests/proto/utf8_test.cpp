#include "proto/utf8.hpp"

#include <gtest/gtest.h>

#include <string>

namespace coffer::proto {
namespace {

TEST(Utf8Length, CountsCodePoints) {
    EXPECT_EQ(utf8_length(""), 0U);
    EXPECT_EQ(utf8_length("a"), 1U);
    EXPECT_EQ(utf8_length("exactly8"), 8U);
    EXPECT_EQ(utf8_length("\xC3\xA4"), 1U);          // U+00E4, two bytes
    EXPECT_EQ(utf8_length("\xE2\x82\xAC"), 1U);      // U+20AC, three
    EXPECT_EQ(utf8_length("\xF0\x9F\x94\x91"), 1U);  // U+1F511, four
    EXPECT_EQ(utf8_length(std::string(1, '\0')), 1U);
    // A character that straddles the words in which ASCII is skipped.
    EXPECT_EQ(utf8_length("1234567\xE2\x82\xAC"
                          "12345678abc"),
              19U);
}

TEST(Utf8Length, TellsWhatIsNotUtf8) {
    // RFC 3629, sections 3, 4 and 10.
    EXPECT_EQ(utf8_length("\x80"), std::nullopt);              // continuation without a head
    EXPECT_EQ(utf8_length("\xC3"), std::nullopt);              // cut short
    EXPECT_EQ(utf8_length("12345678\xE2\x82"), std::nullopt);  // cut short after whole words
    EXPECT_EQ(utf8_length("\xC3("), std::nullopt);             // head without a continuation
    EXPECT_EQ(utf8_length("\xC0\x80"), std::nullopt);          // overlong NUL
    EXPECT_EQ(utf8_length("\xE0\x80\xAF"), std::nullopt);      // overlong '/'
    EXPECT_EQ(utf8_length("\xED\xA0\x80"), std::nullopt);      // U+D800, a surrogate
    EXPECT_EQ(utf8_length("\xF4\x90\x80\x80"), std::nullopt);  // U+110000
    EXPECT_EQ(utf8_length("\xFF\xFE"), std::nullopt);          // UTF-16's mark
}

TEST(Printable, KeepsTextAndReplacesWhatSteersTerminals) {
    EXPECT_EQ(printable("caf\xC3\xA9", 256), "caf\xC3\xA9");
    EXPECT_EQ(printable("a\x1B[2Jb\n\x7F", 256), "a?[2Jb??");
    EXPECT_EQ(printable("\xC2\x85x", 256), "?x");                        // U+0085, a C1 control
    EXPECT_EQ(printable("a\xE2\x80\xAE\x62\xE2\x81\xA9", 256), "a?b?");  // U+202E, U+2069
    EXPECT_EQ(printable("a\xFF\xC3z", 256), "a??z");
}

TEST(Printable, CutsBetweenCharacters) {
    EXPECT_EQ(printable("abcd", 4), "abcd");
    EXPECT_EQ(printable("abcde", 4), "abcd...");
    EXPECT_EQ(printable("\xE2\x82\xAC\xE2\x82\xAC\xE2\x82\xAC", 2), "\xE2\x82\xAC\xE2\x82\xAC...");
}

}  // namespace
}  // namespace coffer::proto
