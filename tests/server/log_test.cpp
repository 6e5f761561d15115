// Log lines: whatever a name holds, a line stays a line and JSON stays JSON.

#include "daemon/server/log.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace coffer::server {
namespace {

using std::chrono::milliseconds;
using std::chrono::system_clock;

// 2026-11-25T08:20:00.123Z, by `date -u -d 2026-11-25T08:20:00Z +%s`.
const system_clock::time_point kTime{milliseconds(1795594800123)};

std::string quoted(std::string_view text) {
    std::string out;
    append_quoted(out, text);
    return out;
}

TEST(LogLine, Text) {
    EXPECT_EQ(format_log_line(LogFormat::text, kTime, LogLevel::info, "request",
                              {{"principal", std::string_view("app-a")},
                               {"reason", std::string_view("a b")},
                               {"empty", std::string_view()},
                               {"port", std::int64_t{7443}},
                               {"duration_ms", 1.25}}),
              "time=2026-11-25T08:20:00.123Z level=info message=\"request\" principal=app-a reason=\"a b\" "
              "port=7443 duration_ms=1.250");
}

TEST(LogLine, Json) {
    EXPECT_EQ(
        format_log_line(LogFormat::json, kTime, LogLevel::error, "it's \"broken\"",
                        {{"name", std::string_view("x=y")}, {"count", std::int64_t{-3}}}),
        "{\"time\":\"2026-11-25T08:20:00.123Z\",\"level\":\"error\",\"message\":\"it's \\\"broken\\\"\","
        "\"name\":\"x=y\",\"count\":-3}");
}

TEST(LogLine, ControlCharactersAreEscaped) {
    EXPECT_EQ(quoted("a\nb\rc\td\x1b[31m\x7f"), "\"a\\nb\\rc\\td\\u001b[31m\\u007f\"");
    EXPECT_EQ(quoted(std::string_view("\0", 1)), "\"\\u0000\"");
    EXPECT_EQ(quoted("\xc2\x9b"), "\"\\u009b\"");  // C1: CSI
    EXPECT_EQ(quoted("\xc2\xa0"), "\"\xc2\xa0\"");
    EXPECT_EQ(quoted("a\\\""), "\"a\\\\\\\"\"");
}

TEST(LogLine, InvalidUtf8IsReplaced) {
    // RFC 3629: overlong, surrogate, beyond U+10FFFF, cut off, stray continuation.
    EXPECT_EQ(quoted("\xc0\xaf"), "\"\xef\xbf\xbd\xef\xbf\xbd\"");
    EXPECT_EQ(quoted("\xed\xa0\x80"), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
    EXPECT_EQ(quoted("\xf4\x90\x80\x80"), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
    EXPECT_EQ(quoted("a\xe2\x82"), "\"a\xef\xbf\xbd\xef\xbf\xbd\"");
    EXPECT_EQ(quoted("\x80z"), "\"\xef\xbf\xbdz\"");
    EXPECT_EQ(quoted("\xe2\x82\xac\xf0\x9f\x94\x91"), "\"\xe2\x82\xac\xf0\x9f\x94\x91\"");
}

}  // namespace
}  // namespace coffer::server
