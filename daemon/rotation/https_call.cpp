#include "daemon/rotation/https_call.hpp"

#include <algorithm>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <optional>

#include "daemon/net/tls_connection.hpp"

namespace coffer::rotation {

namespace beast = boost::beast;
namespace http = boost::beast::http;
using net::TlsConnection;
using std::chrono::milliseconds;

namespace {

constexpr unsigned kHttp11 = 11;
constexpr std::uint16_t kHttpsPort = 443;
constexpr std::size_t kAnswerBytesMax = 64UL * 1024;
constexpr std::uint32_t kAnswerHeaderBytesMax = 16U * 1024;
constexpr unsigned kFinalStatus = 200;
constexpr int kInterimAnswersMost = 5;

milliseconds left(Deadline deadline) {
    const auto time = std::chrono::duration_cast<milliseconds>(deadline - std::chrono::steady_clock::now());
    return std::max(time, milliseconds(1));
}

net::TlsTarget tls_target(const HttpsServer& server, Deadline deadline) {
    net::TlsTarget target;
    target.host = server.host;
    target.port = server.port;
    target.ca_file = server.ca_file;
    target.connect_timeout = target.io_timeout = left(deadline);
    return target;
}

using Request = http::request<http::span_body<const std::uint8_t>>;

Request message_of(const HttpsServer& server, const HttpsRequest& asked) {
    Request message(asked.method, asked.target.text(), kHttp11);
    message.set(http::field::host,
                server.port == kHttpsPort ? server.host : server.host + ":" + std::to_string(server.port));
    message.set(http::field::user_agent, "cofferd");
    message.set(http::field::accept, "application/json");
    for (const auto& header : asked.headers) message.set(header.name, header.value.text());
    message.keep_alive(false);
    if (!asked.content_type.empty()) {
        message.set(http::field::content_type, asked.content_type);
        message.body() = {asked.body.view().data(), asked.body.size()};
        message.prepare_payload();
    }
    return message;
}

}  // namespace

HttpsAnswer call(const HttpsServer& server, const HttpsRequest& request, Deadline deadline,
                 const std::function<void()>& before) {
    bool sent = false;
    try {
        // What the answer needs is there before anything is sent.
        HttpsAnswer answer;
        answer.body = crypto::SecretBytes(kAnswerBytesMax);
        const auto message = message_of(server, request);
        TlsConnection connection(tls_target(server, deadline));
        connection.connect();
        before();
        sent = true;
        connection.run("write", left(deadline), [&](TlsConnection::Stream& stream, TlsConnection::Done done) {
            http::async_write(
                stream, message,
                [done = std::move(done)](beast::error_code error, std::size_t) { done(error); });
        });
        beast::flat_buffer buffer;
        std::optional<http::response_parser<http::span_body<std::uint8_t>>> parser;
        // An answer may come behind others that only say that it will (RFC 9110, section 15.2).
        for (int interim = 0; !parser || parser->get().result_int() < kFinalStatus; ++interim) {
            if (interim > kInterimAnswersMost)
                throw net::ConnectionError("the server does not come to its answer");
            parser.emplace();
            parser->header_limit(kAnswerHeaderBytesMax);
            parser->body_limit(kAnswerBytesMax);
            const auto room = answer.body.writable();
            parser->get().body() = {room.data(), room.size()};
            connection.run("read the answer", left(deadline),
                           [&](TlsConnection::Stream& stream, TlsConnection::Done done) {
                               http::async_read(stream, buffer, *parser,
                                                [done = std::move(done)](beast::error_code error,
                                                                         std::size_t) { done(error); });
                           });
        }
        answer.status = parser->get().result_int();
        answer.body.truncate(kAnswerBytesMax - parser->get().body().size());
        return answer;
    } catch (const net::ConnectionError& error) {
        throw CallFailed(sent, error.what());
    }
}

void reach(const HttpsServer& server, Deadline deadline) {
    try {
        TlsConnection connection(tls_target(server, deadline));
        connection.connect();
    } catch (const net::ConnectionError& error) {
        throw CallFailed(false, error.what());
    }
}

}  // namespace coffer::rotation
