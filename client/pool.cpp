#include "client/pool.hpp"

#include <algorithm>
#include <boost/asio/dispatch.hpp>
#include <utility>

#include "client/errors.hpp"
#include "proto/frame_codec.hpp"

namespace coffer::client {

namespace {

namespace asio = boost::asio;
using std::chrono::steady_clock;

// With this many unanswered on every connection another one is opened: one event loop of the daemon may be
// busy while another idles.
constexpr std::size_t kBusyInFlight = 32;
// For a daemon that does not say how many requests it takes at a time.
constexpr std::size_t kMaxInFlight = 128;

std::uint32_t milliseconds_left(Deadline deadline) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - steady_clock::now()).count();
    // 0 would mean the daemon's default.
    return static_cast<std::uint32_t>(std::clamp<std::int64_t>(left, 1, 24 * 3600 * 1000));
}

/// `reason` as it is for a call that was sent, or not: what is the same failure of the connection leaves the
/// outcome of the one open and not of the other.
std::exception_ptr for_calls(const std::exception_ptr& reason, Sent sent) {
    try {
        std::rethrow_exception(reason);
    } catch (const CertificateRefused& error) {
        return std::make_exception_ptr(CertificateRefused(error.what(), sent));
    } catch (const ServerNotTrusted&) {
        return reason;
    } catch (const ConnectionError& error) {
        return std::make_exception_ptr(ConnectionError(error.what(), sent, error.retryable()));
    } catch (...) {
        return reason;
    }
}

std::exception_ptr closed_error() {
    return std::make_exception_ptr(ConnectionError("the client was closed", Sent::maybe, false));
}

}  // namespace

Pool::Pool(asio::any_io_executor executor, Config config)
    : executor_(std::move(executor)),
      config_(std::make_shared<const Config>(std::move(config))),
      timer_(executor_) {}

void Pool::submit(std::shared_ptr<v1::Frame> frame, Deadline deadline, Completion<v1::Response> done) {
    asio::dispatch(executor_, [self = shared_from_this(), frame = std::move(frame), deadline,
                               done = std::move(done)]() mutable {
        self->start(std::move(frame), deadline, std::move(done));
    });
}

void Pool::hello(Completion<v1::HelloReply> done) {
    asio::dispatch(executor_, [self = shared_from_this(), done = std::move(done)]() mutable {
        if (self->closed_) return done(closed_error());
        for (const auto& connection : self->connections_) {
            if (connection->ready()) return done(v1::HelloReply(connection->hello()));
        }
        self->greeted_.push_back(std::move(done));
        if (!self->any_opening()) self->open_another();
    });
}

void Pool::start(std::shared_ptr<v1::Frame> frame, Deadline deadline, Completion<v1::Response> done) {
    if (closed_) return done(closed_error());
    Connection* connection = best_connection();
    if (connection == nullptr && waiting_.size() >= config_->waiting_max) {
        return done(std::make_exception_ptr(Overloaded("more than " + std::to_string(config_->waiting_max) +
                                                       " calls wait for a connection")));
    }
    const CallId id = next_id_++;
    frame->mutable_request()->set_id(id);
    calls_.emplace(id, Call{.frame = std::move(frame), .deadline = deadline, .done = std::move(done)});
    deadlines_.emplace(deadline, id);
    watch(deadline);

    const bool busy = connection == nullptr || connection->in_flight() >= kBusyInFlight;
    if (busy && connections_.size() < config_->connections_max && !any_opening()) open_another();
    if (connection != nullptr) {
        send(id, *connection);
    } else {
        waiting_.push_back(id);
    }
}

std::size_t Pool::room(const Connection& connection) const {
    const std::size_t limit =
        connection.hello().max_in_flight() > 0 ? connection.hello().max_in_flight() : kMaxInFlight;
    return connection.ready() && connection.in_flight() < limit ? limit - connection.in_flight() : 0;
}

Connection* Pool::best_connection() const {
    Connection* best = nullptr;
    for (const auto& connection : connections_) {
        if (room(*connection) == 0) continue;
        if (best == nullptr || connection->in_flight() < best->in_flight()) best = connection.get();
    }
    return best;
}

bool Pool::any_opening() const {
    return std::any_of(connections_.begin(), connections_.end(),
                       [](const auto& connection) { return connection->opening(); });
}

void Pool::open_another() {
    connections_.push_back(std::make_shared<Connection>(executor_, config_, weak_from_this()));
    connections_.back()->open();
}

void Pool::send(CallId id, Connection& connection) {
    Call& call = calls_.at(id);
    call.frame->mutable_request()->set_deadline_ms(milliseconds_left(call.deadline));
    try {
        connection.send(*call.frame);
        call.on = &connection;
    } catch (const proto::FrameError& error) {
        finish(id, std::make_exception_ptr(Error("the request is too large: " + std::string(error.what()))));
    }
}

void Pool::send_waiting() {
    while (!waiting_.empty()) {
        Connection* connection = best_connection();
        if (connection == nullptr) return;
        const CallId id = waiting_.front();
        waiting_.pop_front();
        send(id, *connection);
    }
}

void Pool::finish(CallId id, Outcome<v1::Response> outcome) {
    const auto found = calls_.find(id);
    if (found == calls_.end()) return;
    Call call = std::move(found->second);
    calls_.erase(found);
    deadlines_.erase({call.deadline, id});
    call.frame.reset();  // before the caller goes on, who may use it again
    call.done(std::move(outcome));
}

void Pool::on_ready(Connection& connection) {
    for (auto& done : std::exchange(greeted_, {})) done(v1::HelloReply(connection.hello()));
    send_waiting();
}

void Pool::on_response(Connection& /*connection*/, v1::Response response) {
    const CallId id = response.id();
    finish(id, std::move(response));  // of a call that has expired: nobody waits for it
    if (!waiting_.empty()) send_waiting();
}

void Pool::on_closed(Connection& connection, std::exception_ptr reason) {
    if (!reason) reason = std::make_exception_ptr(ConnectionError("the connection was closed", Sent::maybe));
    std::vector<CallId> lost;
    for (const auto& [id, call] : calls_) {
        if (call.on == &connection) lost.push_back(id);
    }
    const auto self = shared_from_this();
    std::erase_if(connections_, [&](const auto& other) { return other.get() == &connection; });
    const auto unanswered = for_calls(reason, Sent::maybe);
    for (const CallId id : lost) finish(id, unanswered);
    if (connections_.empty()) {
        // What waits has not been sent, and there is nobody left to send it: it hears why.
        fail_waiting(reason);
        for (auto& done : std::exchange(greeted_, {})) done(reason);
    }
}

void Pool::fail_waiting(const std::exception_ptr& reason) {
    const auto not_sent = for_calls(reason, Sent::no);
    for (const CallId id : std::exchange(waiting_, {})) finish(id, not_sent);
}

/// Calls expire about in the order in which they came, so the search is short.
void Pool::stop_waiting(CallId id) {
    const auto found = std::find(waiting_.begin(), waiting_.end(), id);
    if (found != waiting_.end()) waiting_.erase(found);
}

void Pool::watch(Deadline deadline) {
    if (deadline >= timer_at_) return;
    timer_at_ = deadline;
    timer_.expires_at(deadline);
    timer_.async_wait([weak = weak_from_this()](boost::system::error_code error) {
        const auto self = weak.lock();
        if (!error && self) self->on_time();
    });
}

void Pool::on_time() {
    timer_at_ = Deadline::max();
    const auto now = steady_clock::now();
    while (!deadlines_.empty() && deadlines_.begin()->first <= now) expire(deadlines_.begin()->second);
    if (!deadlines_.empty()) watch(deadlines_.begin()->first);
}

void Pool::expire(CallId id) {
    Connection* const on = calls_.at(id).on;
    if (on == nullptr) stop_waiting(id);
    finish(id, std::make_exception_ptr(DeadlineExceeded(
                   on != nullptr
                       ? "no answer from " + config_->endpoint() + " within the deadline"
                       : "no connection to " + config_->endpoint() + " took the request within the deadline")));
    if (on != nullptr && on->silent_for(steady_clock::now()) >= config_->silence_max) {
        on->shared_from_this()->close(std::make_exception_ptr(
            ConnectionError("the connection to " + config_->endpoint() + " fell silent", Sent::maybe)));
    }
}

void Pool::close() {
    asio::dispatch(executor_, [self = shared_from_this()] {
        self->closed_ = true;
        self->timer_.cancel();
        const auto reason = closed_error();
        for (const auto& connection : std::vector(self->connections_)) connection->close(reason);
        self->fail_waiting(reason);
        for (auto& done : std::exchange(self->greeted_, {})) done(reason);
    });
}

}  // namespace coffer::client
