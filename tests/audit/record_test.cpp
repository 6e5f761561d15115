// The layout of a record against docs/audit.md and sha256sum, not against our own writer.

#include "daemon/audit/record.hpp"

#include <gtest/gtest.h>

#include "daemon/audit/digest.hpp"
#include "daemon/audit/segment_header.hpp"

namespace coffer::audit {
namespace {

// FIPS 180-4's example "abc", and the empty message.
TEST(Sha256, KnownAnswers) {
    EXPECT_EQ(to_text(sha256("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(to_text(sha256({as_bytes("a"), as_bytes("bc")})), to_text(sha256("abc")));
    EXPECT_EQ(to_text(sha256("")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

// (head -c 32 /dev/zero; printf 'E 00000000000000000001 {"a":1}') | sha256sum
// and then (xxd -r -p of that; printf 'e 00000000000000000002 {"b":2}') | sha256sum
constexpr auto kFirst = "c94e76cf7bbaddddc9faafee76b32c259bb145ae72c38ea3f1b136adbe453155";
constexpr auto kSecond = "afba5ee04e61d2d689248eba57076a48da023bacaae8e5aa405480a97abcd179";

TEST(Record, LayoutAndChain) {
    std::string out;
    ChainState state;
    append_record(out, state, RecordKind::event, true, R"({"a":1})");
    append_record(out, state, RecordKind::event, false, R"({"b":2})");
    EXPECT_EQ(out, std::string("E 00000000000000000001 ") + kFirst + " {\"a\":1}\n" +
                       "e 00000000000000000002 " + kSecond + " {\"b\":2}\n");
    EXPECT_EQ(state.sequence, 2U);
    EXPECT_EQ(to_text(state.chain), kSecond);
}

TEST(Record, ParsesWhatTheLayoutSays) {
    const auto line = std::string("e 00000000000000000002 ") + kSecond + " {\"b\":2}";
    const auto record = parse_record(line);
    ASSERT_TRUE(record);
    EXPECT_EQ(record->kind, RecordKind::event);
    EXPECT_FALSE(record->first_of_batch);
    EXPECT_EQ(record->sequence, 2U);
    EXPECT_EQ(record->json, "{\"b\":2}");
    EXPECT_TRUE(follows({1, *digest_from_text(kFirst)}, *record));
    EXPECT_FALSE(follows({2, *digest_from_text(kFirst)}, *record));
    EXPECT_FALSE(follows({1, *digest_from_text(kSecond)}, *record));
}

TEST(Record, HasOneSpelling) {
    const auto good = std::string("E 00000000000000000001 ") + kFirst + " {}";
    ASSERT_TRUE(parse_record(good));
    const auto with = [&](std::size_t at, char c) {
        auto line = good;
        line[at] = c;
        return line;
    };
    EXPECT_FALSE(parse_record(with(0, 'X')));
    EXPECT_FALSE(parse_record(with(0, 'h')));
    EXPECT_FALSE(parse_record(with(1, '\t')));
    EXPECT_FALSE(parse_record(with(2, '+')));
    EXPECT_FALSE(parse_record(with(2, '9')));  // over 2^64
    EXPECT_FALSE(parse_record(with(22, '0')));
    EXPECT_FALSE(parse_record(with(23, 'F')));
    EXPECT_FALSE(parse_record(with(87, '_')));
    EXPECT_FALSE(parse_record(good.substr(0, 88)));
    EXPECT_FALSE(parse_record(""));
}

TEST(SegmentHeader, RoundTripAndOneSpelling) {
    SegmentHeader header;
    header.journal = *Uuid::parse("7116c6a1-0000-4000-8000-000000000001");
    header.node = "n\"1";
    header.segment = 7;
    header.abandoned = AbandonedEnd{6, 4096};
    header.time = Timestamp::from_millis(1'790'000'000'000);
    const auto text = to_json(header);
    EXPECT_EQ(text, R"({"format":"coffer-journal/1","journal":"7116c6a1-0000-4000-8000-000000000001",)"
                    R"("node":"n\"1","segment":7,"previous":")" +
                        std::string(64, '0') +
                        R"(","abandoned":{"segment":6,"bytes":4096},"timeMs":1790000000000})");
    const auto again = parse_segment_header(text);
    ASSERT_TRUE(again);
    EXPECT_EQ(again->segment, 7U);
    EXPECT_EQ(again->abandoned->bytes, 4096U);
    EXPECT_FALSE(parse_segment_header(text + " "));
    EXPECT_FALSE(parse_segment_header(R"({"format":"coffer-journal/1"})"));
    EXPECT_FALSE(parse_segment_header("[]"));
}

}  // namespace
}  // namespace coffer::audit
