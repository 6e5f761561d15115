// The stored layout, by hand.

#include "crypto/payload_format.hpp"

#include <gtest/gtest.h>

#include "daemon/base/errors.hpp"

namespace coffer::crypto {
namespace {

Bytes stored(std::string_view header, std::size_t body) {
    auto out = from_hex(header);
    out.resize(out.size() + body);
    return out;
}

TEST(PayloadFormat, TakesSegmentsApart) {
    // Segments of 10 bytes, stored as 12 + 10 + 16 = 38; 25 bytes are 10, 10 and 5.
    const auto bytes = stored("0101010c0000000a", 38 + 38 + 33);
    const auto layout = PayloadLayout::parse(bytes);
    EXPECT_EQ(layout.segments(), 3U);
    EXPECT_EQ(layout.plaintext_bytes(), 25U);
    EXPECT_EQ(layout.segment(0).size(), 38U);
    EXPECT_EQ(layout.segment(1).data(), bytes.data() + 8 + 38);
    EXPECT_EQ(layout.segment(2).size(), 33U);
    EXPECT_EQ(layout.header().iv_mode, IvMode::caller);
    EXPECT_EQ(to_hex(encode_header(layout.header())), "0101010c0000000a");
}

TEST(PayloadFormat, TheBordersOfSegments) {
    EXPECT_EQ(PayloadLayout::parse(stored("0101010c0000000a", 28)).plaintext_bytes(), 0U);
    EXPECT_EQ(PayloadLayout::parse(stored("0101010c0000000a", 38)).segments(), 1U);
    EXPECT_EQ(PayloadLayout::parse(stored("0101010c0000000a", 38 + 29)).plaintext_bytes(), 11U);
    EXPECT_EQ(PayloadLayout::parse(stored("0101031000010000", 32 + 65536)).plaintext_bytes(), 65536U);
}

TEST(PayloadFormat, RefusesWhatIsNeverWritten) {
    const auto refused = [](std::string_view header, std::size_t body) {
        EXPECT_THROW((void)PayloadLayout::parse(stored(header, body)), IntegrityError)
            << header << " " << body;
    };
    refused("", 0);
    refused("0101010c000000", 0);     // 7 bytes
    refused("0001010c0000000a", 38);  // format
    refused("0102010c0000000a", 38);  // mechanism
    refused("0101000c0000000a", 38);  // IV mode
    refused("0101040c0000000a", 38);  //
    refused("010101000000000a", 38);  // IV length
    refused("0101010d0000000a", 38);  //
    refused("0101010c00000000", 38);  // segments of nothing
    refused("0101010c00010001", 38);  // segments over 65,536
    refused("0101010cffffffff", 38);  //
    refused("0101010c0000000a", 0);   // no segment
    refused("0101010c0000000a", 27);  // shorter than IV and tag
    refused("0101010c0000000a", 38 + 27);
    refused("0101010c0000000a", 38 + 28);            // an empty last segment
    refused("0101010c00010000", 28 + 65536 + 29);    // 65,537 bytes
    refused("0101010c00000001", 29 * 65536UL + 29);  //
}

TEST(PayloadFormat, TheAadBindsEveryPart) {
    const PayloadIdentity identity{
        .secret_arn = "arn", .version_id = "v", .kind = PayloadKind::secret_binary};
    const MasterKeyId key(*Uuid::parse("00112233-4455-6677-8899-aabbccddeeff"));
    const auto header = from_hex("0101010c0000000a");
    const auto aad = PayloadAad(identity, key, header).segment(3, true);
    // By hand, from the encoding's definition (daemon/base/bytes.hpp): domain, ARN and version as text,
    // master key id as bytes, kind 2, header as bytes, segment 3, last.
    EXPECT_EQ(to_hex(aad), "730000000000000011" + to_hex(as_bytes("coffer/payload/v1")) +
                               "730000000000000003" + to_hex(as_bytes("arn")) + "730000000000000001" +
                               to_hex(as_bytes("v")) + "620000000000000010" +
                               "00112233445566778899aabbccddeeff" + "6e0000000000000002" +
                               "620000000000000008" + "0101010c0000000a" + "6e0000000000000003" + "54");
    EXPECT_NE(PayloadAad(identity, key, header).segment(3, false), aad);
    EXPECT_NE(PayloadAad(identity, key, header).segment(2, true), aad);
}

}  // namespace
}  // namespace coffer::crypto
