#pragma once
// One request of HTTP/1.1 or 1.0, put together from bytes as they come. Strict where leniency lets two
// readers of the same bytes disagree (RFC 9112, 11.2: request smuggling): a length that is stated twice, or
// beside chunks, is refused.

#include <boost/beast/core/buffers_range.hpp>
#include <boost/beast/http/parser.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/aws/request_refused.hpp"
#include "daemon/aws/sigv4_request.hpp"
#include "daemon/server/plain_buffer.hpp"

namespace coffer::aws {

/// Bytes that are no request that this server takes. The connection cannot go on: where the next request
/// begins is not known.
class HttpError : public RequestRefused {
public:
    HttpError(const std::string& message, unsigned status) : RequestRefused(kName, message, status) {}

    /// AWS's name for "problems with the request at the HTTP level".
    static constexpr std::string_view kName = "MalformedHttpRequestException";
};

/// A body that is wiped when it goes; for Beast's parser.
struct WipedBody {
    using value_type = server::PlainBuffer;

    class reader {
    public:
        template <bool IsRequest, class Fields>
        reader(boost::beast::http::header<IsRequest, Fields>& /*header*/, value_type& body) : body_(body) {}
        /// Takes no memory for what was merely announced.
        static void init(const boost::optional<std::uint64_t>& /*length*/, boost::beast::error_code& error) {
            error = {};
        }
        template <class Buffers>
        std::size_t put(const Buffers& buffers, boost::beast::error_code& error) {
            error = {};
            std::size_t size = 0;
            for (const auto buffer : boost::beast::buffers_range_ref(buffers)) {
                body_.append(ByteView(static_cast<const std::uint8_t*>(buffer.data()), buffer.size()));
                size += buffer.size();
            }
            return size;
        }
        static void finish(boost::beast::error_code& error) { error = {}; }

    private:
        value_type& body_;
    };
};

class HttpRequest {
public:
    /// Of the request line and all headers together.
    static constexpr std::uint32_t kHeaderBytesMax = 32U * 1024;
    static constexpr std::size_t kHeadersMax = 100;
    /// Of a chunk's length with its extensions, and of the trailers.
    static constexpr std::size_t kChunkLineBytesMax = 4U * 1024;
    /// Of all of those together for each byte of the body; 5 are needed where each chunk has one byte.
    static constexpr std::size_t kFramingPerByteMax = 16;

    explicit HttpRequest(std::size_t body_bytes_max);
    HttpRequest(const HttpRequest&) = delete;
    HttpRequest& operator=(const HttpRequest&) = delete;

    /// Takes what it can of `bytes`, and nothing behind the request's end. An empty line before the request
    /// is passed over (RFC 9112, 2.2): some clients send one behind a body. What it leaves must come again
    /// with more behind it, and is never more than kHeaderBytesMax. Throws HttpError.
    [[nodiscard]] std::size_t put(ByteView bytes);

    /// Whether anything was taken.
    [[nodiscard]] bool begun() const noexcept { return parser_.got_some(); }
    [[nodiscard]] bool is_done() const noexcept { return parser_.is_done(); }
    /// True once, when the client waits for "100 Continue" before it sends the body.
    [[nodiscard]] bool take_wants_continue() noexcept;

    /// Bytes of the body that have come.
    [[nodiscard]] std::size_t body_bytes() const { return parser_.get().body().size(); }

    // ---- when it is done

    /// Views of this object. A target in absolute form (RFC 9112, 3.2.2: "https://coffer/?x") gives the same
    /// path and query as one in origin form.
    [[nodiscard]] HttpRequestView view() const;
    /// The value of a header, blanks around it removed; empty where there is none. Of several the first.
    [[nodiscard]] std::string_view header(std::string_view lower) const;
    /// Whether the client will send further requests over the connection.
    [[nodiscard]] bool keep_alive() const { return parser_.keep_alive(); }
    [[nodiscard]] bool is_http_1_0() const { return parser_.get().version() < 11; }

private:
    /// `taken` bytes were, in one step; `untaken` are of the same part and wait for its end.
    void count_headers(std::size_t taken, std::size_t untaken);
    void count_body(std::size_t taken, std::size_t untaken);
    void check_headers();
    void check_target() const;
    /// Bytes of an empty line before the request; those that are there must be whole to be taken.
    [[nodiscard]] std::size_t empty_line(ByteView bytes) noexcept;

    const std::size_t body_bytes_max_;
    std::size_t header_bytes_ = 0;
    std::size_t framing_bytes_ = 0;
    std::size_t counted_body_bytes_ = 0;
    boost::beast::http::request_parser<WipedBody> parser_;
    std::vector<HttpHeader> headers_;
    bool headers_checked_ = false;
    bool empty_line_taken_ = false;
    bool wants_continue_ = false;
};

}  // namespace coffer::aws
