#include "daemon/base/bytes.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace coffer {
namespace {

TEST(Hex, WritesLowerCaseAndReadsBoth) {
    // RFC 4648, section 10: "foobar" in base 16 is 666F6F626172.
    EXPECT_EQ(to_hex(as_bytes("foobar")), "666f6f626172");
    EXPECT_EQ(as_text(from_hex("666F6F626172")), "foobar");
    EXPECT_EQ(as_text(from_hex("666f6f626172")), "foobar");
    EXPECT_EQ(to_hex({}), "");
    EXPECT_TRUE(from_hex("").empty());
    EXPECT_EQ(from_hex("00ff"), (Bytes{0x00, 0xFF}));
}

TEST(Hex, RefusesWhatIsNotHex) {
    EXPECT_THROW((void)from_hex("abc"), std::invalid_argument);
    EXPECT_THROW((void)from_hex("0g"), std::invalid_argument);
    EXPECT_THROW((void)from_hex("0x"), std::invalid_argument);
    EXPECT_THROW((void)from_hex(" 1"), std::invalid_argument);
}

TEST(CanonicalEncoder, IsWhatItsCommentSays) {
    // By hand: tag, 8-byte big-endian length, content.
    EXPECT_EQ(to_hex(CanonicalEncoder("d").result()), "73000000000000000164");
    EXPECT_EQ(to_hex(CanonicalEncoder("").text("ab").result()),
              "730000000000000000"
              "7300000000000000026162");
    EXPECT_EQ(to_hex(CanonicalEncoder("").bytes(from_hex("ff00")).result()),
              "730000000000000000"
              "620000000000000002ff00");
    EXPECT_EQ(to_hex(CanonicalEncoder("").number(258).number(-1).result()),
              "730000000000000000"
              "6e0000000000000102"
              "6effffffffffffffff");
    EXPECT_EQ(to_hex(CanonicalEncoder("").boolean(true).boolean(false).absent().list(3).result()),
              "730000000000000000"
              "54"
              "46"
              "2d"
              "6c0000000000000003");
}

TEST(CanonicalEncoder, OptionalIsItsValueOrAbsent) {
    const auto text = [](CanonicalEncoder& e, const std::string& value) { e.text(value); };
    EXPECT_EQ(CanonicalEncoder("d").optional(std::optional<std::string>("x"), text).result(),
              CanonicalEncoder("d").text("x").result());
    EXPECT_EQ(CanonicalEncoder("d").optional(std::optional<std::string>(), text).result(),
              CanonicalEncoder("d").absent().result());
}

// Every sequence of up to three fields out of a set that is chosen to collide under a careless encoding:
// contents that look like tags and lengths, empty and absent, the same bytes as text, bytes and number.
TEST(CanonicalEncoder, DifferentSequencesNeverEncodeAlike) {
    struct Field {
        std::string name;
        void (*encode)(CanonicalEncoder&);
    };
    const std::vector<Field> fields = {
        {"text()", [](CanonicalEncoder& e) { e.text(""); }},
        {"text(a)", [](CanonicalEncoder& e) { e.text("a"); }},
        {"text(aa)", [](CanonicalEncoder& e) { e.text("aa"); }},
        {"text(-)", [](CanonicalEncoder& e) { e.text("-"); }},
        {"text(T)", [](CanonicalEncoder& e) { e.text("T"); }},
        {"text(an encoded a)", [](CanonicalEncoder& e) { e.text(std::string("s\0\0\0\0\0\0\0\1a", 10)); }},
        {"bytes()", [](CanonicalEncoder& e) { e.bytes({}); }},
        {"bytes(a)", [](CanonicalEncoder& e) { e.bytes(as_bytes("a")); }},
        {"number(0)", [](CanonicalEncoder& e) { e.number(0); }},
        {"number(1)", [](CanonicalEncoder& e) { e.number(1); }},
        {"number(min)", [](CanonicalEncoder& e) { e.number(std::numeric_limits<std::int64_t>::min()); }},
        {"true", [](CanonicalEncoder& e) { e.boolean(true); }},
        {"false", [](CanonicalEncoder& e) { e.boolean(false); }},
        {"absent", [](CanonicalEncoder& e) { e.absent(); }},
        {"list(0)", [](CanonicalEncoder& e) { e.list(0); }},
        {"list(1)", [](CanonicalEncoder& e) { e.list(1); }},
    };
    std::map<Bytes, std::string> seen;
    const auto see = [&seen](const CanonicalEncoder& e, const std::string& name) {
        const auto [at, is_new] = seen.emplace(e.result(), name);
        EXPECT_TRUE(is_new) << name << " encodes like " << at->second;
    };
    see(CanonicalEncoder("d"), "nothing");
    for (const auto& a : fields) {
        CanonicalEncoder one("d");
        a.encode(one);
        see(one, a.name);
        for (const auto& b : fields) {
            CanonicalEncoder two = one;
            b.encode(two);
            see(two, a.name + "," + b.name);
            for (const auto& c : fields) {
                CanonicalEncoder three = two;
                c.encode(three);
                see(three, a.name + "," + b.name + "," + c.name);
            }
        }
    }
    EXPECT_EQ(seen.size(), 1U + 16U + 16U * 16U + 16U * 16U * 16U);
}

TEST(CanonicalEncoder, DomainsDiffer) {
    EXPECT_NE(CanonicalEncoder("coffer/seal/secret/v1").text("x").result(),
              CanonicalEncoder("coffer/seal/version/v1").text("x").result());
    // The domain cannot run into the first field.
    EXPECT_NE(CanonicalEncoder("ab").text("c").result(), CanonicalEncoder("a").text("bc").result());
}

TEST(CanonicalEncoder, TakeMovesTheResultOut) {
    CanonicalEncoder e("d");
    e.number(7);
    const Bytes expected = e.result();
    EXPECT_EQ(e.take(), expected);
}

}  // namespace
}  // namespace coffer
