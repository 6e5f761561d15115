// Numbers, dates, addresses, base64, wildcards and ARNs by themselves. Sources are named beside the values.

#include "daemon/access/values.hpp"

#include <gtest/gtest.h>

#include <random>
#include <span>
#include <vector>

#include "daemon/access/actions.hpp"
#include "daemon/access/arn.hpp"
#include "daemon/access/glob.hpp"
#include "policy_fixture.hpp"

namespace coffer::access {
namespace {

TEST(Values, Numbers) {
    EXPECT_EQ(parse_number("7"), 7.0);
    EXPECT_EQ(parse_number("-0.5"), -0.5);
    EXPECT_EQ(parse_number("+12"), 12.0);
    EXPECT_EQ(parse_number("007"), 7.0);
    for (const auto* text :
         {"", "-", "+", ".5", "5.", "1e3", "0x7", "1,000", " 7", "7 ", "--7", "1.2.3", "nan", "inf"}) {
        EXPECT_FALSE(parse_number(text)) << text;
    }
}

// W3C NOTE-datetime; the seconds were computed by hand: 20,635 days from 1970-01-01 to 2026-07-01.
TEST(Values, Dates) {
    constexpr std::int64_t kMicros = 1'000'000;
    constexpr std::int64_t kJuly = std::int64_t{20'635} * 86'400 * kMicros;
    for (const auto* text :
         {"2026-07-01T00:00:00Z", "2026-07-01T00:00Z", "2026-07-01t00:00:00z", "2026-07-01", "2026-07",
          "2026-07-01T02:00:00+02:00", "2026-07-01T02:00+0200", "2026-06-30T19:30:00-04:30",
          "2026-07-01T00:00:00.000000Z", "1782864000", "1782864000.0"}) {
        EXPECT_EQ(parse_date(text), kJuly) << text;
    }
    EXPECT_EQ(parse_date("2026-07-01T00:00:00.25Z"), kJuly + kMicros / 4);
    EXPECT_EQ(parse_date("1782864000.25"), kJuly + kMicros / 4);
    EXPECT_EQ(parse_date("1970"), 0);
    EXPECT_EQ(parse_date("0"), 0);
    EXPECT_EQ(parse_date("-1"), -kMicros);
    EXPECT_EQ(parse_date("1969-12-31T23:59:59Z"), -kMicros);
    EXPECT_EQ(parse_date("2024-02-29"), std::int64_t{19'782} * 86'400 * kMicros);
    for (const auto* text : {"",
                             "2026-13",
                             "2026-00",
                             "2026-02-29",
                             "2026-7-1",
                             "26-07-01",
                             "2026-07-01T",
                             "2026-07-01T00:00",
                             "2026-07-01T24:00Z",
                             "2026-07-01T00:60Z",
                             "2026-07-01T00:00:60Z",
                             "2026-07-01T00:00:00.Z",
                             "2026-07-01 00:00Z",
                             "2026-07-01T00:00Zx",
                             "2026-07T00:00Z",
                             "2026T00:00Z",
                             "20260701",
                             "2026-07-01T00:00+24:00",
                             "2026-07-",
                             "1782864000.",
                             "1782864000x",
                             "1234567890123",
                             "--1",
                             "yesterday"}) {
        if (std::string_view(text) == "20260701") {
            EXPECT_TRUE(parse_date(text)) << "eight digits are seconds of the epoch";
            continue;
        }
        EXPECT_FALSE(parse_date(text)) << text;
    }
}

TEST(Values, Booleans) {
    EXPECT_EQ(parse_boolean("true"), true);
    EXPECT_EQ(parse_boolean("FALSE"), false);
    for (const auto* text : {"", "1", "yes", "true "}) EXPECT_FALSE(parse_boolean(text)) << text;
}

bool contains(const char* range, const char* address) {
    const auto network = parse_ip_range(range);
    const auto host = parse_ip_address(address);
    EXPECT_TRUE(network) << range;
    EXPECT_TRUE(host) << address;
    return network && host && network->contains(*host);
}

// RFC 4632; RFC 4291, 2.2 and 2.5.5.2.
TEST(Values, Addresses) {
    EXPECT_TRUE(contains("10.0.0.0/8", "10.255.255.255"));
    EXPECT_FALSE(contains("10.0.0.0/8", "11.0.0.0"));
    EXPECT_TRUE(contains("192.0.2.128/25", "192.0.2.128"));
    EXPECT_FALSE(contains("192.0.2.128/25", "192.0.2.127"));
    EXPECT_TRUE(contains("192.0.2.1/32", "::ffff:192.0.2.1"));
    EXPECT_TRUE(contains("::ffff:192.0.2.0/120", "192.0.2.77"));
    EXPECT_FALSE(contains("::/0", "192.0.2.1"));
    EXPECT_FALSE(contains("0.0.0.0/0", "2001:db8::1"));
    EXPECT_FALSE(contains("::/80", "::ffff:192.0.2.1"));
    EXPECT_TRUE(contains("2001:db8::/33", "2001:db8:7fff::1"));
    EXPECT_FALSE(contains("2001:db8::/33", "2001:db8:8000::1"));
    EXPECT_TRUE(parse_ip_range("10.0.0.1/8")->has_host_bits());
    EXPECT_FALSE(parse_ip_range("10.0.0.0/8")->has_host_bits());
    for (const auto* text :
         {"", "10.0.0", "10.0.0.256", "010.0.0.1", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8x",
          "::/129", "::g", "fe80::1%eth0", "10.0.0.0/0008", "/8", "10.0.0.1 "}) {
        EXPECT_FALSE(parse_ip_range(text)) << text;
    }
    EXPECT_FALSE(parse_ip_address("10.0.0.0/8"));
}

// RFC 4648, section 10.
TEST(Values, Base64) {
    const auto text = [](const char* encoded) {
        const auto bytes = parse_base64(encoded);
        return bytes ? std::string(as_text(*bytes)) : std::string("no");
    };
    EXPECT_EQ(text(""), "");
    EXPECT_EQ(text("Zg=="), "f");
    EXPECT_EQ(text("Zm8="), "fo");
    EXPECT_EQ(text("Zm9v"), "foo");
    EXPECT_EQ(text("Zm9vYmFy"), "foobar");
    for (const auto* encoded :
         {"Zg", "Zg=", "Zh==", "Zm9", "====", "Z===", "Zm=v", "Zm9v\n", "Zm9-", "=Zg="}) {
        EXPECT_EQ(text(encoded), "no") << encoded;
    }
}

bool like(const char* pattern, std::string_view text) {
    return glob_matches(to_glob(pattern), text);
}

TEST(Glob, Wildcards) {
    EXPECT_TRUE(like("", ""));
    EXPECT_FALSE(like("", "a"));
    EXPECT_TRUE(like("*", ""));
    EXPECT_TRUE(like("**", "abc"));
    EXPECT_TRUE(like("a*", "a"));
    EXPECT_TRUE(like("*a", "ba"));
    EXPECT_FALSE(like("*a", "ab"));
    EXPECT_TRUE(like("a*b*c", "abc"));
    EXPECT_TRUE(like("a*b*c", "axxbxxbxxc"));
    EXPECT_FALSE(like("a*b*c", "acb"));
    EXPECT_FALSE(like("ab*ba", "aba")) << "head and tail may not share a letter";
    EXPECT_TRUE(like("*a?c*", "xxabcxx"));
    EXPECT_FALSE(like("*a?c*", "xxacxx"));
    EXPECT_TRUE(like("?", "x"));
    EXPECT_FALSE(like("?", ""));
    EXPECT_TRUE(like("*ab*ab*", "abab"));
    EXPECT_FALSE(like("*ab*ab*", "aba"));
}

TEST(Glob, OneIsACharacterNotAByte) {
    EXPECT_TRUE(like("?", "\xC3\xA9"));
    EXPECT_FALSE(like("??", "\xC3\xA9"));
    EXPECT_TRUE(like("a?c",
                     "a\xE2\x82\xAC"
                     "c"));
    EXPECT_TRUE(like("*?", "\xF0\x9F\x94\x91"));
    EXPECT_FALSE(like("*??", "\xF0\x9F\x94\x91"));
    EXPECT_TRUE(like("*??x", "\xC3\xA9yx"));
    EXPECT_FALSE(like("*??\xC3\xA9", "\xC3\xA9\xC3\xA9"));
}

TEST(Glob, HostilePatternsAreHarmless) {
    std::string pattern;
    for (int i = 0; i < 2'000; ++i) pattern += "*a?";
    EXPECT_FALSE(like((pattern + "*b").c_str(), std::string(5'000, 'a')));
    EXPECT_FALSE(like((pattern + "*b").c_str(), std::string(5'000, 'a') + "\xC3\xA9"));
}

/// The characters of a text, or the marks and characters of a pattern.
std::vector<std::string> characters_of(std::string_view text) {
    std::vector<std::string> out;
    for (const char c : text) {
        if (out.empty() || (static_cast<unsigned char>(c) & 0xC0U) != 0x80U) out.emplace_back();
        out.back() += c;
    }
    return out;
}

/// The definition, word by word: `*` is nothing, or one character and a `*`.
bool plainly_like(std::span<const std::string> pattern, std::span<const std::string> text) {
    if (pattern.empty()) return text.empty();
    if (pattern.front() == "*") {
        return plainly_like(pattern.subspan(1), text) ||
               (!text.empty() && plainly_like(pattern, text.subspan(1)));
    }
    return !text.empty() && (pattern.front() == "?" || pattern.front() == text.front()) &&
           plainly_like(pattern.subspan(1), text.subspan(1));
}

/// As many of `letters` as there are, drawn at will.
std::string drawn(std::mt19937& random, const std::vector<std::string>& letters, std::size_t count) {
    std::string out;
    for (std::size_t i = 0; i < count; ++i) out += letters[random() % letters.size()];
    return out;
}

TEST(Glob, AsTheDefinitionSays) {
    // Texts of single bytes and others are matched in different ways.
    const std::vector<std::vector<std::string>> texts{{"a", "b"},
                                                      {"a", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x94\x91"}};
    std::mt19937 random(20'260'701);  // NOLINT(cert-msc51-cpp): the same each time
    std::size_t matches = 0;
    for (int round = 0; round < 40'000; ++round) {
        const auto& letters = texts[static_cast<std::size_t>(round) % 2];
        auto marked = letters;
        marked.insert(marked.end(), {"*", "?", "?"});
        const auto pattern = drawn(random, marked, random() % 9);
        const auto text = drawn(random, letters, random() % 11);
        const bool expected = plainly_like(characters_of(pattern), characters_of(text));
        matches += expected ? 1 : 0;
        ASSERT_EQ(like(pattern.c_str(), text), expected) << pattern << " and " << text;
    }
    EXPECT_GT(matches, 2'000U) << "both answers must be usual";
    EXPECT_LT(matches, 38'000U);
}

// Places around the 64 that are compared at once, where the end of a group or of the text could be missed.
TEST(Glob, FindsAtEveryPlace) {
    for (const std::string letter : {"a", "\xC3\xA9"}) {
        for (std::size_t before = 0; before < 140; ++before) {
            for (const std::size_t behind : {0U, 1U, 63U, 64U, 65U}) {
                std::string text;
                for (std::size_t i = 0; i < before; ++i) text += letter;
                text += "b" + letter + "c";
                for (std::size_t i = 0; i < behind; ++i) text += letter;
                EXPECT_TRUE(like("*b?c*", text)) << before << " " << behind;
                EXPECT_TRUE(like("*?b?c*", text) == (before > 0)) << before << " " << behind;
                EXPECT_TRUE(like("*b?c?*", text) == (behind > 0)) << before << " " << behind;
                EXPECT_FALSE(like("*b?c*b?c*", text)) << before << " " << behind;
                EXPECT_FALSE(like("*b?b*", text)) << before << " " << behind;
            }
        }
    }
}

TEST(Glob, WorkIsBounded) {
    const auto repeated = [](const std::string& piece, std::size_t count) {
        std::string out;
        for (std::size_t i = 0; i < count; ++i) out += piece;
        return out;
    };
    const auto looks = [](const std::string& pattern, const std::string& text) {
        return glob_answer(to_glob(pattern), text).looks;
    };
    for (const std::string letter : {"a", "\xC3\xA9"}) {
        const auto text = repeated(letter, 2'048);
        // One letter behind its question marks is a search for one letter.
        EXPECT_EQ(looks("*" + repeated("?", 1'008) + "b*", text), 0U);
        // More pattern than text: nothing is compared.
        EXPECT_EQ(looks("*" + repeated("?" + letter, 2'048) + "?b*", text), 0U);
        // 503 letters and the b are compared with 2,048 - 1,007 + 1 places at most: 17 groups of 64. (The
        // first question mark is a place less of both.)
        const auto every_other = looks("*" + repeated("?" + letter, 503) + "?b*", text);
        EXPECT_GT(every_other, 0U);
        EXPECT_LE(every_other, 504U * 17U);
        // Many short pieces: each of p characters once, and n * m / 64 for the places that they pass over.
        const auto many = looks(repeated("*" + letter + "?" + letter, 600) + "*b?b*", text);
        EXPECT_GT(many, 0U);
        EXPECT_LE(many, 600U * 2U + 2U + 2'048U * 3U / 64U);
    }
}

TEST(Glob, Covers) {
    const auto covers = [](const char* a, const char* b) { return glob_covers(to_glob(a), to_glob(b)); };
    EXPECT_TRUE(covers("*", "a*b?"));
    EXPECT_TRUE(covers("a*", "ab*"));
    EXPECT_TRUE(covers("a*", "a"));
    EXPECT_TRUE(covers("a?", "ab"));
    EXPECT_TRUE(covers("a?", "a?"));
    EXPECT_FALSE(covers("a?", "a*"));
    EXPECT_FALSE(covers("ab*", "a*"));
    EXPECT_FALSE(covers("??", "\xC3\xA9"));
    EXPECT_TRUE(covers("*-??????", "*-??????"));
}

TEST(Arns, Parts) {
    const auto arn = split_arn("arn:aws:secretsmanager:us-east-1:111122223333:secret:a:b");
    ASSERT_TRUE(arn);
    EXPECT_EQ(arn->service(), "secretsmanager");
    EXPECT_EQ(arn->region(), "us-east-1");
    EXPECT_EQ(arn->account(), "111122223333");
    EXPECT_EQ(arn->resource(), "secret:a:b");
    for (const auto* text : {"", "*", "arn", "arn:aws:a:b:c", "ARN:aws:a:b:c:d", "urn:aws:a:b:c:d"}) {
        EXPECT_FALSE(split_arn(text)) << text;
    }
    EXPECT_EQ(split_arn_pattern("arn:aws:iam::${aws:PrincipalAccount}:user/${aws:username}")->account(),
              "${aws:PrincipalAccount}");
}

// Service authorization reference: 23 actions, three of them without a resource type.
TEST(Actions, SecretsManagerIsWhole) {
    std::size_t actions = 0;
    std::size_t without_resource = 0;
    for (const auto& info : action_table()) {
        if (!info.name.starts_with("secretsmanager:")) continue;
        ++actions;
        without_resource += info.resource == ResourceType::none ? 1U : 0U;
    }
    EXPECT_EQ(actions, 23U);
    EXPECT_EQ(without_resource, 3U);
    EXPECT_EQ(matching_actions("*").count(), kActions);
    EXPECT_EQ(matching_actions("secretsmanager:*").count(), 23U);
    EXPECT_EQ(matching_actions("SecretsManager:LISTSECRETS").count(), 1U);
    EXPECT_EQ(matching_actions("secretsmanager:List*").count(), 2U);
    EXPECT_EQ(find_action("secretsmanager:getsecretvalue"), Action::get_secret_value);
    EXPECT_FALSE(find_action("secretsmanager:GetSecret"));
}

TEST(Keys, NamesAreNotCaseSensitive) {
    EXPECT_EQ(find_key("AWS:sourceIP").key, Key::source_ip);
    EXPECT_EQ(find_key("aws:principaltag/Team").key, Key::principal_tag);
    EXPECT_EQ(find_key("aws:principaltag/Team").name, "Team");
    EXPECT_TRUE(find_key("aws:ResourceTag/a").same_as(find_key("SecretsManager:resourcetag/A")));
    EXPECT_EQ(find_key("aws:PrincipalTag/").key, Key::other);
    EXPECT_EQ(find_key("example:Colour").name, "example:colour");
}

TEST(RequestContext, CopiesStandAlone) {
    const auto principal = test::alice();
    RequestContext first(principal, Action::get_secret_value, std::string(test::kSecretArn) + "a-Ab12Cd");
    first.set(Key::source_ip, "10.0.0.1");
    const RequestContext second(first);
    first.set(Key::source_ip, "10.0.0.2");
    EXPECT_EQ(second.values(find_key("aws:SourceIp"))[0], "10.0.0.1");
    EXPECT_EQ(second.resource_arn()->account(), "111122223333");
    EXPECT_NE(second.resource_arn()->account().data(), first.resource_arn()->account().data());
}

TEST(RequestContext, TimeIsWrittenAsIso) {
    EXPECT_EQ(format_iso_time(Timestamp::from_millis(1'782'864'000'999)), "2026-07-01T00:00:00Z");
    EXPECT_EQ(format_iso_time(Timestamp::from_millis(-1)), "1969-12-31T23:59:59Z");
}

}  // namespace
}  // namespace coffer::access
