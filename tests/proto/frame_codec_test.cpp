#include "proto/frame_codec.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <string>

#include "daemon/base/bytes.hpp"

namespace coffer::proto {
namespace {

v1::ConnectionError::Reason reason_of_next(const Bytes& buffer, std::size_t max = kDefaultMaxFrameBytes) {
    try {
        (void)next_frame(buffer, max);
    } catch (const FrameError& e) {
        return e.reason();
    }
    return v1::ConnectionError::REASON_UNSPECIFIED;
}

v1::ConnectionError::Reason reason_of_parse(const Bytes& content) {
    try {
        (void)parse_frame(content);
    } catch (const FrameError& e) {
        return e.reason();
    }
    return v1::ConnectionError::REASON_UNSPECIFIED;
}

TEST(NextFrame, WaitsForTheWholeFrame) {
    const Bytes whole = from_hex("000000031a0108");  // three bytes of content
    for (std::size_t n = 0; n < whole.size(); ++n) {
        EXPECT_FALSE(next_frame(ByteView(whole).first(n), kDefaultMaxFrameBytes).has_value()) << n;
    }
    const auto extent = next_frame(whole, kDefaultMaxFrameBytes);
    ASSERT_TRUE(extent.has_value());
    EXPECT_EQ(extent->consumed, 7U);
    EXPECT_EQ(to_hex(extent->content), "1a0108");
}

TEST(NextFrame, LeavesWhatFollows) {
    const Bytes two = from_hex(
        "0000000101"
        "000000020203");
    const auto first = next_frame(two, kDefaultMaxFrameBytes);
    ASSERT_TRUE(first.has_value());
    EXPECT_EQ(first->consumed, 5U);
    const auto second = next_frame(ByteView(two).subspan(first->consumed), kDefaultMaxFrameBytes);
    ASSERT_TRUE(second.has_value());
    EXPECT_EQ(to_hex(second->content), "0203");
}

TEST(NextFrame, RefusesLengthsAsSoonAsThePrefixIsThere) {
    EXPECT_EQ(reason_of_next(from_hex("00000000")), v1::ConnectionError::MALFORMED_FRAME);
    EXPECT_EQ(reason_of_next(from_hex("ffffffff")), v1::ConnectionError::FRAME_TOO_LARGE);
    EXPECT_EQ(reason_of_next(from_hex("00000401"), 1024), v1::ConnectionError::FRAME_TOO_LARGE);
    EXPECT_EQ(reason_of_next(from_hex("00000400"), 1024), v1::ConnectionError::REASON_UNSPECIFIED);
    EXPECT_EQ(reason_of_next(from_hex("ffffff")), v1::ConnectionError::REASON_UNSPECIFIED);
}

TEST(ParseFrame, RefusesWhatIsNotOneFrame) {
    EXPECT_EQ(reason_of_parse({}), v1::ConnectionError::MALFORMED_FRAME);
    EXPECT_EQ(reason_of_parse(from_hex("ff")), v1::ConnectionError::MALFORMED_FRAME);
    // Field 1 (hello) of 2 bytes, and an end-group tag that belongs to nothing.
    EXPECT_EQ(reason_of_parse(from_hex("0a0208010c")), v1::ConnectionError::MALFORMED_FRAME);
    // A string (Hello.client) that is not UTF-8.
    EXPECT_EQ(reason_of_parse(from_hex("0a031a01ff")), v1::ConnectionError::MALFORMED_FRAME);
}

TEST(ParseFrame, TheLastKindCounts) {
    // protobuf's rule for a oneof that is there twice: hello {}, then request {id: 1}.
    const auto frame = parse_frame(from_hex("0a001a020801"));
    EXPECT_EQ(frame.kind_case(), v1::Frame::kRequest);
    EXPECT_EQ(frame.request().id(), 1U);
}

TEST(ParseFrame, EndsDeepNesting) {
    // Groups (wire type 3) of an unknown field, one inside the other: no lengths, so it is cheap to send.
    // Field 15: start 0x7b, end 0x7c.
    Bytes shallow;
    shallow.insert(shallow.end(), 20, 0x7B);
    shallow.insert(shallow.end(), 20, 0x7C);
    const Bytes hello = from_hex("0a00");
    shallow.insert(shallow.end(), hello.begin(), hello.end());
    EXPECT_EQ(reason_of_parse(shallow), v1::ConnectionError::REASON_UNSPECIFIED);

    Bytes deep;
    deep.insert(deep.end(), 100000, 0x7B);
    deep.insert(deep.end(), 100000, 0x7C);
    deep.insert(deep.end(), hello.begin(), hello.end());
    EXPECT_EQ(reason_of_parse(deep), v1::ConnectionError::MALFORMED_FRAME);
}

TEST(AppendFrame, AppendsAndCounts) {
    v1::Frame frame;
    frame.mutable_request()->set_id(1);
    Bytes out = {0xAA};
    append_frame(frame, kDefaultMaxFrameBytes, out);
    EXPECT_EQ(to_hex(out),
              "aa"
              "00000004"
              "1a020801");
}

TEST(AppendFrame, RefusesWhatIsTooLargeAndLeavesTheBuffer) {
    v1::Frame frame;
    frame.mutable_request()->mutable_put_secret_value()->set_secret_binary(std::string(2000, 'x'));
    Bytes out = {0xAA};
    try {
        append_frame(frame, 1024, out);
        ADD_FAILURE() << "no error";
    } catch (const FrameError& e) {
        EXPECT_EQ(e.reason(), v1::ConnectionError::FRAME_TOO_LARGE);
    }
    EXPECT_EQ(out, Bytes{0xAA});
}

}  // namespace
}  // namespace coffer::proto
