#include "daemon/net/tls_connection.hpp"

#include <openssl/err.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/buffer.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

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

class TlsConnection::Impl {
public:
    using Stream = boost::beast::ssl_stream<boost::beast::tcp_stream>;
    using Done = std::function<void(error_code)>;

    explicit Impl(TlsTarget target);
    ~Impl() { close(); }
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    void connect();
    [[nodiscard]] bool is_open() const noexcept { return stream_ != nullptr; }
    void close() noexcept;
    void cancel() noexcept;
    /// Runs one asynchronous operation to its end: `start(stream, done)` begins it and has it call `done`
    /// with its error. `what` names it in errors. A failure closes the connection. Throws ConnectionError.
    void run(std::string_view what, std::chrono::milliseconds limit,
             const std::function<void(Stream&, Done)>& start);
    [[noreturn]] void fail(std::string_view what, std::string_view why);
    void watch_peer();
    [[nodiscard]] bool peer_has_closed();
    [[nodiscard]] const TlsTarget& target() const noexcept { return target_; }

private:
    [[noreturn]] void fail(std::string_view what, const error_code& error);
    void watch_more();

    const TlsTarget target_;
    asio::io_context io_;
    ssl::context tls_;
    std::unique_ptr<Stream> stream_;
    std::string scrap_;  // what a peer sends that need not send anything
    std::shared_ptr<bool> peer_closed_;
    std::atomic<bool> cancelled_{false};
};

TlsConnection::Impl::Impl(TlsTarget target) : target_(std::move(target)), tls_(ssl::context::tls_client) {
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

void TlsConnection::Impl::close() noexcept {
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

void TlsConnection::Impl::cancel() noexcept {
    cancelled_ = true;
    try {
        asio::post(io_, [this] {
            if (stream_) stream_->next_layer().cancel();
        });
    } catch (const std::exception&) {  // no memory: then the time limits end it
    }
}

void TlsConnection::Impl::fail(std::string_view what, std::string_view why) {
    close();
    const auto place = target_.host + ":" + std::to_string(target_.port);
    if (cancelled_) throw ConnectionError(place + ": stopped");
    throw ConnectionError(place + ": " + std::string(what) + ": " + std::string(why));
}

void TlsConnection::Impl::fail(std::string_view what, const error_code& error) {
    fail(what, error == boost::beast::error::timeout ? "timed out" : error.message());
}

void TlsConnection::Impl::run(std::string_view what, std::chrono::milliseconds limit,
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

void TlsConnection::Impl::connect() {
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

void TlsConnection::Impl::watch_peer() {
    scrap_.resize(kScrapBytes);
    watch_more();
}

void TlsConnection::Impl::watch_more() {
    stream_->async_read_some(asio::buffer(scrap_),
                             [this, closed = peer_closed_](error_code error, std::size_t) {
                                 if (error) {
                                     *closed = true;
                                 } else if (stream_) {
                                     watch_more();
                                 }
                             });
}

bool TlsConnection::Impl::peer_has_closed() {
    if (!stream_) return true;
    io_.restart();
    io_.poll();
    return *peer_closed_;
}

TlsConnection::TlsConnection(TlsTarget target) : impl_(std::make_unique<Impl>(std::move(target))) {}
TlsConnection::~TlsConnection() = default;

void TlsConnection::connect() {
    impl_->connect();
}

bool TlsConnection::is_open() const noexcept {
    return impl_->is_open();
}

void TlsConnection::close() noexcept {
    impl_->close();
}

void TlsConnection::cancel() noexcept {
    impl_->cancel();
}

void TlsConnection::write(std::span<const std::string_view> parts, std::chrono::milliseconds limit) {
    std::vector<asio::const_buffer> buffers;
    buffers.reserve(parts.size());
    for (const auto part : parts) buffers.emplace_back(part.data(), part.size());
    impl_->run("write", limit, [&](Impl::Stream& stream, Impl::Done done) {
        asio::async_write(stream, buffers,
                          [done = std::move(done)](error_code error, std::size_t) { done(error); });
    });
}

void TlsConnection::write(std::string_view bytes) {
    write(std::span(&bytes, 1), target().io_timeout);
}

std::size_t TlsConnection::read_some(std::span<std::uint8_t> room, std::string_view what,
                                     std::chrono::milliseconds limit) {
    std::size_t size = 0;
    impl_->run(what, limit, [&](Impl::Stream& stream, Impl::Done done) {
        stream.async_read_some(asio::buffer(room.data(), room.size()),
                               [&size, done = std::move(done)](error_code error, std::size_t read) {
                                   size = read;
                                   done(error == asio::error::eof ? error_code{} : error);
                               });
    });
    return size;
}

void TlsConnection::fail(std::string_view what, std::string_view why) {
    impl_->fail(what, why);
}

void TlsConnection::watch_peer() {
    impl_->watch_peer();
}

bool TlsConnection::peer_has_closed() {
    return impl_->peer_has_closed();
}

const TlsTarget& TlsConnection::target() const noexcept {
    return impl_->target();
}

}  // namespace coffer::net
