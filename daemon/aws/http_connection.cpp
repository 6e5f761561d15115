#include "daemon/aws/http_connection.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "daemon/base/uuid.hpp"
#include "daemon/server/tls_context.hpp"

namespace coffer::aws {

namespace asio = boost::asio;

namespace {

/// As of the native protocol: a request is answered for its handler this long after its deadline.
constexpr std::chrono::milliseconds kOverdueGrace{250};
constexpr std::size_t kUserAgentMax = 1024;
/// Taken from strangers however many they are: most requests, bounded by the number of connections.
constexpr std::size_t kSmallBodyBytes = 16U * 1024;
constexpr unsigned kUnavailable = 503;
constexpr unsigned kInternalError = 500;
constexpr unsigned kClientFault = 400;
constexpr unsigned kRequestTimeout = 408;
/// Refused over one connection, none of them signed rightly: then it ends. Clients connect again.
constexpr unsigned kRefusedInARowMax = 20;

ErrorAnswer last_word(v1::ConnectionError::Reason reason, const std::string& message, bool retryable) {
    // It is the client that is late (RFC 9110, 15.5.9); SDKs try the name again.
    if (reason == v1::ConnectionError::SLOW_PEER) {
        return {kRequestTimeout, std::string(error_names::kRequestTimeout), message};
    }
    if (retryable) return {kUnavailable, "ServiceUnavailableException", message};
    return {kClientFault, std::string(HttpError::kName), message};
}

std::string_view visible(std::string_view text) {
    const auto end = std::ranges::find_if(text, [](char c) { return c < ' ' || c > '~'; });
    return text.substr(0, static_cast<std::size_t>(end - text.begin())).substr(0, kUserAgentMax);
}

}  // namespace

server::ConnectionMaker http_connections(std::shared_ptr<FrontDoor> door, std::size_t strangers_bytes_max) {
    auto strangers = std::make_shared<ByteBudget>(strangers_bytes_max);
    return [door = std::move(door), strangers = std::move(strangers)](server::ConnectionParts parts) {
        return std::make_shared<HttpConnection>(std::move(parts), door, strangers);
    };
}

HttpConnection::HttpConnection(server::ConnectionParts parts, std::shared_ptr<FrontDoor> door,
                               std::shared_ptr<ByteBudget> strangers)
    : ClientConnection(std::move(parts)),
      door_(std::move(door)),
      counted_network_(server::counted_network(caller_.source_address)),
      held_(std::move(strangers)) {
    caller_.protocol = access::Protocol::aws;
}

HttpConnection::~HttpConnection() = default;

/// Who it is is known for each request, by its signature.
bool HttpConnection::identify() {
    if (refuse_surplus()) return false;
    access::PeerFacts facts;
    if (peer_.leaf) facts.certificate_sha256 = server::fingerprint_of(peer_.leaf.get());
    facts.tls_version = tls().version();
    facts.tls_cipher = tls().cipher();
    facts_ = std::make_shared<const access::PeerFacts>(std::move(facts));
    phase_ = Phase::open;
    phase_deadline_ = Deadline::max();
    last_activity_ = now();
    return true;
}

/// Strangers may not hold a connection for as long as others.
std::chrono::milliseconds HttpConnection::idle_limit() const noexcept {
    return somebody_ ? limits().idle_timeout : std::min(limits().hello_timeout, limits().idle_timeout);
}

// ---- from bytes to requests -----------------------------------------------------------------------------

std::size_t HttpConnection::take(ByteView bytes) {
    std::size_t used = 0;
    try {
        while (!is_ending() && has_room() && used < bytes.size()) {
            if (!request_) request_ = std::make_unique<HttpRequest>(limits().max_frame);
            const auto taken = request_->put(bytes.subspan(used));
            used += taken;
            account_for_body();
            if (request_->take_wants_continue()) {
                write_continue(output_.bytes());
                flush_soon();
            }
            if (!request_->is_done()) break;
            ++messages_taken_;
            begin_call();
        }
    } catch (const RequestRefused& refused) {
        used = bytes.size();
        refuse_bytes(refused);
    }
    return used;
}

void HttpConnection::account_for_body() {
    const auto size = request_->body_bytes();
    if (somebody_ || size <= kSmallBodyBytes || held_.hold(size)) return;
    throw HttpError("There are too many large requests at the moment; try again later", kUnavailable);
}

void HttpConnection::refuse_bytes(const RequestRefused& refused) {
    request_.reset();
    held_.release();
    const auto error = error_answer(refused);
    note_refusal(error, caller_);
    Call call;
    call.request_id = Uuid::random().text();
    call.keep_alive = false;
    send(call, json_error_answer(error));
    end_quietly();
}

void HttpConnection::begin_call() {
    last_activity_ = now();
    const std::shared_ptr<const HttpRequest> request = std::move(request_);
    auto call = std::make_shared<Call>();
    call->request_id = Uuid::random().text();
    call->deadline = last_activity_ + limits().default_deadline;
    call->keep_alive = request->keep_alive();
    call->is_http_1_0 = request->is_http_1_0();
    call->is_head = request->view().method == "HEAD";
    call_ = call;
    asio::co_spawn(shard().io(), perform(shared_from_this(), std::move(call), request), asio::detached);
}

/// Of all requests of a client the same object: it says the same each time.
std::shared_ptr<const access::PeerFacts> HttpConnection::facts_with_agent(std::string_view user_agent) {
    if (facts_->user_agent != user_agent) {
        auto facts = *facts_;
        facts.user_agent = user_agent;
        facts_ = std::make_shared<const access::PeerFacts>(std::move(facts));
    }
    return facts_;
}

Arrival HttpConnection::arrival_of(const HttpRequest& request, const std::shared_ptr<Call>& call) {
    Arrival arrival;
    arrival.caller = caller_;
    arrival.caller.listener_policy = listener_->policy->get();
    arrival.caller.peer = facts_with_agent(visible(request.header("user-agent")));
    arrival.deadline = call->deadline;
    arrival.request_id = call->request_id;
    arrival.admit = [this, call](const std::string& principal) {
        call->is_somebodys = true;
        admit_principal(principal);
    };
    arrival.admit_stranger = [this, call] {
        call->is_charged = charge_address();
        if (!call->is_charged) throw RequestRefused(error_names::kThrottling, "Rate exceeded");
    };
    arrival.refused = [this](const ErrorAnswer& error, const access::Caller& caller,
                             const std::string& unknown_access_key_id) {
        note_refusal(error, caller, unknown_access_key_id);
    };
    return arrival;
}

void HttpConnection::admit_principal(const std::string& principal) {
    if (is_ending()) {
        throw RequestRefused(error_names::kRequestAborted, "The connection ended before the request began");
    }
    somebody_ = true;
    if (!admit(principal) || !use_.admit_request(now())) {
        throw RequestRefused(error_names::kThrottling, "Rate exceeded");
    }
}

/// What nobody signed counts for the address. False when that has asked too much.
bool HttpConnection::charge_address() const {
    const auto time = now();
    return listener_->server->strangers->acquire(counted_network_, time).admit_request(time);
}

/// What is refused to nobody that is known must not be had without end: it costs us more than whoever asks.
/// What is not the client's fault is not charged to its address, which others may share.
bool HttpConnection::may_stay(const Call& call, unsigned status) {
    if (call.is_somebodys || status < kClientFault) {
        refused_in_a_row_ = 0;
        return true;
    }
    const bool within_rate = call.is_charged || status >= kInternalError || charge_address();
    return within_rate && ++refused_in_a_row_ < kRefusedInARowMax;
}

// ---- from requests to answers ---------------------------------------------------------------------------

asio::awaitable<void> HttpConnection::perform([[maybe_unused]] std::shared_ptr<ClientConnection> self,
                                              std::shared_ptr<Call> call,
                                              std::shared_ptr<const HttpRequest> request) {
    const server::RequestInFlight counted(listener_->server->metrics);
    try {
        HttpAnswer answer = co_await answer_to(std::move(request), call);
        call_done(call, std::move(answer));
    } catch (const std::exception& error) {
        // There was no memory to answer with, say.
        call_.reset();
        abandon("a request could not be answered", error);
    }
}

asio::awaitable<HttpAnswer> HttpConnection::answer_to(std::shared_ptr<const HttpRequest> request,
                                                      std::shared_ptr<Call> call) {
    try {
        auto arrival = arrival_of(*request, call);
        co_return co_await door_->answer(std::move(request), std::move(arrival));
    } catch (const std::exception& error) {
        log_failure("a request failed outside the pipeline", error);
    }
    co_return json_error_answer(
        {kInternalError, "InternalServiceError", "An error occurred on the server side."});
}

void HttpConnection::call_done(const std::shared_ptr<Call>& call, HttpAnswer answer) {
    held_.release();
    if (!call->answered && !is_ending()) {
        if (draining_ || !may_stay(*call, answer.status)) call->keep_alive = false;
        send(*call, answer);
        if (!call->keep_alive) {
            call_.reset();
            end_quietly();
            return;
        }
    }
    call_.reset();
    request_done();
}

void HttpConnection::send(const Call& call, const HttpAnswer& answer) {
    const HttpSending sending{call.request_id, door_->clock().now(), call.keep_alive, call.is_http_1_0,
                              call.is_head};
    write_answer(answer, sending, output_.bytes());
    flush_soon();
}

/// An answer that is due says it; where nothing was asked there is nobody to read anything.
void HttpConnection::say_last_word(v1::ConnectionError::Reason reason, const std::string& message,
                                   bool retryable) {
    const bool asked = call_ || midway() || reason == v1::ConnectionError::TOO_MANY_CONNECTIONS;
    if (!asked || (call_ && call_->answered)) return;
    Call call;
    if (call_) call = *call_;
    if (call.request_id.empty()) call.request_id = Uuid::random().text();
    call.keep_alive = false;
    if (call_) call_->answered = true;
    send(call, json_error_answer(last_word(reason, message, retryable)));
}

void HttpConnection::check_calls(Deadline time) {
    if (!call_ || call_->answered || time < call_->deadline + kOverdueGrace) return;
    call_->keep_alive = false;
    send(*call_, json_error_answer({kUnavailable, "RequestTimeoutException",
                                    "The request was not answered before its deadline."}));
    call_->answered = true;
    end_quietly();
}

void HttpConnection::note_refusal(const ErrorAnswer& error, const access::Caller& caller,
                                  std::string_view unknown_access_key_id) const {
    const auto& server = *listener_->server;
    server.metrics->request_refused(listener_->name, error.name);
    tell_refused({secrets::RefusedKind::request,
                  error.name,
                  error.message,
                  caller,
                  {},
                  error.cause,
                  unknown_access_key_id});
    if (!server.stranger_lines->take(now())) return;
    server.log->info("a request was refused",
                     {{"error", std::string_view(error.name)},
                      {"detail", std::string_view(error.message)},
                      {"cause", error.cause},
                      {"access_key_id", unknown_access_key_id.empty() ? std::string_view(caller.access_key_id)
                                                                      : unknown_access_key_id},
                      {"listener", std::string_view(listener_->name)},
                      {"source", std::string_view(caller.source_address)}});
}

}  // namespace coffer::aws
