// What a terminal would obey is shown. Code points: Unicode's code charts; Bidi_Control: PropList.txt of the
// Unicode Character Database.

#include "client/coffer/visible.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "client/coffer/columns.hpp"
#include "proto/utf8.hpp"

namespace coffer::cli {
namespace {

using namespace std::string_view_literals;

std::string shown(std::string_view text) {
    return std::string(view(visible(text)));
}

TEST(Visible, ControlsAreWrittenAsInJson) {
    EXPECT_EQ(shown("\x1b[31m"), R"(\u001b[31m)");
    EXPECT_EQ(shown("a\0b"sv), R"(a\u0000b)");
    EXPECT_EQ(shown("\b\t\n\f\r\x07"), R"(\b\t\n\f\r\u0007)");
    EXPECT_EQ(shown("\x7f"), R"(\u007f)");
    EXPECT_EQ(shown("\xc2\x80\xc2\x9b\xc2\x9f"), R"(\u0080\u009b\u009f)") << "C1; U+009B is CSI";
}

TEST(Visible, WhatTurnsTextAroundIsShown) {
    for (const char32_t c : {0x061c, 0x200e, 0x200f, 0x202a, 0x202b, 0x202c, 0x202d, 0x202e, 0x2066, 0x2067,
                             0x2068, 0x2069, 0x2028, 0x2029}) {
        EXPECT_TRUE(proto::is_control(c)) << static_cast<unsigned>(c);
    }
    EXPECT_EQ(shown("a\xe2\x80\xae"
                    "b"),
              R"(a\u202eb)");
    EXPECT_EQ(shown("\xd8\x9c"), R"(\u061c)");
}

TEST(Visible, TextIsLeftAlone) {
    // Latin, Hebrew, a joined emoji, no-break space, a backslash
    const std::string text =
        "na\xc3\xafve \xd7\xa9 \xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x94\xac \xc2\xa0 \\n";
    EXPECT_EQ(shown(text), text);
    EXPECT_EQ(shown(""), "");
}

TEST(Visible, BytesThatAreNoTextAreShownOneByOne) {
    EXPECT_EQ(shown("a\xff\xc3z"), R"(a\xff\xc3z)");
    EXPECT_EQ(shown("\x9b"), R"(\x9b)") << "C1 in a terminal that is not in UTF-8";
}

TEST(Visible, LinesKeepTheirEndsAndTabs) {
    EXPECT_EQ(view(visible_lines("a\tb\n\x1b\r\nc\rd")), "a\tb\n\\u001b\r\nc\\rd");
}

TEST(Visible, CellsOfColumnsAreShownSo) {
    Columns columns({"NAME", "DESCRIPTION"});
    columns.add({"a\x1b[2J", "b\nc"});
    EXPECT_EQ(columns.text(), "NAME        DESCRIPTION\na\\u001b[2J  b\\nc\n");
}

}  // namespace
}  // namespace coffer::cli
