#pragma once
// The frame on the wire: a 4-byte big-endian length, then that many bytes of one coffer.v1.Frame. The
// length is believed only up to a limit, and no memory is taken for bytes that have not arrived.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "coffer/v1/frame.pb.h"
#include "daemon/base/bytes.hpp"
#include "daemon/base/errors.hpp"

namespace coffer::proto {

inline constexpr std::size_t kLengthPrefixBytes = 4;
/// Largest frame without its prefix, unless configured otherwise.
inline constexpr std::size_t kDefaultMaxFrameBytes = 1024 * 1024;

/// The bytes are not a frame that this side accepts; the connection cannot go on.
class FrameError : public Error {
public:
    FrameError(v1::ConnectionError::Reason reason, const std::string& message)
        : Error(message), reason_(reason) {}
    [[nodiscard]] v1::ConnectionError::Reason reason() const noexcept { return reason_; }

private:
    v1::ConnectionError::Reason reason_;
};

/// One frame at the head of a buffer: where its content lies and how many bytes it takes with the prefix.
struct FrameExtent {
    ByteView content;
    std::size_t consumed = 0;
};

/// The first whole frame of `buffer`; nothing when more bytes are needed. Throws FrameError for a length of
/// zero or over `max_frame_bytes`, as soon as the prefix is there.
[[nodiscard]] std::optional<FrameExtent> next_frame(ByteView buffer, std::size_t max_frame_bytes);

/// Parses a frame's content. Throws FrameError when it is not a Frame, holds no kind, or nests deeper than
/// 32 messages.
[[nodiscard]] v1::Frame parse_frame(ByteView content);

/// Appends the frame, prefix first, to `out`. Throws FrameError when it is larger than `max_frame_bytes`.
void append_frame(const v1::Frame& frame, std::size_t max_frame_bytes, Bytes& out);

}  // namespace coffer::proto
