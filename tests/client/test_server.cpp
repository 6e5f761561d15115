#include "test_server.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include "proto/frame_codec.hpp"

namespace coffer::client_test {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

void Session::respond(v1::Response response) {
    v1::Frame frame;
    *frame.mutable_response() = std::move(response);
    proto::append_frame(frame, 16 * 1024 * 1024, out_);
}

void Session::respond(const v1::Request& request, v1::ErrorCode code, const std::string& message,
                      bool retryable) {
    v1::Response response;
    response.set_id(request.id());
    response.set_request_id("11111111-2222-4333-8444-555555555555");
    response.mutable_error()->set_code(code);
    response.mutable_error()->set_message(message);
    response.mutable_error()->set_retryable(retryable);
    respond(std::move(response));
}

void Session::end_with(v1::ConnectionError::Reason reason, const std::string& message, bool retryable) {
    v1::Frame frame;
    frame.mutable_connection_error()->set_reason(reason);
    frame.mutable_connection_error()->set_message(message);
    frame.mutable_connection_error()->set_retryable(retryable);
    proto::append_frame(frame, 1024 * 1024, out_);
    ended_ = true;
}

TestServer::TestServer(const TestPki& pki, const CertificateFiles& files, Options options)
    : options_(std::move(options)), acceptor_(context_, tcp::endpoint(asio::ip::address_v4::loopback(), 0)) {
    port_ = acceptor_.local_endpoint().port();
    SSL_CTX_set_min_proto_version(tls_.native_handle(), TLS1_3_VERSION);
    tls_.use_certificate_chain_file(files.certificate.string());
    tls_.use_private_key_file(files.key.string(), asio::ssl::context::pem);
    tls_.load_verify_file(pki.ca_file().string());
    if (options_.ask_for_certificate) {
        tls_.set_verify_mode(asio::ssl::verify_peer | asio::ssl::verify_fail_if_no_peer_cert);
    }
    if (options_.verify_error != 0) {
        tls_.set_verify_callback([error = options_.verify_error](bool, asio::ssl::verify_context& context) {
            X509_STORE_CTX_set_error(context.native_handle(), error);
            return false;
        });
    }
    asio::co_spawn(context_, accept(), asio::detached);
    thread_ = std::thread([this] { context_.run(); });
}

TestServer::~TestServer() {
    context_.stop();
    thread_.join();
}

asio::awaitable<void> TestServer::accept() {
    while (true) {
        tcp::socket socket = co_await acceptor_.async_accept(asio::use_awaitable);
        auto stream = std::make_shared<Stream>(std::move(socket), tls_);
        asio::co_spawn(context_, serve(std::move(stream)), asio::detached);
    }
}

asio::awaitable<void> TestServer::serve(std::shared_ptr<Stream> stream) {
    error_code error;
    co_await stream->async_handshake(asio::ssl::stream_base::server,
                                     asio::redirect_error(asio::use_awaitable, error));
    Session session;
    session.number_ = ++accepted_;
    Bytes in;
    std::array<std::uint8_t, 17 * 1024> chunk{};
    while (!error) {
        const std::size_t got = co_await stream->async_read_some(
            asio::buffer(chunk), asio::redirect_error(asio::use_awaitable, error));
        in.insert(in.end(), chunk.begin(), chunk.begin() + static_cast<std::ptrdiff_t>(got));
        const int requests = handle(session, in);
        most_in_one_read_ = std::max(most_in_one_read_.load(), requests);
        if (session.hung_up_) break;
        Bytes out = std::exchange(session.out_, {});
        co_await asio::async_write(*stream, asio::buffer(out),
                                   asio::redirect_error(asio::use_awaitable, error));
        if (session.ended_) break;
    }
    if (session.ended_) {
        co_await stream->async_shutdown(asio::redirect_error(asio::use_awaitable, error));
    }
    stream->lowest_layer().close(error);
}

int TestServer::handle(Session& session, Bytes& in) {
    int requests = 0;
    while (const auto extent = proto::next_frame(in, 16 * 1024 * 1024)) {
        const v1::Frame frame = proto::parse_frame(extent->content);
        in.erase(in.begin(), in.begin() + static_cast<std::ptrdiff_t>(extent->consumed));
        if (frame.has_hello()) {
            ++connections_;
            v1::Frame reply;
            auto& hello = *reply.mutable_hello_reply();
            hello.set_version(1);
            hello.set_server("test server");
            hello.set_max_frame_bytes(options_.max_frame_bytes);
            hello.set_max_in_flight(options_.max_in_flight);
            hello.set_principal("tester");
            hello.set_account("111122223333");
            hello.set_region("us-east-1");
            hello.set_listener("test");
            proto::append_frame(reply, 1024 * 1024, session.out_);
        } else if (frame.has_request()) {
            ++requests;
            ++requests_;
            options_.handler(session, frame.request());
        }
    }
    return requests;
}

}  // namespace coffer::client_test
