// The bytes of a connection: split into frames, parsed, written again.

#include <google/protobuf/stubs/logging.h>

#include <cstddef>
#include <cstdint>

#include "expect.hpp"
#include "proto/frame_codec.hpp"

using coffer::fuzz::expect;

namespace {

constexpr std::size_t kMaxFrameBytes = 4096;

/// A frame that parses can be written, and what was written parses to the same and is written the same again.
void check_round_trip(const coffer::v1::Frame& frame) {
    coffer::Bytes written;
    // An encoding may grow: numbers that came as one byte of a longer form, fields that came twice.
    coffer::proto::append_frame(frame, coffer::proto::kDefaultMaxFrameBytes, written);
    const auto extent = coffer::proto::next_frame(written, coffer::proto::kDefaultMaxFrameBytes);
    expect(extent.has_value() && extent->consumed == written.size(), "a written frame is whole");
    const auto again = coffer::proto::parse_frame(extent->content);
    // NaN does not equal itself in a comparison of values, but its bytes do.
    coffer::Bytes rewritten;
    coffer::proto::append_frame(again, coffer::proto::kDefaultMaxFrameBytes, rewritten);
    expect(written.size() == rewritten.size(), "a frame keeps its size when it is read and written");
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
    google::protobuf::SetLogHandler(nullptr);
    return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    coffer::ByteView rest(data, size);
    try {
        while (const auto extent = coffer::proto::next_frame(rest, kMaxFrameBytes)) {
            expect(extent->content.size() >= 1 && extent->content.size() <= kMaxFrameBytes,
                   "a frame's length is within its limits");
            expect(extent->consumed <= rest.size(), "a frame lies within the buffer");
            rest = rest.subspan(extent->consumed);
            check_round_trip(coffer::proto::parse_frame(extent->content));
        }
    } catch (const coffer::proto::FrameError& e) {
        expect(e.reason() == coffer::v1::ConnectionError::MALFORMED_FRAME ||
                   e.reason() == coffer::v1::ConnectionError::FRAME_TOO_LARGE,
               "bytes are refused for one of two reasons");
    }
    return 0;
}
