#include "daemon/net/answer_reader.hpp"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>

namespace coffer::net {

namespace http = boost::beast::http;

namespace {

constexpr unsigned kLeastStatus = 100;  // RFC 9110, section 15
constexpr unsigned kFinalStatus = 200;
constexpr unsigned kSwitchingProtocols = 101;
/// "0" and two ends of lines: so much must come yet whatever has come of chunks. Beast asserts that the last
/// one is not in smaller pieces.
constexpr std::size_t kLastChunkBytes = 5;

[[noreturn]] void refuse(http::error error) {
    throw BadAnswer(http::make_error_code(error).message());
}

}  // namespace

/// Keeps the status and the body alone: fields that nobody asks for take no memory.
class AnswerReader::Parser final : public http::basic_parser<false> {
public:
    explicit Parser(std::span<std::uint8_t> room) : room_(room) {
        header_limit(static_cast<std::uint32_t>(kHeaderBytesMax));
        body_limit(room.size());
    }

    [[nodiscard]] unsigned status() const noexcept { return status_; }
    [[nodiscard]] std::size_t body_bytes() const noexcept { return body_bytes_; }

private:
    using Text = boost::beast::string_view;
    using ErrorCode = boost::beast::error_code;

    std::size_t keep(Text bytes, ErrorCode& error) {
        if (bytes.size() > room_.size() - body_bytes_) {
            error = http::error::body_limit;
            return 0;
        }
        std::ranges::copy(bytes, room_.begin() + static_cast<std::ptrdiff_t>(body_bytes_));
        body_bytes_ += bytes.size();
        return bytes.size();
    }

    void on_request_impl(http::verb /*method*/, Text /*text*/, Text /*target*/, int /*version*/,
                         ErrorCode& /*error*/) override {}
    void on_response_impl(int status, Text /*reason*/, int /*version*/, ErrorCode& error) override {
        status_ = static_cast<unsigned>(status);
        if (status_ < kLeastStatus) error = http::error::bad_status;
    }
    void on_field_impl(http::field /*field*/, Text /*name*/, Text /*value*/, ErrorCode& /*error*/) override {}
    void on_header_impl(ErrorCode& /*error*/) override {}
    void on_body_init_impl(const boost::optional<std::uint64_t>& /*length*/, ErrorCode& /*error*/) override {}
    std::size_t on_body_impl(Text bytes, ErrorCode& error) override { return keep(bytes, error); }
    void on_chunk_header_impl(std::uint64_t /*size*/, Text /*extensions*/, ErrorCode& /*error*/) override {}
    std::size_t on_chunk_body_impl(std::uint64_t /*left*/, Text bytes, ErrorCode& error) override {
        return keep(bytes, error);
    }
    void on_finish_impl(ErrorCode& /*error*/) override {}

    const std::span<std::uint8_t> room_;
    std::size_t body_bytes_ = 0;
    unsigned status_ = 0;
};

AnswerReader::AnswerReader(std::span<std::uint8_t> room)
    : room_(room), buffer_(kHeaderBytesMax), parser_(std::make_unique<Parser>(room)) {}
AnswerReader::~AnswerReader() = default;

std::span<std::uint8_t> AnswerReader::writable() noexcept {
    return buffer_.writable().subspan(held_);
}

bool AnswerReader::pass_over() {
    if (parser_->status() >= kFinalStatus) return false;
    if (parser_->status() == kSwitchingProtocols) throw BadAnswer("the server goes over to another protocol");
    if (++interim_ > kInterimAnswersMax) throw BadAnswer("the server does not come to its answer");
    parser_ = std::make_unique<Parser>(room_);
    return true;
}

bool AnswerReader::take(std::size_t count) {
    received_ += count;
    held_ += count;
    const auto bytes = buffer_.writable();
    std::size_t used = 0;
    bool whole = false;
    while (!whole && used < held_) {
        const bool is_header = !parser_->is_header_done();
        if (!is_header && parser_->chunked() && held_ - used < kLastChunkBytes) break;
        boost::beast::error_code error;
        const auto parsed = parser_->put(boost::asio::buffer(&bytes[used], held_ - used), error);
        used += parsed;
        // The parser's own limit does not count the fields that came whole with earlier pieces.
        if (is_header) header_bytes_ += parsed;
        if (header_bytes_ > kHeaderBytesMax) refuse(http::error::header_limit);
        if (error == http::error::need_more) break;
        if (error) throw BadAnswer(error.message());
        whole = parser_->is_done() && !pass_over();
    }
    std::ranges::copy(bytes.subspan(used, held_ - used), bytes.begin());
    held_ -= used;
    if (whole) return true;
    if (held_ == bytes.size()) {
        if (!parser_->is_header_done()) refuse(http::error::header_limit);
        throw BadAnswer("a chunk's extensions or the trailers are too long");
    }
    if (received_ > room_.size() + kOtherBytesMax)
        throw BadAnswer("too many bytes for the body that they carry");
    return false;
}

void AnswerReader::end() {
    if (!parser_->got_some()) refuse(http::error::end_of_stream);
    boost::beast::error_code error;
    parser_->put_eof(error);
    if (error) throw BadAnswer(error.message());
}

unsigned AnswerReader::status() const noexcept {
    return parser_->status();
}

std::size_t AnswerReader::body_bytes() const noexcept {
    return parser_->body_bytes();
}

bool AnswerReader::may_go_on() const {
    return held_ == 0 && parser_->keep_alive();
}

}  // namespace coffer::net
