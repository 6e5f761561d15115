#include "daemon/base/uuid.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <unordered_set>

namespace coffer {
namespace {

TEST(Uuid, ReadsAndWritesTheTextForm) {
    // RFC 4122, appendix C: the name space id of DNS names.
    constexpr std::string_view kDns = "6ba7b810-9dad-11d1-80b4-00c04fd430c8";
    const std::array<std::uint8_t, 16> bytes = {0x6b, 0xa7, 0xb8, 0x10, 0x9d, 0xad, 0x11, 0xd1,
                                                0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8};
    EXPECT_EQ(Uuid(bytes).text(), kDns);
    const auto parsed = Uuid::parse(kDns);
    ASSERT_TRUE(parsed.has_value());
    EXPECT_EQ(parsed->bytes(), bytes);
    EXPECT_EQ(Uuid::parse("6BA7B810-9DAD-11D1-80B4-00C04FD430C8"), parsed);
}

TEST(Uuid, DefaultIsNil) {
    EXPECT_EQ(Uuid().text(), "00000000-0000-0000-0000-000000000000");
}

TEST(Uuid, RefusesOtherTexts) {
    for (const auto* text : {
             "",
             "6ba7b810-9dad-11d1-80b4-00c04fd430c",     // a digit short
             "6ba7b810-9dad-11d1-80b4-00c04fd430c80",   // a digit long
             "6ba7b8109dad11d180b400c04fd430c8",        // no dashes
             "6ba7b810-9dad-11d1-80b400-c04fd430c8",    // a dash in the wrong place
             "6ba7b810-9dad-11d1-80b4-00c04fd430cg",    // not a digit
             "{6ba7b810-9dad-11d1-80b4-00c04fd430c8}",  // braces
             " 6ba7b810-9dad-11d1-80b4-00c04fd430c",    // a blank
             "6ba7b810-9dad-11d1-80b4-00c04fd430-8",    // a dash for a digit
             "6ba7b810+9dad-11d1-80b4-00c04fd430c8",    // not a dash
         }) {
        EXPECT_FALSE(Uuid::parse(text).has_value()) << text;
    }
    EXPECT_FALSE(Uuid::parse(std::string_view("6ba7b810-9dad-11d1-80b4-00c04fd430\0z", 36)).has_value());
}

TEST(Uuid, RandomOnesAreVersionFourAndDiffer) {
    std::set<Uuid> seen;
    std::unordered_set<Uuid> hashed;
    for (int i = 0; i < 1000; ++i) {
        const Uuid id = Uuid::random();
        const std::string text = id.text();
        // RFC 4122, 4.4: the version is 4 and the variant's two bits are 10.
        EXPECT_EQ(text[14], '4');
        EXPECT_TRUE(text[19] == '8' || text[19] == '9' || text[19] == 'a' || text[19] == 'b') << text;
        EXPECT_EQ(Uuid::parse(text), id);
        seen.insert(id);
        hashed.insert(id);
    }
    EXPECT_EQ(seen.size(), 1000U);
    EXPECT_EQ(hashed.size(), 1000U);
}

}  // namespace
}  // namespace coffer
