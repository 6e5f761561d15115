#include "daemon/aws/http_request.hpp"

#include <algorithm>
#include <array>
#include <boost/beast/core/buffers_range.hpp>
#include <boost/beast/http/error.hpp>
#include <iterator>
#include <utility>

namespace coffer::aws {

namespace http = boost::beast::http;

namespace {

constexpr unsigned kBadRequest = 400;
constexpr unsigned kContentTooLarge = 413;
constexpr unsigned kExpectationFailed = 417;
constexpr unsigned kHeaderTooLarge = 431;
constexpr unsigned kNotImplemented = 501;

/// What must not be said twice, since two readers would choose differently.
constexpr std::array<std::string_view, 10> kSingleHeaders{
    "authorization",     "content-length", "content-type", "expect",           "host",
    "transfer-encoding", "x-amz-date",     "x-amz-target", "content-encoding", "x-amz-security-token"};

[[noreturn]] void refuse_header_bytes() {
    throw HttpError("The request line and the headers together must have at most " +
                        std::to_string(HttpRequest::kHeaderBytesMax) + " bytes",
                    kHeaderTooLarge);
}

void require_few_headers(std::size_t headers) {
    if (headers <= HttpRequest::kHeadersMax) return;
    throw HttpError("A request must have at most " + std::to_string(HttpRequest::kHeadersMax) + " headers",
                    kHeaderTooLarge);
}

[[noreturn]] void refuse(const boost::beast::error_code& error, std::size_t body_bytes_max) {
    if (error == http::error::body_limit) {
        throw RequestRefused(error_names::kRequestTooLarge,
                             "The body must have at most " + std::to_string(body_bytes_max) + " bytes",
                             kContentTooLarge);
    }
    if (error == http::error::header_limit) refuse_header_bytes();
    throw HttpError("This is not a request of HTTP/1.1 or 1.0: " + error.message(), kBadRequest);
}

/// A header that goes on in the next line (RFC 9112, 5.2): who does not know that reads two. The parser takes
/// all headers in one step.
void refuse_folded(std::string_view headers) {
    if (headers.find("\r\n ") == std::string_view::npos && headers.find("\r\n\t") == std::string_view::npos)
        return;
    throw HttpError("A header must be on one line", kBadRequest);
}

std::string_view text(boost::beast::string_view view) noexcept {
    return {view.data(), view.size()};
}

/// "https://HOST/PATH?QUERY" or "/PATH?QUERY", taken apart.
struct Target {
    std::string_view authority;
    std::string_view path;
    std::string_view query;
};

Target take_apart_target(std::string_view target) noexcept {
    Target parts;
    for (const std::string_view scheme : {"https://", "http://"}) {
        if (!is_header(target.substr(0, scheme.size()), scheme)) continue;
        target.remove_prefix(scheme.size());
        parts.authority = target.substr(0, target.find_first_of("/?"));
        target.remove_prefix(parts.authority.size());
        parts.path = "/";  // of an empty one (RFC 9110, 4.2.3)
        break;
    }
    const auto question = target.find('?');
    if (question != 0 && !target.empty()) parts.path = target.substr(0, question);
    if (question != std::string_view::npos) parts.query = target.substr(question + 1);
    return parts;
}

}  // namespace

HttpRequest::HttpRequest(std::size_t body_bytes_max) : body_bytes_max_(body_bytes_max) {
    parser_.header_limit(kHeaderBytesMax);
    parser_.body_limit(body_bytes_max);
}

std::size_t HttpRequest::put(ByteView bytes) {
    std::size_t used = empty_line(bytes);
    if (used == 0 && !begun() && bytes.size() == 1 && bytes[0] == '\r') return 0;
    // The parser goes one step at a time: request line, headers, body or one piece of it.
    while (!parser_.is_done() && used < bytes.size()) {
        boost::beast::error_code error;
        const auto rest = bytes.subspan(used);
        const std::size_t taken = parser_.put(boost::asio::buffer(rest.data(), rest.size()), error);
        used += taken;
        const bool wants_more = error == http::error::need_more;
        if (error && !wants_more) refuse(error, body_bytes_max_);
        const std::size_t untaken = wants_more ? bytes.size() - used : 0;
        if (!headers_checked_) {
            refuse_folded(as_text(rest.first(taken)));
            count_headers(taken, untaken);
        } else {
            count_body(taken, untaken);
        }
        if (wants_more) break;
        if (parser_.is_header_done() && !headers_checked_) check_headers();
    }
    return used;
}

std::size_t HttpRequest::empty_line(ByteView bytes) noexcept {
    if (begun() || empty_line_taken_ || !as_text(bytes).starts_with("\r\n")) return 0;
    empty_line_taken_ = true;
    return 2;
}

/// Beast's own limit begins anew with each call of put (basic_parser.ipp of Boost 1.81), and it counts no
/// fields.
void HttpRequest::count_headers(std::size_t taken, std::size_t untaken) {
    header_bytes_ += taken;
    if (header_bytes_ + untaken > kHeaderBytesMax) refuse_header_bytes();
    if (taken == 0) return;
    const auto& fields = parser_.get();
    require_few_headers(static_cast<std::size_t>(std::distance(fields.begin(), fields.end())));
}

/// Of lines that say the lengths of chunks, of their extensions and of trailers Beast limits nothing.
void HttpRequest::count_body(std::size_t taken, std::size_t untaken) {
    // The parser takes one chunk's line, or the trailers, or bytes of the body at a time.
    const std::size_t line = taken - (body_bytes() - std::exchange(counted_body_bytes_, body_bytes()));
    framing_bytes_ += line;
    if (std::max(line, untaken) > kChunkLineBytesMax ||
        framing_bytes_ > kChunkLineBytesMax + kFramingPerByteMax * body_bytes()) {
        throw HttpError("The lengths, extensions and trailers of a chunked body must be short: at most " +
                            std::to_string(kChunkLineBytesMax) + " bytes at a time",
                        kBadRequest);
    }
}

void HttpRequest::check_headers() {
    headers_checked_ = true;
    for (const auto& field : parser_.get())
        headers_.push_back({text(field.name_string()), text(field.value())});
    for (const auto name : kSingleHeaders) {
        if (times_sent(headers_, name) > 1) {
            throw HttpError("The header '" + std::string(name) + "' came more than once", kBadRequest);
        }
    }
    if (header("content-length").find(',') != std::string_view::npos) {
        throw HttpError("Content-Length must be one number", kBadRequest);
    }
    if (header("host").empty()) throw HttpError("The header 'host' is missing", kBadRequest);
    check_target();
    if (times_sent(headers_, "transfer-encoding") > 0) {
        if (is_http_1_0()) throw HttpError("HTTP/1.0 has no Transfer-Encoding", kBadRequest);
        if (!is_header(header("transfer-encoding"), "chunked")) {
            throw HttpError("Transfer-Encoding must be 'chunked' alone", kNotImplemented);
        }
    }
    if (const auto encoding = header("content-encoding");
        !encoding.empty() && !is_header(encoding, "identity")) {
        throw HttpError("Content-Encoding is not supported: send the body as it is", kNotImplemented);
    }
    const auto expected = header("expect");
    if (expected.empty() || is_http_1_0()) return;
    if (!is_header(expected, "100-continue")) {
        throw HttpError("Expect must be '100-continue'", kExpectationFailed);
    }
    wants_continue_ = !parser_.is_done();
}

/// Two hosts in one request: whoever stands between could have meant the other one.
void HttpRequest::check_target() const {
    const auto target = text(parser_.get().target());
    if (target.starts_with('/') || target == "*") return;
    const auto authority = take_apart_target(target).authority;
    const bool same = std::ranges::equal(authority, header("host"), {}, lower_ascii, lower_ascii);
    if (!authority.empty() && !same) {
        throw HttpError("The request's target and the header 'host' name different hosts", kBadRequest);
    }
}

bool HttpRequest::take_wants_continue() noexcept {
    const bool wants = wants_continue_ && !parser_.is_done();
    wants_continue_ = false;
    return wants;
}

HttpRequestView HttpRequest::view() const {
    const auto& message = parser_.get();
    const auto target = take_apart_target(text(message.target()));
    HttpRequestView view;
    view.method = text(message.method_string());
    view.path = target.path;
    view.query = target.query;
    view.headers = headers_;
    view.body = message.body().view();
    return view;
}

std::string_view HttpRequest::header(std::string_view lower) const {
    const auto found =
        std::ranges::find_if(headers_, [lower](const auto& header) { return is_header(header.name, lower); });
    return found == headers_.end() ? std::string_view() : found->value;
}

}  // namespace coffer::aws
