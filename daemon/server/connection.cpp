#include "daemon/server/connection.hpp"

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

#include "daemon/base/uuid.hpp"
#include "daemon/server/peer_identity.hpp"
#include "daemon/server/units.hpp"
#include "proto/frame_codec.hpp"
#include "proto/names.hpp"

namespace coffer::server {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

constexpr std::uint32_t kProtocolVersion = 1;
/// Answers that may wait for the peer to read; beyond, no further requests are taken.
constexpr std::size_t kOutputHighWaterBytes = 256U * 1024;
/// Largest answer. `max_frame` bounds what a stranger can make us hold; what we send is ours, and twenty
/// values of 64 KiB (BatchGetSecretValue) are over 1 MiB. Clients accept this much (docs/protocol.md,
/// Frames).
constexpr std::size_t kMaxAnswerBytes = 16U * 1024 * 1024;
/// Encrypted and handed to the socket at once.
constexpr std::size_t kWriteChunkBytes = 256U * 1024;
/// How long a connection that was ended is kept open for the peer to read why. Closing with unread input
/// makes the kernel send a reset, which discards what the peer has not read yet.
constexpr std::chrono::milliseconds kLingerTime{1'000};
/// A request is answered for its handler this long after its deadline. Handlers keep deadlines themselves;
/// this is for one that hangs.
constexpr std::chrono::milliseconds kOverdueGrace{250};
constexpr std::size_t kMaxTraceIdCharacters = 128;
constexpr std::size_t kMaxClientNameBytes = 256;

Deadline now() noexcept {
    return std::chrono::steady_clock::now();
}

/// Characters of UTF-8 text: bytes that do not continue one.
std::size_t characters(std::string_view text) {
    return static_cast<std::size_t>(std::count_if(
        text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80; }));
}

void set_error(v1::Response& response, v1::ErrorCode code, const std::string& message, bool retryable) {
    v1::Error* error = response.mutable_error();
    error->set_code(code);
    error->set_message(message);
    error->set_retryable(retryable);
}

/// An end of a connection that is nobody's fault.
bool is_ordinary(v1::ConnectionError::Reason reason) noexcept {
    return reason == v1::ConnectionError::IDLE || reason == v1::ConnectionError::SHUTTING_DOWN;
}

bool is_retryable(v1::ErrorCode code) noexcept {
    return code == v1::THROTTLING || code == v1::SERVICE_UNAVAILABLE || code == v1::DEADLINE_EXCEEDED ||
           code == v1::INTERNAL_SERVICE_ERROR;
}

}  // namespace

Connection::Connection(tcp::socket socket, std::string source_address,
                       std::shared_ptr<const ListenerContext> listener, std::shared_ptr<const TlsContext> tls,
                       IoShard& shard, bool surplus)
    : socket_(std::move(socket)),
      listener_(std::move(listener)),
      shard_(shard),
      context_(std::move(tls)),
      surplus_(surplus),
      change_(shard.io(), Deadline::max()),
      last_activity_(now()) {
    caller_.listener = listener_->name;
    caller_.source_address = std::move(source_address);
    phase_deadline_ = last_activity_ + limits().handshake_timeout;
}

Connection::~Connection() = default;

void Connection::start() {
    shard_.add(shared_from_this());
    asio::co_spawn(shard_.io(), run(shared_from_this()), asio::detached);
}

// ---- the life of a connection ---------------------------------------------------------------------------

asio::awaitable<void> Connection::run([[maybe_unused]] std::shared_ptr<Connection> self) {
    try {
        boost::system::error_code ignored;
        socket_.set_option(tcp::no_delay(true), ignored);
        socket_.non_blocking(true, ignored);
        const bool trusted = co_await shake_hands();
        if (trusted) {
            listener_->server->metrics->handshake_done(listener_->name);
            phase_ = Phase::hello;
            phase_deadline_ = now() + limits().hello_timeout;
            if (identify()) co_await serve();
        }
        co_await linger();
    } catch (const std::exception& error) {
        log_failure("a connection failed", error);
    }
    finish();
}

void Connection::log_failure(std::string_view what, const std::exception& error) const {
    listener_->server->log->error(what, {{"reason", std::string_view(error.what())},
                                         {"principal", std::string_view(caller_.principal)},
                                         {"listener", std::string_view(listener_->name)}});
}

asio::awaitable<bool> Connection::shake_hands() {
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
void Connection::acknowledge_now() {
    const int on = 1;
    (void)::setsockopt(socket_.native_handle(), IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
}

void Connection::handshake_failed(HandshakeFailure failure) {
    const ServerContext& server = *listener_->server;
    server.metrics->handshake_failed(listener_->name, failure.reason);
    // The peer's last word from us was the alert; nothing more is encrypted.
    phase_ = Phase::ending;
    goodbye_made_ = true;
    said_goodbye();
    tls_.reset();
    if (!failure.fingerprint.empty() || failure.reason == "no_certificate") {
        tell_refused(secrets::RefusedKind::handshake, failure.reason, failure.detail, failure.fingerprint);
    }
    if (failure.fingerprint.empty() && !server.stranger_lines->take(now())) return;
    server.log->info("TLS handshake failed", {{"reason", std::string_view(failure.reason)},
                                              {"detail", std::string_view(failure.detail)},
                                              {"certificate_sha256", std::string_view(failure.fingerprint)},
                                              {"listener", std::string_view(listener_->name)},
                                              {"source", std::string_view(caller_.source_address)}});
}

/// Nobody's bytes are looked at before this said who sends them.
bool Connection::identify() {
    const ServerContext& server = *listener_->server;
    peer_ = tls_->peer_certificates();
    try {
        caller_.certificate =
            std::make_shared<const access::CertificateIdentity>(identity_of(peer_.leaf.get()));
        caller_.principal = caller_.certificate->name;
        peer_expires_ = time_of(X509_get0_notAfter(peer_.leaf.get()));
    } catch (const Error& error) {
        end(v1::ConnectionError::ACCESS_DENIED, error.what(), false);
        return false;
    }
    if (surplus_) {
        end(v1::ConnectionError::TOO_MANY_CONNECTIONS,
            "the listener has as many connections as it may; try again later", true);
        return false;
    }
    use_ = server.principals->acquire(caller_.principal, now());
    if (!use_) {
        end(v1::ConnectionError::TOO_MANY_CONNECTIONS,
            "this principal has " + std::to_string(limits().connections_per_principal) +
                " connections, as many as it may",
            true);
        return false;
    }
    return true;
}

asio::awaitable<void> Connection::serve() {
    while (phase_ < Phase::ending && !peer_finished_) {
        const Input input = process_input();
        if (input == Input::ended) break;
        if (input == Input::blocked) {
            frame_deadline_ = Deadline::max();  // the peer is not slow, we do not listen
            co_await wait_for_change();
        } else if (!co_await receive()) {
            break;
        }
    }
    // A peer that has said all it wants still gets its answers; half a frame of it is nothing.
    frame_deadline_ = Deadline::max();
    while (phase_ < Phase::ending && !(calls_.empty() && all_sent())) co_await wait_for_change();
    if (phase_ < Phase::ending) {
        phase_ = Phase::ending;
        phase_deadline_ = now() + limits().write_timeout;
        flush_soon();
    }
}

/// Waits for bytes and hands them to TLS. False when there will be no more.
asio::awaitable<bool> Connection::receive() {
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

asio::awaitable<void> Connection::wait_for_change() {
    boost::system::error_code ignored;
    co_await change_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
}

/// Lets the peer read our last words: reads and drops what it still sends until it closes or time is up.
asio::awaitable<void> Connection::linger() {
    while (phase_ == Phase::ending && !peer_finished_) {
        const bool more = co_await receive();
        if (!more) break;
    }
    while (phase_ == Phase::ending && !goodbye_sent_) co_await wait_for_change();
}

void Connection::finish() {
    abort();
    if (use_) listener_->server->principals->release(caller_.principal, now());
    use_.reset();
    listener_->server->metrics->connection_closed(listener_->name);
    listener_->open->fetch_sub(1);
    shard_.remove(shared_from_this());
}

void Connection::abort() {
    if (phase_ == Phase::closed) return;
    phase_ = Phase::closed;
    write_deadline_ = Deadline::max();
    boost::system::error_code ignored;
    socket_.close(ignored);
    change_.cancel();
}

void Connection::something_changed() {
    change_.cancel();
}

void Connection::drain() {
    draining_ = true;
    if (phase_ == Phase::handshake) {
        abort();
    } else if (calls_.empty()) {
        end(v1::ConnectionError::SHUTTING_DOWN, "the daemon is shutting down; connect again later", true);
    }
}

void Connection::verify_again(const TlsContext& tls) {
    if (phase_ != Phase::hello && phase_ != Phase::open) return;
    if (const auto objection = tls.objection_to(peer_)) {
        end(v1::ConnectionError::CERTIFICATE_REVOKED,
            "the client certificate is no longer accepted: " + *objection, false);
    }
}

void Connection::end(v1::ConnectionError::Reason reason, const std::string& message, bool retryable) {
    if (phase_ >= Phase::ending) return;
    listener_->server->metrics->connection_error(listener_->name, reason);
    log_end(reason, message);
    phase_ = Phase::ending;
    phase_deadline_ = now() + limits().write_timeout;
    for (Call& call : calls_) call.answered = true;
    v1::Frame frame;
    frame.mutable_connection_error()->set_reason(reason);
    frame.mutable_connection_error()->set_message(message);
    frame.mutable_connection_error()->set_retryable(retryable);
    send(frame);
    something_changed();
}

void Connection::tell_refused(secrets::RefusedKind kind, std::string_view code, std::string_view message,
                              std::string_view certificate_sha256) const {
    if (auto* refusals = listener_->server->refusals) {
        refusals->refused({kind, code, message, caller_, certificate_sha256});
    }
}

void Connection::log_end(v1::ConnectionError::Reason reason, const std::string& message) const {
    const ServerContext& server = *listener_->server;
    const std::string label = reason_label(reason);
    if (!is_ordinary(reason)) tell_refused(secrets::RefusedKind::connection, label, message);
    if (!server.stranger_lines->take(now())) return;
    server.log->info("connection ended", {{"reason", std::string_view(label)},
                                          {"detail", std::string_view(message)},
                                          {"principal", std::string_view(caller_.principal)},
                                          {"listener", std::string_view(listener_->name)},
                                          {"source", std::string_view(caller_.source_address)}});
}

void Connection::check_limits(Deadline time) {
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

void Connection::check_open_limits(Deadline time) {
    for (Call& call : calls_) {
        if (call.answered || time < call.deadline + kOverdueGrace) continue;
        call.answered = true;
        v1::Response response;
        response.set_id(call.id);
        response.set_request_id(call.request_id);
        set_error(response, v1::DEADLINE_EXCEEDED, "the request's deadline passed before it was done", true);
        send(std::move(response));
    }
    if (time >= frame_deadline_) {
        end(v1::ConnectionError::SLOW_PEER,
            "a frame was begun and not finished within " + duration_text(limits().frame_timeout), true);
    } else if (calls_.empty() && all_sent() && time - last_activity_ >= limits().idle_timeout) {
        end(v1::ConnectionError::IDLE, "nothing was asked for " + duration_text(limits().idle_timeout), true);
    } else if (peer_expires_ && std::chrono::system_clock::now() > *peer_expires_) {
        end(v1::ConnectionError::CERTIFICATE_REVOKED, "the client certificate has expired", false);
    }
}

// ---- from bytes to requests -----------------------------------------------------------------------------

bool Connection::has_room() const noexcept {
    return !draining_ && calls_.size() < limits().max_in_flight && output_.size() < kOutputHighWaterBytes;
}

/// Works off what has been received: to the end of it, or until there is no room for another request.
Connection::Input Connection::process_input() {
    bool progressed = false;
    while (true) {
        if (!input_.empty()) {
            const std::size_t used = take_frames(input_.view());
            input_.drop_front(used);
            progressed = progressed || used > 0;
        }
        if (phase_ >= Phase::ending || peer_finished_) return Input::ended;
        if (!has_room()) return Input::blocked;
        Bytes& scratch = shard_.plaintext();
        const TlsEngine::ReadResult read = tls_->read(scratch);
        if (read.state == TlsEngine::ReadState::data) {
            const ByteView plaintext(scratch.data(), read.bytes);
            // Whole frames are taken from where they lie; only the rest is copied.
            const std::size_t used = input_.empty() ? take_frames(plaintext) : 0;
            input_.append(plaintext.subspan(used));
            progressed = progressed || used > 0;
            OPENSSL_cleanse(scratch.data(), read.bytes);
            continue;
        }
        if (tls_->has_output()) flush_soon();  // an answer to a key update
        if (read.state == TlsEngine::ReadState::wants_input) {
            note_partial_frame(!input_.empty() || tls_->record_begun(), progressed);
            return Input::wants_more;
        }
        if (read.state == TlsEngine::ReadState::failed) abort();
        peer_finished_ = true;
        return Input::ended;
    }
}

/// The time limit runs from a frame's first byte to its last, however many bytes come in between.
void Connection::note_partial_frame(bool partial, bool progressed) {
    if (!partial) {
        frame_deadline_ = Deadline::max();
    } else if (progressed || frame_deadline_ == Deadline::max()) {
        frame_deadline_ = now() + limits().frame_timeout;
    }
}

/// Takes whole frames off the head of `bytes` while there is room. Returns how many bytes they had.
std::size_t Connection::take_frames(ByteView bytes) {
    std::size_t used = 0;
    try {
        while (phase_ < Phase::ending && has_room()) {
            const auto frame = proto::next_frame(bytes.subspan(used), limits().max_frame);
            if (!frame) break;
            used += frame->consumed;
            take_frame(frame->content);
        }
    } catch (const proto::FrameError& error) {
        end(error.reason(), error.what(), false);
    }
    return used;
}

void Connection::take_frame(ByteView content) {
    v1::Frame frame = proto::parse_frame(content);
    const bool is_hello = frame.kind_case() == v1::Frame::kHello;
    if (is_hello != (phase_ == Phase::hello)) {
        end(v1::ConnectionError::HELLO_EXPECTED,
            is_hello ? "a second Hello came; there is one, at the start" : "the first frame must be a Hello",
            false);
        return;
    }
    switch (frame.kind_case()) {
        case v1::Frame::kHello:
            take_hello(frame.hello());
            return;
        case v1::Frame::kRequest:
            take_request(std::unique_ptr<v1::Request>(frame.release_request()));
            return;
        case v1::Frame::kConnectionError:
            peer_finished_ = true;
            return;
        default:
            break;
    }
    end(v1::ConnectionError::MALFORMED_FRAME, "a client sends Hello and Request frames only", false);
}

void Connection::take_hello(const v1::Hello& hello) {
    const ServerContext& server = *listener_->server;
    if (hello.min_version() > kProtocolVersion || hello.max_version() < kProtocolVersion) {
        end(v1::ConnectionError::UNSUPPORTED_VERSION,
            "this daemon speaks protocol version " + std::to_string(kProtocolVersion) + ", the client " +
                std::to_string(hello.min_version()) + " to " + std::to_string(hello.max_version()),
            false);
        return;
    }
    phase_ = Phase::open;
    phase_deadline_ = Deadline::max();
    last_activity_ = now();
    v1::Frame frame;
    v1::HelloReply* reply = frame.mutable_hello_reply();
    reply->set_version(kProtocolVersion);
    reply->set_server(server.software);
    reply->set_max_frame_bytes(static_cast<std::uint32_t>(limits().max_frame));
    reply->set_max_in_flight(static_cast<std::uint32_t>(limits().max_in_flight));
    reply->set_principal(caller_.principal);
    reply->set_account(server.account);
    reply->set_region(server.region);
    reply->set_listener(listener_->name);
    caller_.peer = std::make_shared<const access::PeerFacts>(
        access::PeerFacts{fingerprint_of(peer_.leaf.get()), hello.client().substr(0, kMaxClientNameBytes),
                          tls_->version(), tls_->cipher()});
    recognise_caller();
    if (caller_.rights) reply->set_arn(caller_.rights->principal.arn);
    send(frame);
    server.log->debug("client connected",
                      {{"principal", std::string_view(caller_.principal)},
                       {"client", std::string_view(hello.client()).substr(0, kMaxClientNameBytes)},
                       {"listener", std::string_view(listener_->name)},
                       {"source", std::string_view(caller_.source_address)}});
}

/// For every request anew: rights change, and users expire, while connections are open.
void Connection::recognise_caller() {
    const ServerContext& server = *listener_->server;
    if (!server.callers) return;
    server.callers->recognise(*caller_.certificate, recognition_);
    caller_.rights = recognition_.rights;
    caller_.refusal = recognition_.refusal;
}

void Connection::take_request(std::unique_ptr<v1::Request> request) {
    const ServerContext& server = *listener_->server;
    last_activity_ = now();
    const std::chrono::milliseconds asked(request->deadline_ms());
    const auto patience =
        asked.count() == 0 ? limits().default_deadline : std::min(asked, limits().max_deadline);
    recognise_caller();
    caller_.listener_policy = listener_->policy->get();
    secrets::CallContext context{caller_, last_activity_ + patience, Uuid::random().text(),
                                 request->trace_id()};
    if (characters(context.trace_id) > kMaxTraceIdCharacters) {
        context.trace_id.clear();
        refuse_request(
            context, *request, v1::VALIDATION,
            "1 validation error detected: Value at 'traceId' failed to satisfy constraint: Member must "
            "have length less than or equal to 128");
        return;
    }
    if (!use_->admit_request(last_activity_)) {
        refuse_request(context, *request, v1::THROTTLING, "Rate exceeded");
        return;
    }
    server.metrics->requests_in_flight(1);
    const auto call =
        calls_.insert(calls_.end(), Call{request->id(), context.request_id, context.deadline, false});
    asio::co_spawn(shard_.io(), perform(shared_from_this(), call, std::move(context), std::move(request)),
                   asio::detached);
}

// ---- from requests to answers ---------------------------------------------------------------------------

void Connection::refuse_request(const secrets::CallContext& context, const v1::Request& request,
                                v1::ErrorCode code, const std::string& message) {
    v1::Response response;
    response.set_id(request.id());
    response.set_request_id(context.request_id);
    set_error(response, code, message, is_retryable(code));
    send(std::move(response));
    tell_refused(secrets::RefusedKind::request, proto::error_name(code), message);
    listener_->server->observer->request_done(context, request.operation_case(), code, {},
                                              std::chrono::nanoseconds(0));
}

asio::awaitable<void> Connection::perform([[maybe_unused]] std::shared_ptr<Connection> self,
                                          Calls::iterator call, secrets::CallContext context,
                                          std::unique_ptr<v1::Request> request) {
    v1::Response response;
    try {
        response = co_await listener_->server->handler(std::move(context), std::move(request));
    } catch (const std::exception& error) {
        log_failure("a request failed outside the pipeline", error);
        set_error(response, v1::INTERNAL_SERVICE_ERROR, "An internal error occurred", true);
    }
    call_done(call, std::move(response));
}

void Connection::call_done(Calls::iterator call, v1::Response response) {
    listener_->server->metrics->requests_in_flight(-1);
    last_activity_ = now();
    if (!call->answered) {
        response.set_id(call->id);
        if (response.request_id().empty()) response.set_request_id(call->request_id);
        send(std::move(response));
    }
    calls_.erase(call);
    if (draining_ && calls_.empty()) drain();
    something_changed();
}

void Connection::send(v1::Response response) {
    v1::Frame frame;
    frame.mutable_response()->Swap(&response);
    try {
        send(frame);
    } catch (const proto::FrameError& error) {
        v1::Frame refusal;
        refusal.mutable_response()->set_id(frame.response().id());
        refusal.mutable_response()->set_request_id(frame.response().request_id());
        set_error(*refusal.mutable_response(), v1::INTERNAL_SERVICE_ERROR,
                  std::string("the answer does not fit: ") + error.what(), false);
        send(refusal);
    }
}

void Connection::send(const v1::Frame& frame) {
    if (phase_ == Phase::closed) return;
    proto::append_frame(frame, kMaxAnswerBytes, output_.bytes());
    flush_soon();
}

// ---- from answers to bytes ------------------------------------------------------------------------------

bool Connection::all_sent() const noexcept {
    return output_.empty() && !writing_;
}

/// Posted, not done at once: the answers of all handlers that are ready go into one write.
void Connection::flush_soon() {
    if (writing_) return;
    writing_ = true;
    asio::post(shard_.io(), [self = shared_from_this()] { self->write_some(); });
}

void Connection::write_some() {
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
                          self->written(error);
                      });
}

void Connection::written(const boost::system::error_code& error) {
    if (error) {
        abort();
        return;
    }
    last_activity_ = now();
    something_changed();
    write_some();
}

void Connection::said_goodbye() {
    if (goodbye_sent_ || phase_ == Phase::closed) return;
    goodbye_sent_ = true;
    phase_deadline_ = now() + kLingerTime;
    boost::system::error_code ignored;
    socket_.shutdown(tcp::socket::shutdown_send, ignored);
}

}  // namespace coffer::server
