// What a program said is shown without the secrets that its step knew, however it spells them.

#include "daemon/rotation/redaction.hpp"

#include <gtest/gtest.h>

#include <ctime>
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

// Each as the encoder that is named writes the value by its own rules.
TEST(Redaction, FindsWhatIsSpelledInAnyWay) {
    const std::string value = "a<b>&'\"/\\\u00f6+9";
    for (const char* spelled : {
             R"(a\u003cb\u003e\u0026'\"/\\\u00f6+9)",                          // Go's encoding/json
             R"(a\u003Cb\u003E\u0026\u0027\u0022\u002F\u005C\u00F6\u002B9)",   // capitals, all of it
             R"(a<b>&'\"\/\\\u00f6+9)",                                        // PHP's json_encode
             R"(a<b>&'\"/\\\u00f6+9)",                                         // Python's json.dumps
             "a<b>&'\\\"/\\\\\u00f6+9",                                        // RFC 8259's own
             R"(a\\u003cb\\u003e\\u0026'\\\"/\\\\\\u00f6+9)",                  // Go's, as text in JSON
             R"(a\\\\u003cb\\\\u003e\\\\u0026'\\\\\\\"/\\\\\\\\\\\\u00f6+9)",  // and once more
             "a%3Cb%3E%26%27%22%2F%5C%C3%B6%2B9",                              // RFC 3986
             "a%3cb%3e%26%27%22%2f%5c%c3%b6%2b9",                              // in small letters
             "a%3Cb%3E%26'%22/%5C%C3%B6+9",                                    // JavaScript's encodeURI
             "a%253Cb%253E%2526%2527%2522%252F%255C%25C3%25B6%252B9",          // twice
             "a&lt;b&gt;&amp;'&quot;/\\\u00f6+9",                              // htmlspecialchars
             "a&lt;b&gt;&amp;&#39;&#34;/\\&ouml;+9",  // html.EscapeString, htmlentities
             "a&#x3C;b&#x3e;&#38;&#x27;&#034;&sol;&bsol;&#246;&plus;9",
             R"(a\x3cb\x3e\x26\x27\x22\x2f\x5c\xc3\xb6\x2b9)",  // bytes
             R"(a\x3Cb\x3E\x26\'\"/\\\xf6+9)",                  // code points
             R"(a\74b\76\46\47\42\57\134\303\266\0539)",        // octal numbers
             R"(a\<b\>\&\'\"/\\\303\266\+9)",                   // a shell's quoting
             R"(a\u{3c}b>&'"/\\\u{f6}+9)",
             R"(a\u0026lt;b&gt;\u0026amp;'&#34;/\\\u00f6+9)",  // HTML in Go's JSON
         }) {
        EXPECT_EQ(redacted(value, std::string("before ") + spelled + " after"), "before *** after")
            << spelled;
    }
    EXPECT_EQ(redacted("p w+1", "key=p+w%2b1&x=1"), "key=***&x=1");
    // A character outside of the first 65,536 is a pair in JSON.
    EXPECT_EQ(redacted("key-\U0001F600-end", R"(x key-\ud83d\ude00-end y key-\U0001F600-end z)"),
              "x *** y *** z");
}

TEST(Redaction, WhatOnlyLooksSpelledIsFoundToo) {
    // Written as they are, and by JSON, which leaves the first three as they are.
    EXPECT_EQ(redacted("50%41+&lt;", "is 50%41+&lt; here"), "is *** here");
    EXPECT_EQ(redacted("50%41<x", R"(is 50%41\u003cx here)"), "is *** here");
    EXPECT_EQ(redacted("&lt;<key", R"(is &lt;\u003ckey here)"), "is *** here");
    EXPECT_EQ(redacted(R"(a\u0041b%2f)", R"(is a\u0041b%2f, a\\u0041b%2f and a%5Cu0041b%252f)"),
              "is ***, *** and ***");
    // Behind a backslash of something else.
    EXPECT_EQ(redacted("nice-pass", R"(C:\nice-pass)"), R"(C:\***)");
}

TEST(Redaction, LeavesTheRestAsItIsWritten) {
    EXPECT_EQ(redacted("s<cret", R"(\u0041 %41 &amp; s\u003cret & s%3Ccret \)"),
              R"(\u0041 %41 &amp; s\u003cret & *** \)");
    for (const char* text : {"", "\\", "\\u", "\\u00", "%", "%4", "&", "&am", "\\ud83d", "\\x", "100% of it",
                             "\\u{110000}", "\\u{}", "&#1114112;", "&nothing;", "\\400"}) {
        EXPECT_EQ(redacted("s<cret", text), text);
    }
}

TEST(Redaction, FindsTheBeginningOfASpelledValueAtTheEnd) {
    EXPECT_EQ(redacted("s<cret-value", R"(is s\u003ccret)"), "is ***");
    EXPECT_EQ(redacted("cret<-value", R"(is cret\u00)"), "is ***");
    EXPECT_EQ(redacted("cret<-value", "is cret%3"), "is ***");
    EXPECT_EQ(redacted("cret<-value", "is cret&l"), "is ***");
    EXPECT_EQ(redacted("cret\U0001F600-value", R"(is cret\ud83d\ud)"), "is ***");
}

// printf '{"p":"a\\"b-long-one"}' | base64, of JSON that is encoded as a whole; the characters on either side
// have bits of it, or may.
TEST(Redaction, FindsWhatIsEscapedAndThenEncoded) {
    EXPECT_EQ(redacted("a\"b-long-one", "eyJwIjoiYVwiYi1sb25nLW9uZSJ9"), "eyJwIjo***J9");
}

TEST(Redaction, OfALongValueEachPieceCounts) {
    std::string value;
    for (int i = 0; i < 50; ++i) value += "<" + std::to_string(1000 + i * 7) + "/";
    EXPECT_EQ(redacted(value, "all of it: " + value + "."), "all of it: ***.");
    std::string spelled;
    for (const char c : value) spelled += c == '<' ? "\\u003C" : c == '/' ? "\\/" : std::string(1, c);
    EXPECT_EQ(redacted(value, "all of it: " + spelled + "."), "all of it: ***.");
}

// What a program may say at most, of what is worst: everything is the beginning of something, and is spelled.
TEST(Redaction, TakesTimeInProportionToTheText) {
    Redactor redactor;
    redactor.add(SecretBytes::copy_of(std::string(60'000, 'a') + "b"));
    std::string lines;
    for (int i = 0; i < 6'000; ++i) lines += "aaaa%" + std::to_string(10'000 + i) + "\n";
    redactor.add(SecretBytes::copy_of(lines));
    const auto begin = std::clock();
    const auto shown =
        redactor.redact(std::string(900'000, 'a') + " " + std::string(100'000, '\\') + "%25252541&amp;amp;");
    EXPECT_LT(std::clock() - begin, 30 * CLOCKS_PER_SEC) << "of the processor's time";
    EXPECT_LT(shown.size(), 200'000U);
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
