// Texts with places for fields of secrets. What values become: RFC 3986, section 2.1, RFC 8259, section 7,
// and the URL standard's application/x-www-form-urlencoded.

#include "daemon/rotation/text_template.hpp"

#include <gmock/gmock.h>

#include "daemon/rotation/function.hpp"

namespace coffer::rotation {
namespace {

using ::testing::ElementsAre;

std::string filled(const std::string& text, const std::string& value, Escape escape) {
    const auto made = TextTemplate::parse(text).fill(
        [&value](std::string_view) -> std::string_view { return value; }, escape);
    return std::string(made.text());
}

TEST(TextTemplate, PutsValuesIntoTheirPlaces) {
    EXPECT_EQ(filled("/v1/keys/${id}/x", "k", Escape::path), "/v1/keys/k/x");
    EXPECT_EQ(filled("${a}${b}", "k", Escape::path), "kk");
    EXPECT_EQ(filled("costs $$5", "k", Escape::path), "costs $5");
    EXPECT_EQ(filled("", "k", Escape::path), "");
    EXPECT_THAT(TextTemplate::parse("x${a}y${admin.b}").names(), ElementsAre("a", "admin.b"));
}

TEST(TextTemplate, MakesValuesSafeForWhereTheyStand) {
    EXPECT_EQ(filled("/${a}", "../a b?c#d%\xC3\xA9~", Escape::path), "/..%2Fa%20b%3Fc%23d%25%C3%A9~");
    EXPECT_EQ(filled("a=${a}", "x&y=z +\xC3\xA9", Escape::form), "a=x%26y%3Dz+%2B%C3%A9");
    EXPECT_EQ(filled(R"({"a":"${a}"})", "q\"b\\n\n\xC3\xA9", Escape::json),
              "{\"a\":\"q\\u0022b\\u005Cn\\u000A\xC3\xA9\"}");
    EXPECT_EQ(filled("Bearer ${a}", "t/+=", Escape::header), "Bearer t/+=");
}

TEST(TextTemplate, AHeaderHasNoLinesEnd) {
    for (const auto* value : {"a\r\nX-Evil: 1", "a\n", "\x7f", "\x01"}) {
        EXPECT_THROW(filled("Bearer ${a}", value, Escape::header), StepFailed) << value;
    }
}

TEST(TextTemplate, AValueDoesNotLeaveItsFolder) {
    for (const auto* value : {".", ".."})
        EXPECT_THROW(filled("/keys/${a}", value, Escape::path), StepFailed) << value;
    EXPECT_EQ(filled("/keys/${a}", "...", Escape::path), "/keys/...");
}

TEST(TextTemplate, WhatIsNoPlaceIsRefused) {
    for (const auto* text : {"$", "${", "${a", "${}", "$a", "x$"}) {
        EXPECT_THROW(static_cast<void>(TextTemplate::parse(text)), Error) << text;
    }
}

}  // namespace
}  // namespace coffer::rotation
