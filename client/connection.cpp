#include "client/connection.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <utility>

#include "client/errors.hpp"
#include "client/version.hpp"
#include "proto/frame_codec.hpp"

namespace coffer::client {

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

// A response may be larger than any request: twenty values of 64 KiB (docs/protocol.md, "Frames").
constexpr std::size_t kMaxResponseFrameBytes = 16 * 1024 * 1024;
// TLS records hold at most 16 KiB (RFC 8446, 5.1).
constexpr std::size_t kRecordBytes = 16 * 1024;
constexpr std::uint32_t kProtocolVersion = 1;

std::exception_ptr lost(const std::string& what, bool retryable = true) {
    return std::make_exception_ptr(ConnectionError(what, Sent::maybe, retryable));
}

std::exception_ptr explain(const v1::ConnectionError& error, const std::string& endpoint) {
    if (error.reason() == v1::ConnectionError::CERTIFICATE_REVOKED) {
        return std::make_exception_ptr(CertificateRefused(
            "the server refused the client certificate (certificate revoked): " + error.message()));
    }
    return lost(endpoint + " ended the connection: " + error.message(), error.retryable());
}

}  // namespace

Connection::Connection(asio::any_io_executor executor, std::shared_ptr<const Config> config,
                       std::weak_ptr<ConnectionOwner> owner)
    : executor_(std::move(executor)),
      config_(std::move(config)),
      owner_(std::move(owner)),
      resolver_(executor_),
      socket_(executor_),
      timer_(executor_) {}

void Connection::open() {
    start_timer();
    // Not from within this call: a failure at once must find the owner done with what it was doing.
    asio::post(executor_, [self = shared_from_this()] {
        asio::co_spawn(self->executor_, self->run(self), asio::detached);
    });
}

void Connection::start_timer() {
    timer_.expires_after(config_->connect_timeout);
    timer_.async_wait([weak = weak_from_this()](error_code error) {
        const auto self = weak.lock();
        if (error || !self || self->state_ != State::opening) return;
        self->close(std::make_exception_ptr(
            ConnectionError("no connection to " + self->config_->endpoint() + " within " +
                                std::to_string(self->config_->connect_timeout.count()) + " ms",
                            Sent::no)));
    });
}

void Connection::close(std::exception_ptr reason) {
    if (state_ == State::closed) return;
    const bool was_ready = std::exchange(state_, State::closed) == State::ready;
    error_code ignored;
    timer_.cancel();
    resolver_.cancel();
    if (was_ready && tls_ && !writing_) {
        tls_->close_notify();
        Bytes farewell;
        tls_->take_output(farewell);
        socket_.non_blocking(true, ignored);
        socket_.write_some(asio::buffer(farewell), ignored);
    }
    socket_.close(ignored);
    if (const auto owner = owner_.lock()) owner->on_closed(*this, std::move(reason));
}

asio::awaitable<void> Connection::run(std::shared_ptr<Connection> self) {
    std::exception_ptr reason;
    try {
        co_await connect();
        co_await shake_hands();
        co_await greet();
        co_await serve();
    } catch (const proto::FrameError& error) {
        reason = std::make_exception_ptr(ConnectionError(
            config_->endpoint() + " does not keep to the protocol: " + error.what(), Sent::maybe, false));
    } catch (...) {
        reason = std::current_exception();
    }
    self->close(reason);
}

asio::awaitable<void> Connection::connect() {
    tls_.emplace(*config_);  // first: a wrong file is said before anything waits for the network
    error_code error;
    const std::string service = std::to_string(config_->port);
    const tcp::resolver::results_type addresses = co_await resolver_.async_resolve(
        config_->host, service, asio::redirect_error(asio::use_awaitable, error));
    if (error) {
        throw ConnectionError("the host '" + config_->host + "' was not found: " + error.message(), Sent::no);
    }
    co_await asio::async_connect(socket_, addresses, asio::redirect_error(asio::use_awaitable, error));
    if (error) {
        throw ConnectionError(
            "cannot connect to " + config_->endpoint() + ": " + error.message() + " (does cofferd run?)",
            Sent::no);
    }
    socket_.set_option(tcp::no_delay(true));
    socket_.set_option(tcp::socket::keep_alive(true));
}

asio::awaitable<void> Connection::send_output() {
    cipher_out_.clear();
    tls_->take_output(cipher_out_);
    error_code ignored;  // what went wrong is said by what is read next: an alert, or the end
    if (!cipher_out_.empty()) {
        co_await asio::async_write(socket_, asio::buffer(cipher_out_),
                                   asio::redirect_error(asio::use_awaitable, ignored));
    }
    cipher_out_.clear();
}

asio::awaitable<std::size_t> Connection::receive() {
    error_code error;
    const std::size_t bytes = co_await socket_.async_read_some(
        asio::buffer(cipher_in_), asio::redirect_error(asio::use_awaitable, error));
    heard_at_ = std::chrono::steady_clock::now();
    if (!error) co_return bytes;
    if (state_ == State::opening) {
        throw ConnectionError(config_->endpoint() + " closed the connection before it greeted (" +
                                  error.message() + "); its log says why",
                              Sent::no);
    }
    throw ConnectionError("the connection to " + config_->endpoint() + " was lost: " + error.message(),
                          Sent::maybe);
}

asio::awaitable<void> Connection::shake_hands() {
    while (true) {
        const auto progress = tls_->handshake();
        co_await send_output();
        if (progress == TlsSession::Progress::done) co_return;
        if (progress == TlsSession::Progress::failed) std::rethrow_exception(tls_->failure());
        const std::size_t bytes = co_await receive();
        tls_->feed(ByteView(cipher_in_.data(), bytes));
    }
}

asio::awaitable<void> Connection::greet() {
    v1::Frame frame;
    auto& hello = *frame.mutable_hello();
    hello.set_min_version(kProtocolVersion);
    hello.set_max_version(kProtocolVersion);
    hello.set_client(config_->client_name.empty() ? "libcoffer/" + std::string(version())
                                                  : config_->client_name);
    Bytes plain;
    proto::append_frame(frame, proto::kDefaultMaxFrameBytes, plain);
    if (!tls_->write(plain)) std::rethrow_exception(tls_->failure());
    co_await send_output();
    // In TLS 1.3 we hear only now whether the daemon took our certificate.
    while (state_ == State::opening) {
        take_in(0);  // what came together with the end of the handshake
        if (state_ != State::opening) break;
        const std::size_t bytes = co_await receive();
        take_in(bytes);
    }
}

asio::awaitable<void> Connection::serve() {
    while (state_ == State::ready) {
        const std::size_t bytes = co_await receive();
        take_in(bytes);
    }
}

TlsSession::ReadState Connection::decrypt() {
    while (true) {
        auto& plain = plain_in_.room_for(kRecordBytes);
        const std::size_t at = plain.size();
        plain.resize(at + kRecordBytes);
        const auto result = tls_->read(std::span(plain).subspan(at));
        plain.resize(at + result.bytes);
        if (result.state != TlsSession::ReadState::data) return result.state;
    }
}

void Connection::take_in(std::size_t bytes) {
    if (bytes > 0) tls_->feed(ByteView(cipher_in_.data(), bytes));
    const auto state = decrypt();
    // First what arrived, which may say why the connection ends; then that it ends.
    std::size_t used = 0;
    while (state_ != State::closed) {
        const auto extent = proto::next_frame(plain_in_.view().subspan(used), kMaxResponseFrameBytes);
        if (!extent) break;
        used += extent->consumed;
        on_frame(proto::parse_frame(extent->content));
    }
    plain_in_.drop_front(used);
    if (state_ == State::closed) return;
    if (state == TlsSession::ReadState::failed) std::rethrow_exception(tls_->failure());
    if (state == TlsSession::ReadState::closed) {
        throw ConnectionError(config_->endpoint() + " closed the connection", Sent::maybe);
    }
    if (state_ == State::ready && tls_->has_output()) schedule_flush();  // the answer to a key update
}

void Connection::on_frame(v1::Frame frame) {
    const auto owner = owner_.lock();
    if (frame.has_connection_error()) {
        close(explain(frame.connection_error(), config_->endpoint()));
    } else if (state_ == State::opening && frame.has_hello_reply()) {
        hello_ = std::move(*frame.mutable_hello_reply());
        if (hello_.version() != kProtocolVersion) {
            throw proto::FrameError(v1::ConnectionError::UNSUPPORTED_VERSION,
                                    "it chose protocol version " + std::to_string(hello_.version()));
        }
        state_ = State::ready;
        timer_.cancel();
        if (owner) owner->on_ready(*this);
    } else if (state_ == State::ready && frame.has_response()) {
        if (in_flight_ > 0) --in_flight_;
        if (owner) owner->on_response(*this, std::move(*frame.mutable_response()));
    } else {
        throw proto::FrameError(v1::ConnectionError::MALFORMED_FRAME,
                                "a frame came that a daemon does not send here");
    }
}

void Connection::send(const v1::Frame& frame) {
    const std::size_t limit =
        hello_.max_frame_bytes() > 0 ? hello_.max_frame_bytes() : proto::kDefaultMaxFrameBytes;
    proto::append_frame(frame, limit, plain_out_.room_for(proto::kLengthPrefixBytes + frame.ByteSizeLong()));
    if (in_flight_++ == 0 || asked_at_ <= heard_at_) asked_at_ = std::chrono::steady_clock::now();
    schedule_flush();
}

std::chrono::steady_clock::duration Connection::silent_for(std::chrono::steady_clock::time_point now) const {
    const bool waits = in_flight_ > 0 && asked_at_ > heard_at_;
    return waits ? now - asked_at_ : std::chrono::steady_clock::duration::zero();
}

void Connection::schedule_flush() {
    if (flush_scheduled_ || writing_) return;  // the write under way flushes again when it is done
    flush_scheduled_ = true;
    asio::post(executor_, [self = shared_from_this()] {
        self->flush_scheduled_ = false;
        self->flush();
    });
}

void Connection::flush() {
    if (state_ != State::ready || writing_) return;
    if (!plain_out_.empty()) {
        if (!tls_->write(plain_out_.view())) return;  // what is read next says why
        plain_out_.drop_front(plain_out_.size());
    }
    cipher_out_.clear();
    tls_->take_output(cipher_out_);
    if (cipher_out_.empty()) return;
    writing_ = true;
    asio::async_write(socket_, asio::buffer(cipher_out_),
                      [self = shared_from_this()](error_code error, std::size_t) {
                          self->writing_ = false;
                          // After an error the reader is about to learn more than "broken pipe".
                          if (!error) self->flush();
                      });
}

}  // namespace coffer::client
