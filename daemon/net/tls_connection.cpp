#include "daemon/net/tls_connection.hpp"

#include <openssl/err.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/error.hpp>
#include <optional>
#include <utility>

namespace coffer::net {

namespace asio = boost::asio;
namespace ssl = boost::asio::ssl;
using boost::system::error_code;

namespace {

constexpr std::size_t kScrapBytes = 1024;

void load(const std::filesystem::path& file, const std::function<void(const std::string&)>& use) {
    try {
        use(file.string());
    } catch (const boost::system::system_error& error) {
        throw ConnectionError(file.string() + ": " + error.code().message());
    }
}

bool is_address(const std::string& host) {
    error_code error;
    (void)asio::ip::make_address(host, error);
    return !error;
}

}  // namespace

TlsConnection::TlsConnection(TlsTarget target) : target_(std::move(target)), tls_(ssl::context::tls_client) {
    tls_.set_options(ssl::context::default_workarounds | ssl::context::no_tlsv1 | ssl::context::no_tlsv1_1);
    tls_.set_verify_mode(ssl::verify_peer);
    if (target_.ca_file.empty()) {
        tls_.set_default_verify_paths();
    } else {
        load(target_.ca_file, [this](const auto& file) { tls_.load_verify_file(file); });
    }
    if (target_.certificate_file.empty()) return;
    load(target_.certificate_file, [this](const auto& file) { tls_.use_certificate_chain_file(file); });
    load(target_.key_file, [this](const auto& file) { tls_.use_private_key_file(file, ssl::context::pem); });
}

TlsConnection::~TlsConnection() {
    close();
}

void TlsConnection::close() noexcept {
    if (!stream_) return;
    error_code ignored;
    stream_->next_layer().socket().close(ignored);
    // Handlers of what was under way refer to the stream.
    try {
        io_.restart();
        io_.poll();
    } catch (const std::exception&) {  // none of ours throws
    }
    stream_.reset();
}

void TlsConnection::cancel() noexcept {
    cancelled_ = true;
    try {
        asio::post(io_, [this] {
            if (stream_) stream_->next_layer().cancel();
        });
    } catch (const std::exception&) {  // no memory: then the time limits end it
    }
}

void TlsConnection::fail(std::string_view what, const error_code& error) {
    close();
    const auto place = target_.host + ":" + std::to_string(target_.port);
    if (cancelled_) throw ConnectionError(place + ": stopped");
    if (error == boost::beast::error::timeout)
        throw ConnectionError(place + ": " + std::string(what) + ": timed out");
    throw ConnectionError(place + ": " + std::string(what) + ": " + error.message());
}

void TlsConnection::run(std::string_view what, std::chrono::milliseconds limit,
                        const std::function<void(Stream&, Done)>& start) {
    if (!stream_) throw ConnectionError(target_.host + ": not connected");
    std::optional<error_code> result;
    stream_->next_layer().expires_after(limit);
    start(*stream_, [&result](error_code error) { result = error; });
    io_.restart();
    while (!result) {
        if (cancelled_) stream_->next_layer().cancel();
        if (io_.run_one() == 0) io_.restart();
    }
    if (*result || cancelled_) fail(what, *result);
    stream_->next_layer().expires_never();
}

void TlsConnection::connect() {
    close();
    if (cancelled_) throw ConnectionError(target_.host + ": stopped");
    stream_ = std::make_unique<Stream>(io_, tls_);
    error_code error;
    asio::ip::tcp::resolver resolver(io_);
    const auto endpoints = resolver.resolve(target_.host, std::to_string(target_.port), error);
    if (error) fail("resolve", error);
    const auto end = std::chrono::steady_clock::now() + target_.connect_timeout;
    run("connect", target_.connect_timeout, [&](Stream& stream, Done done) {
        stream.next_layer().async_connect(
            endpoints, [done = std::move(done)](error_code e, const asio::ip::tcp::endpoint&) { done(e); });
    });
    stream_->set_verify_callback(ssl::host_name_verification(target_.host));
    if (!is_address(target_.host)) {
        // What the macro SSL_set_tlsext_host_name does, without its C cast.
        (void)SSL_ctrl(stream_->native_handle(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                       const_cast<char*>(target_.host.c_str()));
    }
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    run("TLS handshake", std::max(left, std::chrono::milliseconds(1)),
        [](Stream& stream, Done done) { stream.async_handshake(ssl::stream_base::client, std::move(done)); });
    peer_closed_ = std::make_shared<bool>(false);
}

void TlsConnection::write(std::string_view bytes) {
    run("write", target_.io_timeout, [&](Stream& stream, Done done) {
        asio::async_write(stream, asio::buffer(bytes.data(), bytes.size()),
                          [done = std::move(done)](error_code e, std::size_t) { done(e); });
    });
}

void TlsConnection::watch_peer() {
    scrap_.resize(kScrapBytes);
    watch_more();
}

void TlsConnection::watch_more() {
    stream_->async_read_some(asio::buffer(scrap_),
                             [this, closed = peer_closed_](error_code error, std::size_t) {
                                 if (error) {
                                     *closed = true;
                                 } else if (stream_) {
                                     watch_more();
                                 }
                             });
}

bool TlsConnection::peer_has_closed() {
    if (!stream_) return true;
    io_.restart();
    io_.poll();
    return *peer_closed_;
}

}  // namespace coffer::net
