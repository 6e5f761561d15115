#pragma once
// A server's answer to one request (HTTP/1.1, RFC 9112), read piece by piece as it comes. Pure: no I/O. The
// server may be anybody's: however it answers, memory and the bytes that are read of it have bounds.

#include <cstdint>
#include <memory>
#include <span>

#include "crypto/secret_bytes.hpp"
#include "daemon/base/errors.hpp"

namespace coffer::net {

/// What came is no answer, or larger than allowed. One line, without anything of what came.
class BadAnswer : public Error {
public:
    using Error::Error;
};

/// Answers of 1xx are passed over (RFC 9110, section 15.2). What is read is wiped, but for the body in the
/// caller's room.
class AnswerReader {
public:
    /// Status lines and fields, of the answer and of those of 1xx before it, in bytes.
    static constexpr std::size_t kHeaderBytesMax = 16UL * 1024;
    /// What may be read besides as many bytes as a body may have: fields, chunks' lines (RFC 9112, section
    /// 7.1) and trailers. A chunk's line, and the trailers, have kHeaderBytesMax at most each.
    static constexpr std::size_t kOtherBytesMax = 64UL * 1024;
    /// Answers of 1xx before the answer.
    static constexpr int kInterimAnswersMax = 5;

    /// The body is put into `room`, whose size is the body's limit.
    explicit AnswerReader(std::span<std::uint8_t> room);
    ~AnswerReader();
    AnswerReader(const AnswerReader&) = delete;
    AnswerReader& operator=(const AnswerReader&) = delete;

    /// Where what comes next is to be put; not empty. Valid until take().
    [[nodiscard]] std::span<std::uint8_t> writable() noexcept;
    /// So many bytes have come and are in writable(). True when the answer is whole: then neither this nor
    /// end() may be called again. Throws BadAnswer.
    [[nodiscard]] bool take(std::size_t count);
    /// The server has ended its stream. Throws BadAnswer unless that is the end of a body that nothing else
    /// ends (RFC 9112, section 6.3).
    void end();

    /// Of a whole answer: 200 or more.
    [[nodiscard]] unsigned status() const noexcept;
    /// How much of the room the body of a whole answer has.
    [[nodiscard]] std::size_t body_bytes() const noexcept;
    /// Whether another request may follow on the connection (RFC 9112, section 9.3): never when more came
    /// than the answer.
    [[nodiscard]] bool may_go_on() const;

private:
    class Parser;
    /// Goes on to the answer behind one of 1xx. False when this is the answer.
    [[nodiscard]] bool pass_over();

    const std::span<std::uint8_t> room_;
    crypto::SecretBytes buffer_;
    std::unique_ptr<Parser> parser_;
    std::size_t held_ = 0;  // bytes at the buffer's beginning that are not parsed yet
    std::size_t received_ = 0;
    std::size_t header_bytes_ = 0;
    int interim_ = 0;
};

}  // namespace coffer::net
