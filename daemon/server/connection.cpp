#include "daemon/server/connection.hpp"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "daemon/base/uuid.hpp"
#include "daemon/server/peer_identity.hpp"
#include "proto/frame_codec.hpp"
#include "proto/names.hpp"

namespace coffer::server {

namespace asio = boost::asio;

namespace {

constexpr std::uint32_t kProtocolVersion = 1;
/// Largest answer. `max_frame` bounds what a stranger can make us hold; what we send is ours, and twenty
/// values of 64 KiB (BatchGetSecretValue) are over 1 MiB. Clients accept this much (docs/protocol.md,
/// Frames).
constexpr std::size_t kMaxAnswerBytes = 16U * 1024 * 1024;
/// A request is answered for its handler this long after its deadline. Handlers keep deadlines themselves;
/// this is for one that hangs.
constexpr std::chrono::milliseconds kOverdueGrace{250};
constexpr std::size_t kMaxTraceIdCharacters = 128;
constexpr std::size_t kMaxClientNameBytes = 256;
constexpr std::size_t kMaxSessionTokenBytes = 16'384;

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

bool is_retryable(v1::ErrorCode code) noexcept {
    return code == v1::THROTTLING || code == v1::SERVICE_UNAVAILABLE || code == v1::DEADLINE_EXCEEDED ||
           code == v1::INTERNAL_SERVICE_ERROR;
}

}  // namespace

Connection::Connection(ConnectionParts parts) : ClientConnection(std::move(parts)) {}

Connection::~Connection() = default;

/// Nobody's bytes are looked at before this said who sends them.
bool Connection::identify() {
    try {
        caller_.certificate =
            std::make_shared<const access::CertificateIdentity>(identity_of(peer_.leaf.get()));
        caller_.principal = caller_.certificate->name;
    } catch (const Error& error) {
        end(v1::ConnectionError::ACCESS_DENIED, error.what(), false);
        return false;
    }
    return !refuse_surplus() && admit(caller_.principal);
}

void Connection::say_last_word(v1::ConnectionError::Reason reason, const std::string& message,
                               bool retryable) {
    for (Call& call : calls_) call.answered = true;
    v1::Frame frame;
    frame.mutable_connection_error()->set_reason(reason);
    frame.mutable_connection_error()->set_message(message);
    frame.mutable_connection_error()->set_retryable(retryable);
    send(frame);
}

void Connection::check_calls(Deadline time) {
    for (Call& call : calls_) {
        if (call.answered || time < call.deadline + kOverdueGrace) continue;
        call.answered = true;
        v1::Response response;
        response.set_id(call.id);
        response.set_request_id(call.request_id);
        set_error(response, v1::DEADLINE_EXCEEDED, "the request's deadline passed before it was done", true);
        send(std::move(response));
    }
}

// ---- from bytes to requests -----------------------------------------------------------------------------

bool Connection::has_room() const noexcept {
    return !draining_ && calls_.size() < limits().max_in_flight && has_output_room();
}

/// Takes whole frames off the head of `bytes` while there is room. Returns how many bytes they had.
std::size_t Connection::take(ByteView bytes) {
    std::size_t used = 0;
    try {
        while (phase_ < Phase::ending && has_room()) {
            const auto frame = proto::next_frame(bytes.subspan(used), limits().max_frame);
            if (!frame) break;
            used += frame->consumed;
            ++messages_taken_;
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
                          tls().version(), tls().cipher()});
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
    caller_.refused = recognition_.refused;
}

/// A token is opened once; what its session may do is asked for every request, as of the certificate.
void Connection::recognise_session(const std::string& token) {
    if (token.size() > kMaxSessionTokenBytes) {
        session_token_.clear();
        session_ = {};
        session_.refusal = "its session token is longer than any of Coffer's";
        return;
    }
    if (token != session_token_) {
        session_token_ = token;
        session_ = {};
    }
    if (listener_->server->callers) {
        listener_->server->callers->recognise_session(token, *caller_.certificate, recognition_, session_);
    }
}

void Connection::take_request(std::unique_ptr<v1::Request> request) {
    last_activity_ = now();
    const std::chrono::milliseconds asked(request->deadline_ms());
    const auto patience =
        asked.count() == 0 ? limits().default_deadline : std::min(asked, limits().max_deadline);
    recognise_caller();
    caller_.listener_policy = listener_->policy->get();
    secrets::CallContext context{caller_, last_activity_ + patience, Uuid::random().text(),
                                 request->trace_id()};
    if (!request->session_token().empty()) {
        recognise_session(request->session_token());
        context.caller.rights = session_.rights;
        context.caller.refusal = session_.refusal;
        context.caller.refused = session_.refused;
        context.caller.session = session_.session;
        context.caller.session_expired = session_.expired;
        if (session_.session) context.caller.access_key_id = session_.session->access_key_id;
        request->clear_session_token();
    }
    if (characters(context.trace_id) > kMaxTraceIdCharacters) {
        context.trace_id.clear();
        refuse_request(
            context, *request, v1::VALIDATION,
            "1 validation error detected: Value at 'traceId' failed to satisfy constraint: Member must "
            "have length less than or equal to 128");
        return;
    }
    if (!use_.admit_request(last_activity_)) {
        refuse_request(context, *request, v1::THROTTLING, "Rate exceeded");
        return;
    }
    const auto call =
        calls_.insert(calls_.end(), Call{request->id(), context.request_id, context.deadline, false});
    asio::co_spawn(shard().io(), perform(shared_from_this(), call, std::move(context), std::move(request)),
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
    tell_refused({secrets::RefusedKind::request, proto::error_name(code), message, caller_});
    listener_->server->observer->request_done(context, request.operation_case(), code, {},
                                              std::chrono::nanoseconds(0));
}

asio::awaitable<void> Connection::perform([[maybe_unused]] std::shared_ptr<ClientConnection> self,
                                          Calls::iterator call, secrets::CallContext context,
                                          std::unique_ptr<v1::Request> request) {
    const RequestInFlight counted(listener_->server->metrics);
    try {
        v1::Response response = co_await answer_to(std::move(context), std::move(request));
        answer(*call, std::move(response));
    } catch (const std::exception& error) {
        // There was no memory to answer with, say.
        abandon("a request could not be answered", error);
    }
    calls_.erase(call);
    request_done();
}

asio::awaitable<v1::Response> Connection::answer_to(secrets::CallContext context,
                                                    std::unique_ptr<v1::Request> request) {
    try {
        co_return co_await listener_->server->handler(std::move(context), std::move(request));
    } catch (const std::exception& error) {
        log_failure("a request failed outside the pipeline", error);
    }
    v1::Response response;
    set_error(response, v1::INTERNAL_SERVICE_ERROR, "An internal error occurred", true);
    co_return response;
}

void Connection::answer(const Call& call, v1::Response response) {
    if (call.answered) return;
    response.set_id(call.id);
    if (response.request_id().empty()) response.set_request_id(call.request_id);
    send(std::move(response));
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

}  // namespace coffer::server
