#include "daemon/audit/https_sink.hpp"

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <utility>

namespace coffer::audit {

namespace beast = boost::beast;
namespace http = boost::beast::http;

namespace {

/// What a receiver may answer, in bytes; nothing of it is used.
constexpr std::uint64_t kAnswerBytesMax = 64 * 1024;
constexpr unsigned kHttp11 = 11;

std::string body_of(std::span<const ShippedRecord> records) {
    std::string body;
    for (const auto& record : records) {
        const bool checkpoint = record.kind == RecordKind::checkpoint;
        if (checkpoint) body += "{\"checkpoint\":";
        body += record.json;
        body += checkpoint ? "}\n" : "\n";
    }
    return body;
}

}  // namespace

HttpsSink::HttpsSink(std::string name, net::TlsTarget target, std::string path)
    : name_(std::move(name)), path_(std::move(path)), connection_(std::move(target)) {}

void HttpsSink::deliver(std::span<const ShippedRecord> records) {
    if (records.empty()) return;
    const auto body = body_of(records);
    const bool kept_alive = connection_.is_open();
    unsigned status = 0;
    try {
        if (!kept_alive) connection_.connect();
        status = post(body, records.front().sequence, records.back().sequence);
    } catch (const net::ConnectionError&) {
        // The receiver may have ended a connection that was idle; that is no failure of the receiver.
        if (!kept_alive) throw;
        connection_.connect();
        status = post(body, records.front().sequence, records.back().sequence);
    }
    if (status < 200 || status >= 300) {
        throw SinkError(connection_.target().host + path_ + " answered with the status " +
                        std::to_string(status));
    }
}

unsigned HttpsSink::post(const std::string& body, std::uint64_t first, std::uint64_t last) {
    http::request<http::string_body> request(http::verb::post, path_, kHttp11, body);
    const auto& target = connection_.target();
    request.set(http::field::host, target.host + ":" + std::to_string(target.port));
    request.set(http::field::user_agent, "cofferd");
    request.set(http::field::content_type, "application/x-ndjson");
    request.set("Coffer-Sequence", std::to_string(first) + "-" + std::to_string(last));
    request.prepare_payload();
    connection_.run("write", target.io_timeout,
                    [&](net::TlsConnection::Stream& stream, net::TlsConnection::Done done) {
                        http::async_write(
                            stream, request,
                            [done = std::move(done)](beast::error_code error, std::size_t) { done(error); });
                    });
    beast::flat_buffer buffer;
    http::response_parser<http::string_body> parser;
    parser.body_limit(kAnswerBytesMax);
    connection_.run("read the answer", target.io_timeout,
                    [&](net::TlsConnection::Stream& stream, net::TlsConnection::Done done) {
                        http::async_read(
                            stream, buffer, parser,
                            [done = std::move(done)](beast::error_code error, std::size_t) { done(error); });
                    });
    const auto status = parser.get().result_int();
    if (!parser.get().keep_alive()) connection_.close();
    return status;
}

}  // namespace coffer::audit
