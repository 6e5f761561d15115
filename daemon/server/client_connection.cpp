#include "daemon/server/client_connection.hpp"

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include "daemon/server/units.hpp"

namespace coffer::server {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

/// Encrypted and handed to the socket at once.
constexpr std::size_t kWriteChunkBytes = 256U * 1024;
/// Answers that may wait for the peer to read; beyond, no further requests are taken.
constexpr std::size_t kOutputHighWaterBytes = 256U * 1024;
/// What may wait for the rest of its message besides a whole frame: its length, the headers of HTTP, a record
/// of TLS. Protocols refuse earlier.
constexpr std::size_t kInputMarginBytes = 64U * 1024;
/// How long a connection that was ended is kept open for the peer to read why. Closing with unread input
/// makes the kernel send a reset, which discards what the peer has not read yet.
constexpr std::chrono::milliseconds kLingerTime{1'000};

/// An end of a connection that is nobody's fault.
bool is_ordinary(v1::ConnectionError::Reason reason) noexcept {
    return reason == v1::ConnectionError::IDLE || reason == v1::ConnectionError::SHUTTING_DOWN;
}

}  // namespace

ClientConnection::ClientConnection(ConnectionParts parts)
    : listener_(std::move(parts.listener)),
      last_activity_(now()),
      socket_(std::move(parts.socket)),
      shard_(parts.shard),
      context_(std::move(parts.tls)),
      surplus_(parts.surplus),
      change_(parts.shard.io(), Deadline::max()) {
    caller_.listener = listener_->name;
    caller_.source_address = std::move(parts.source_address);
    phase_deadline_ = last_activity_ + limits().handshake_timeout;
}

ClientConnection::~ClientConnection() = default;

// ---- the life of a connection ---------------------------------------------------------------------------

void ClientConnection::start() {
    shard_.add(shared_from_this());
    asio::co_spawn(shard_.io(), run(shared_from_this()), asio::detached);
}

asio::awaitable<void> ClientConnection::run([[maybe_unused]] std::shared_ptr<ClientConnection> self) {
    try {
        boost::system::error_code ignored;
        socket_.set_option(tcp::no_delay(true), ignored);
        socket_.non_blocking(true, ignored);
        const bool trusted = co_await shake_hands();
        if (trusted) {
            listener_->server->metrics->handshake_done(listener_->name);
            phase_ = Phase::hello;
            phase_deadline_ = now() + limits().hello_timeout;
            if (read_peer() && identify()) {
                if (reloaded_in_handshake_) require_peer_still_good();
                co_await serve();
            }
        }
        co_await linger();
    } catch (const std::exception& error) {
        log_failure("a connection failed", error);
    }
    finish();
}

void ClientConnection::log_failure(std::string_view what, const std::exception& error) const noexcept {
    try {
        listener_->server->log->error(what, {{"reason", std::string_view(error.what())},
                                             {"principal", std::string_view(caller_.principal)},
                                             {"listener", std::string_view(listener_->name)}});
    } catch (const std::exception&) {
        return;  // what failed, perhaps for want of memory, matters more than its line
    }
}

void ClientConnection::abandon(std::string_view what, const std::exception& error) noexcept {
    log_failure(what, error);
    abort();
}

asio::awaitable<bool> ClientConnection::shake_hands() {
    // A stranger that sends nothing costs a socket and no TLS state.
    boost::system::error_code gone;
    co_await socket_.async_wait(tcp::socket::wait_read, asio::redirect_error(asio::use_awaitable, gone));
    if (gone || phase_ != Phase::handshake) co_return false;
    tls_ = std::make_unique<TlsEngine>(context_);
    while (phase_ == Phase::handshake) {
        const TlsEngine::Progress progress = tls_->handshake();
        sending_.clear();
        tls_->take_output(sending_);
        if (!sending_.empty()) {
            boost::system::error_code error;
            const auto buffer = asio::buffer(sending_);
            co_await asio::async_write(socket_, buffer, asio::redirect_error(asio::use_awaitable, error));
        }
        if (phase_ != Phase::handshake) co_return false;
        if (progress == TlsEngine::Progress::done) {
            Bytes().swap(sending_);
            acknowledge_now();
            co_return true;
        }
        if (progress == TlsEngine::Progress::failed) {
            handshake_failed(tls_->failure());
            co_return false;
        }
        const bool more = co_await receive();
        if (!more && phase_ == Phase::handshake) {
            handshake_failed({"closed", "the peer closed the connection", {}});
            co_return false;
        }
    }
    co_return false;
}

/// A client whose socket has Nagle's algorithm on holds its Hello back until we acknowledge its Finished,
/// which the kernel would delay by 40 ms, since we have nothing to say to that (tcp(7), TCP_QUICKACK).
void ClientConnection::acknowledge_now() {
    const int on = 1;
    (void)::setsockopt(socket_.native_handle(), IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
}

void ClientConnection::handshake_failed(HandshakeFailure failure) {
    const ServerContext& server = *listener_->server;
    server.metrics->handshake_failed(listener_->name, failure.reason);
    // The peer's last word from us was the alert; nothing more is encrypted.
    phase_ = Phase::ending;
    goodbye_made_ = true;
    said_goodbye();
    tls_.reset();
    if (!failure.fingerprint.empty() || failure.reason == "no_certificate") {
        tell_refused(
            {secrets::RefusedKind::handshake, failure.reason, failure.detail, caller_, failure.fingerprint});
    }
    if (failure.fingerprint.empty() && !server.stranger_lines->take(now())) return;
    server.log->info("TLS handshake failed", {{"reason", std::string_view(failure.reason)},
                                              {"detail", std::string_view(failure.detail)},
                                              {"certificate_sha256", std::string_view(failure.fingerprint)},
                                              {"listener", std::string_view(listener_->name)},
                                              {"source", std::string_view(caller_.source_address)}});
}

/// The certificate that the handshake verified; there may be none where the listener does not require it.
bool ClientConnection::read_peer() {
    peer_ = tls_->peer_certificates();
    if (!peer_.leaf) return true;
    try {
        peer_expires_ = time_of(X509_get0_notAfter(peer_.leaf.get()));
    } catch (const Error& error) {
        end(v1::ConnectionError::ACCESS_DENIED, error.what(), false);
        return false;
    }
    return true;
}

bool ClientConnection::refuse_surplus() {
    if (!surplus_) return false;
    end(v1::ConnectionError::TOO_MANY_CONNECTIONS,
        "the listener has as many connections as it may; try again later", true);
    return true;
}

bool ClientConnection::admit(const std::string& principal) {
    if (is_ending()) return false;
    if (use_ && admitted_ == principal) return true;
    use_.release();
    use_ = listener_->server->principals->acquire(principal, now());
    if (!use_) {
        end(v1::ConnectionError::TOO_MANY_CONNECTIONS,
            "this principal has " + std::to_string(limits().connections_per_principal) +
                " connections, as many as it may",
            true);
        return false;
    }
    admitted_ = principal;
    return true;
}

asio::awaitable<void> ClientConnection::serve() {
    while (phase_ < Phase::ending && !peer_finished_) {
        const Input input = process_input();
        if (input == Input::ended) break;
        if (input == Input::blocked) {
            message_deadline_ = Deadline::max();  // the peer is not slow, we do not listen
            co_await wait_for_change();
        } else if (!co_await receive()) {
            break;
        }
    }
    // A peer that has said all it wants still gets its answers; half a message of it is nothing.
    message_deadline_ = Deadline::max();
    while (phase_ < Phase::ending && (busy() || !all_sent())) co_await wait_for_change();
    end_quietly();
}

void ClientConnection::end_quietly() {
    if (phase_ >= Phase::ending) return;
    phase_ = Phase::ending;
    phase_deadline_ = now() + limits().write_timeout;
    flush_soon();
    something_changed();
}

/// Waits for bytes and hands them to TLS. False when there will be no more.
asio::awaitable<bool> ClientConnection::receive() {
    boost::system::error_code error;
    co_await socket_.async_wait(tcp::socket::wait_read, asio::redirect_error(asio::use_awaitable, error));
    if (error || phase_ == Phase::closed) co_return false;
    Bytes& buffer = shard_.ciphertext();
    const std::size_t received = socket_.read_some(asio::buffer(buffer), error);
    if (error == asio::error::would_block || error == asio::error::try_again) co_return true;
    if (error == asio::error::eof) {
        peer_finished_ = true;
        co_return false;
    }
    if (error) {
        abort();
        co_return false;
    }
    if (phase_ != Phase::ending) tls_->feed(ByteView(buffer.data(), received));
    co_return true;
}

asio::awaitable<void> ClientConnection::wait_for_change() {
    boost::system::error_code ignored;
    co_await change_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
}

/// Lets the peer read our last words: reads and drops what it still sends until it closes or time is up.
asio::awaitable<void> ClientConnection::linger() {
    while (phase_ == Phase::ending && !peer_finished_) {
        const bool more = co_await receive();
        if (!more) break;
    }
    while (phase_ == Phase::ending && !goodbye_sent_) co_await wait_for_change();
}

void ClientConnection::finish() {
    abort();
    use_.release();
    shielded([this] { listener_->server->metrics->connection_closed(listener_->name); });
    listener_->open->fetch_sub(1);
    shard_.remove(shared_from_this());
}

void ClientConnection::abort() {
    if (phase_ == Phase::closed) return;
    phase_ = Phase::closed;
    write_deadline_ = Deadline::max();
    boost::system::error_code ignored;
    socket_.close(ignored);
    change_.cancel();
}

void ClientConnection::something_changed() {
    change_.cancel();
}

void ClientConnection::drain() {
    draining_ = true;
    if (phase_ == Phase::handshake) {
        abort();
    } else if (!busy()) {
        end(v1::ConnectionError::SHUTTING_DOWN, "the daemon is shutting down; connect again later", true);
    }
}

void ClientConnection::verify_again(std::shared_ptr<const TlsContext> tls) {
    context_ = std::move(tls);
    if (phase_ == Phase::handshake) {
        // A client could hold its last flight back until the list that has it is in force.
        reloaded_in_handshake_ = tls_ != nullptr;
    } else if (phase_ == Phase::hello || phase_ == Phase::open) {
        require_peer_still_good();
    }
}

void ClientConnection::require_peer_still_good() {
    if (!peer_.leaf) return;
    if (const auto objection = context_->objection_to(peer_)) {
        end(v1::ConnectionError::CERTIFICATE_REVOKED,
            "the client certificate is no longer accepted: " + *objection, false);
    }
}

void ClientConnection::end(v1::ConnectionError::Reason reason, const std::string& message, bool retryable) {
    if (phase_ >= Phase::ending) return;
    listener_->server->metrics->connection_error(listener_->name, reason);
    log_end(reason, message);
    phase_ = Phase::ending;
    phase_deadline_ = now() + limits().write_timeout;
    say_last_word(reason, message, retryable);
    flush_soon();
    something_changed();
}

void ClientConnection::tell_refused(const secrets::Refusal& refusal) const noexcept {
    if (auto* refusals = listener_->server->refusals) refusals->refused(refusal);
}

void ClientConnection::log_end(v1::ConnectionError::Reason reason, const std::string& message) const {
    const ServerContext& server = *listener_->server;
    const std::string label = reason_label(reason);
    if (!is_ordinary(reason)) tell_refused({secrets::RefusedKind::connection, label, message, caller_});
    if (!server.stranger_lines->take(now())) return;
    server.log->info("connection ended", {{"reason", std::string_view(label)},
                                          {"detail", std::string_view(message)},
                                          {"principal", std::string_view(caller_.principal)},
                                          {"listener", std::string_view(listener_->name)},
                                          {"source", std::string_view(caller_.source_address)}});
}

void ClientConnection::check_limits(Deadline time) {
    if (time >= write_deadline_) {
        listener_->server->metrics->connection_error(listener_->name, v1::ConnectionError::SLOW_PEER);
        log_end(v1::ConnectionError::SLOW_PEER,
                "answers were not read for " + duration_text(limits().write_timeout));
        abort();
        return;
    }
    switch (phase_) {
        case Phase::handshake:
            if (time < phase_deadline_) return;
            listener_->server->metrics->handshake_failed(listener_->name, "timeout");
            abort();
            return;
        case Phase::hello:
            if (time >= phase_deadline_) {
                end(v1::ConnectionError::HELLO_EXPECTED,
                    "no Hello came within " + duration_text(limits().hello_timeout), true);
            }
            return;
        case Phase::open:
            check_open_limits(time);
            return;
        case Phase::ending:
            if (time >= phase_deadline_) abort();
            return;
        case Phase::closed:
            return;
    }
}

void ClientConnection::check_open_limits(Deadline time) {
    check_calls(time);
    if (time >= message_deadline_) {
        end(v1::ConnectionError::SLOW_PEER,
            "a message was begun and not finished within " + duration_text(limits().frame_timeout), true);
    } else if (!busy() && all_sent() && time - last_activity_ >= idle_limit()) {
        end(v1::ConnectionError::IDLE, "nothing was asked for " + duration_text(idle_limit()), true);
    } else if (peer_expires_ && std::chrono::system_clock::now() > *peer_expires_) {
        end(v1::ConnectionError::CERTIFICATE_REVOKED, "the client certificate has expired", false);
    }
}

// ---- from bytes to messages -----------------------------------------------------------------------------

/// Works off what has been received: to the end of it, or until there is no room for another request.
ClientConnection::Input ClientConnection::process_input() {
    const std::uint64_t taken_before = messages_taken_;
    while (true) {
        if (!input_.empty()) input_.drop_front(take(input_.view()));
        if (phase_ >= Phase::ending || peer_finished_) return Input::ended;
        if (!has_room()) return Input::blocked;
        Bytes& scratch = shard_.plaintext();
        const TlsEngine::ReadResult read = tls_->read(scratch);
        if (read.state == TlsEngine::ReadState::data) {
            const ByteView plaintext(scratch.data(), read.bytes);
            // What can be worked on is taken from where they lie; only the rest is copied.
            const std::size_t used = input_.empty() ? take(plaintext) : 0;
            input_.append(plaintext.subspan(used));
            OPENSSL_cleanse(scratch.data(), read.bytes);
            if (input_.size() > limits().max_frame + kInputMarginBytes) {
                end(v1::ConnectionError::FRAME_TOO_LARGE,
                    "a message was begun that is longer than any may be", false);
            }
            continue;
        }
        if (tls_->has_output()) flush_soon();  // an answer to a key update
        if (read.state == TlsEngine::ReadState::wants_input) {
            note_partial_message(midway() || !input_.empty() || tls_->record_begun(),
                                 messages_taken_ != taken_before);
            return Input::wants_more;
        }
        if (read.state == TlsEngine::ReadState::failed) abort();
        peer_finished_ = true;
        return Input::ended;
    }
}

/// The time limit runs from a message's first byte to its last, however many bytes come in between.
void ClientConnection::note_partial_message(bool partial, bool progressed) {
    if (!partial) {
        message_deadline_ = Deadline::max();
    } else if (progressed || message_deadline_ == Deadline::max()) {
        message_deadline_ = now() + limits().frame_timeout;
    }
}

// ---- from answers to bytes ------------------------------------------------------------------------------

bool ClientConnection::has_output_room() const noexcept {
    return output_.size() < kOutputHighWaterBytes;
}

void ClientConnection::request_done() {
    last_activity_ = now();
    if (draining_ && !busy()) drain();
    something_changed();
}

bool ClientConnection::all_sent() const noexcept {
    return output_.empty() && !writing_;
}

/// Posted, not done at once: the answers of all handlers that are ready go into one write.
void ClientConnection::flush_soon() {
    if (writing_) return;
    writing_ = true;
    asio::post(shard_.io(), [self = shared_from_this()] { self->shielded([&self] { self->write_some(); }); });
}

void ClientConnection::write_some() {
    if (phase_ == Phase::closed) return;
    const std::size_t chunk = std::min(output_.size(), kWriteChunkBytes);
    if (!tls_->write(output_.view().first(chunk))) {
        abort();
        return;
    }
    output_.drop_front(chunk);
    if (output_.empty() && phase_ == Phase::ending && !goodbye_made_) {
        tls_->close_notify();
        goodbye_made_ = true;
    }
    sending_.clear();
    tls_->take_output(sending_);
    if (sending_.empty()) {
        writing_ = false;
        write_deadline_ = Deadline::max();
        if (goodbye_made_) said_goodbye();
        something_changed();
        return;
    }
    write_deadline_ = now() + limits().write_timeout;
    asio::async_write(socket_, asio::buffer(sending_),
                      [self = shared_from_this()](const boost::system::error_code& error, std::size_t) {
                          self->shielded([&self, &error] { self->written(error); });
                      });
}

void ClientConnection::written(const boost::system::error_code& error) {
    if (error) {
        abort();
        return;
    }
    last_activity_ = now();
    something_changed();
    write_some();
}

void ClientConnection::said_goodbye() {
    if (goodbye_sent_ || phase_ == Phase::closed) return;
    goodbye_sent_ = true;
    phase_deadline_ = now() + kLingerTime;
    boost::system::error_code ignored;
    socket_.shutdown(tcp::socket::shutdown_send, ignored);
}

}  // namespace coffer::server
