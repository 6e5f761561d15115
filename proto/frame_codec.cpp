#include "proto/frame_codec.hpp"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <limits>

namespace coffer::proto {

namespace {
// Deep enough for the schema three times over; an attacker's nesting ends here and not on our stack.
constexpr int kMaxNesting = 32;
}  // namespace

std::optional<FrameExtent> next_frame(ByteView buffer, std::size_t max_frame_bytes) {
    if (buffer.size() < kLengthPrefixBytes) return std::nullopt;
    std::size_t length = 0;
    for (std::size_t i = 0; i < kLengthPrefixBytes; ++i) length = (length << 8U) | buffer[i];
    if (length == 0)
        throw FrameError(v1::ConnectionError::MALFORMED_FRAME,
                         "a frame's length was 0; it must be at least 1");
    if (length > max_frame_bytes) {
        throw FrameError(v1::ConnectionError::FRAME_TOO_LARGE,
                         "a frame of " + std::to_string(length) + " bytes was announced; the limit is " +
                             std::to_string(max_frame_bytes) + " bytes");
    }
    if (buffer.size() < kLengthPrefixBytes + length) return std::nullopt;
    return FrameExtent{buffer.subspan(kLengthPrefixBytes, length), kLengthPrefixBytes + length};
}

v1::Frame parse_frame(ByteView content) {
    google::protobuf::io::ArrayInputStream raw(content.data(), static_cast<int>(content.size()));
    google::protobuf::io::CodedInputStream input(&raw);
    input.SetRecursionLimit(kMaxNesting);
    v1::Frame frame;
    if (!frame.ParseFromCodedStream(&input) || !input.ConsumedEntireMessage()) {
        throw FrameError(
            v1::ConnectionError::MALFORMED_FRAME,
            "a frame of " + std::to_string(content.size()) + " bytes is not a coffer.v1.Frame message");
    }
    if (frame.kind_case() == v1::Frame::KIND_NOT_SET) {
        throw FrameError(v1::ConnectionError::MALFORMED_FRAME,
                         "a frame held none of the kinds of coffer.v1.Frame");
    }
    return frame;
}

void append_frame(const v1::Frame& frame, std::size_t max_frame_bytes, Bytes& out) {
    const std::size_t length = frame.ByteSizeLong();
    if (length > max_frame_bytes || length > std::numeric_limits<std::int32_t>::max()) {
        throw FrameError(v1::ConnectionError::FRAME_TOO_LARGE,
                         "a frame of " + std::to_string(length) + " bytes is over the limit of " +
                             std::to_string(max_frame_bytes) + " bytes");
    }
    const std::size_t at = out.size();
    out.resize(at + kLengthPrefixBytes + length);
    for (std::size_t i = 0; i < kLengthPrefixBytes; ++i) {
        out[at + i] = static_cast<std::uint8_t>(length >> (8U * (kLengthPrefixBytes - 1 - i)));
    }
    frame.SerializeWithCachedSizesToArray(out.data() + at + kLengthPrefixBytes);
}

}  // namespace coffer::proto
