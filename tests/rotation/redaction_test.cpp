// What a program said is shown without the secrets that its step knew, however it spells them.

#include "daemon/rotation/redaction.hpp"

#include <gtest/gtest.h>

#include <string>

namespace coffer::rotation {
namespace {

using crypto::SecretBytes;

std::string redacted(std::string_view value, std::string_view text) {
    Redactor redactor;
    redactor.add(SecretBytes::copy_of(value));
    return redactor.redact(text);
}

TEST(Redaction, FindsAValueWhereverItStands) {
    EXPECT_EQ(redacted("s3cret", "login with s3cret failed (s3crets3cret)"), "login with *** failed (***)");
    EXPECT_EQ(redacted("s3cret", "nothing of it"), "nothing of it");
    EXPECT_EQ(redacted("s3cret", ""), "");
    EXPECT_EQ(redacted("", "empty"), "empty");
}

TEST(Redaction, FindsTheTextsOfAJsonObjectByThemselves) {
    const auto value =
        R"({"host":"db.example","port":5432,"username":"app","password":"p\"w\\1","pin":4711,"n":7,
                           "nested":{"keys":["alpha-key",{"deep":"omega-key"}]}})";
    EXPECT_EQ(redacted(value, R"(p"w\1 at db.example:5432 as app)"), "*** at db.example:5432 as app");
    EXPECT_EQ(redacted(value, R"(as JSON: p\"w\\1)"), "as JSON: ***");
    EXPECT_EQ(redacted(value, "alpha-key omega-key 4711 exit 7"), "*** *** *** exit 7");
}

// base64 and hexadecimal by coreutils: printf 'hunter2-hunter2' | base64; od -An -tx1; python3's
// urllib.parse.quote.
TEST(Redaction, FindsWhatIsEncoded) {
    EXPECT_EQ(redacted("hunter2-hunter2", "aHVudGVyMi1odW50ZXIy"), "***");
    EXPECT_EQ(redacted("hunter2-hunter2", "68756e746572322d68756e74657232 68756E746572322D68756E74657232"),
              "*** ***");
    EXPECT_EQ(redacted("p@ss/word+1", "postgres://app:p%40ss%2Fword%2B1@db"), "postgres://app:***@db");
    // In the middle of something longer, at each of the three places that it can have: "user:...!", "u:...!",
    // "us:...!".
    EXPECT_EQ(redacted("hunter2-hunter2", "Basic dXNlcjpodW50ZXIyLWh1bnRlcjIh"), "Basic dXNlcj***h");
    EXPECT_EQ(redacted("hunter2-hunter2", "Basic dTpodW50ZXIyLWh1bnRlcjIh"), "Basic dT***h");
    EXPECT_EQ(redacted("hunter2-hunter2", "Basic dXM6aHVudGVyMi1odW50ZXIyIQ=="), "Basic dXM***Q==");
}

// python3: urllib.parse.quote("p@ss word+1/"), quote_plus of the same.
TEST(Redaction, FindsWhatPythonEncodesForUrls) {
    EXPECT_EQ(redacted("p@ss word+1/", "GET /p%40ss%20word%2B1/ failed"), "GET /*** failed");
    EXPECT_EQ(redacted("p@ss word+1/", "key=p%40ss+word%2B1%2F&x=1"), "key=***&x=1");
}

TEST(Redaction, AddressesAreSecretsToo) {
    const auto value =
        R"({"host":"db.example","url":"https://app:pw@db.example/x","endpoint":"https://k3y.example"})";
    EXPECT_EQ(redacted(value, "db.example: https://app:pw@db.example/x, https://k3y.example."),
              "db.example: ***, ***.");
}

TEST(Redaction, FindsTheBeginningOfAValueAtTheEnd) {
    EXPECT_EQ(redacted("s3cret-value", "the value is s3cret-va"), "the value is ***");
    EXPECT_EQ(redacted("s3cret-value", "the value is s3cr"), "the value is ***");
    EXPECT_EQ(redacted("s3cret-value", "the value is s3c"), "the value is s3c") << "may be anything";
    EXPECT_EQ(redacted("s3cret-value", "s3cret-va is not the end"), "s3cret-va is not the end");
    EXPECT_EQ(redacted("s3cret-value", "s3cr"), "***");
    // "u:hunter2-hunter2" as above, torn.
    EXPECT_EQ(redacted("hunter2-hunter2", "Basic dTpodW50ZXIyLWh1"), "Basic dT***");
}

TEST(Redaction, OfShortTextsOnlyWholeWordsAreMeant) {
    EXPECT_EQ(redacted("ab", "ab cab abc (ab)"), "*** cab abc (***)");
}

TEST(Redaction, FindsTheLinesOfALongerValue) {
    EXPECT_EQ(redacted("-----BEGIN-----\nMIIEvQIBADANBg\nkqhkiG9w0BAQEF\n", "line 2 is kqhkiG9w0BAQEF"),
              "line 2 is ***");
}

TEST(Redaction, OverlappingValuesLeaveNothing) {
    Redactor redactor;
    redactor.add(SecretBytes::copy_of(std::string_view("abcdef")));
    redactor.add(SecretBytes::copy_of(std::string_view("defghi")));
    EXPECT_EQ(redactor.redact("x abcdefghi y"), "x *** y");
}

TEST(LastWords, AreOneLineOfWhatCameLast) {
    EXPECT_EQ(last_words("one\ntwo\n\n  \nthree\n", 2, 100), "two | three");
    EXPECT_EQ(last_words("a\x1b[31mred\a\nb\tc", 5, 100), "a?[31mred? | b?c");
    EXPECT_EQ(last_words("abcdef", 5, 3), "abc...");
    EXPECT_EQ(last_words("", 5, 3), "");
}

TEST(LastWords, LeaveATornLineOut) {
    EXPECT_EQ(without_torn_line("cret tail\nwhole line\n", true), "whole line\n");
    EXPECT_EQ(without_torn_line("whole line\n", false), "whole line\n");
    EXPECT_EQ(without_torn_line("one line without end", true), "");
}

}  // namespace
}  // namespace coffer::rotation
