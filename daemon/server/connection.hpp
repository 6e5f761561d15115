#pragma once
// One client: handshake, Hello, then requests side by side, answered in whatever order they are done, until
// either side ends it. docs/protocol.md is the protocol; this is the daemon's half of it.
//
// Everything here runs on the thread of the connection's shard.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <list>
#include <memory>
#include <optional>
#include <string>

#include "daemon/server/io_shard.hpp"
#include "daemon/server/listener_context.hpp"
#include "daemon/server/plain_buffer.hpp"
#include "daemon/server/tls_engine.hpp"

namespace coffer::server {

class Connection : public std::enable_shared_from_this<Connection> {
public:
    /// `surplus`: the listener is full, so the client will only be told so.
    Connection(boost::asio::ip::tcp::socket socket, std::string source_address,
               std::shared_ptr<const ListenerContext> listener, std::shared_ptr<const TlsContext> tls,
               IoShard& shard, bool surplus);
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    /// Serves the client from now on. Called once.
    void start();
    /// Ends the connection when a time limit has passed.
    void check_limits(Deadline time);
    /// Takes no more requests, answers those in flight, then ends with SHUTTING_DOWN.
    void drain();
    /// Ends the connection unless `tls` would let its client in.
    void verify_again(const TlsContext& tls);
    /// Closes the socket at once.
    void abort();

    [[nodiscard]] const ListenerContext& listener() const noexcept { return *listener_; }

private:
    enum class Phase : std::uint8_t { handshake, hello, open, ending, closed };
    enum class Input : std::uint8_t { wants_more, blocked, ended };

    /// A request that is being worked on.
    struct Call {
        std::uint64_t id = 0;
        std::string request_id;
        Deadline deadline;
        bool answered = false;
    };
    using Calls = std::list<Call>;

    // The life of a connection, top to bottom. `self` keeps it alive as long as the coroutine lives.
    boost::asio::awaitable<void> run(std::shared_ptr<Connection> self);
    boost::asio::awaitable<bool> shake_hands();
    void acknowledge_now();
    void handshake_failed(HandshakeFailure failure);
    bool identify();
    boost::asio::awaitable<void> serve();
    boost::asio::awaitable<bool> receive();
    boost::asio::awaitable<void> wait_for_change();
    boost::asio::awaitable<void> linger();
    void finish();

    // From bytes to requests.
    Input process_input();
    std::size_t take_frames(ByteView bytes);
    void take_frame(ByteView content);
    void take_hello(const v1::Hello& hello);
    void take_request(std::unique_ptr<v1::Request> request);
    void recognise_caller();
    void note_partial_frame(bool partial, bool progressed);
    [[nodiscard]] bool has_room() const noexcept;

    // From requests to answers.
    boost::asio::awaitable<void> perform(std::shared_ptr<Connection> self, Calls::iterator call,
                                         secrets::CallContext context, std::unique_ptr<v1::Request> request);
    void refuse_request(const secrets::CallContext& context, const v1::Request& request, v1::ErrorCode code,
                        const std::string& message);
    void call_done(Calls::iterator call, v1::Response response);
    void send(v1::Response response);
    void send(const v1::Frame& frame);

    // From answers to bytes.
    void flush_soon();
    void write_some();
    void written(const boost::system::error_code& error);
    [[nodiscard]] bool all_sent() const noexcept;

    /// Says why, once, and ends the connection after that has been sent.
    void end(v1::ConnectionError::Reason reason, const std::string& message, bool retryable);
    void check_open_limits(Deadline time);
    void something_changed();
    void said_goodbye();
    void log_failure(std::string_view what, const std::exception& error) const;
    void log_end(v1::ConnectionError::Reason reason, const std::string& message) const;
    void tell_refused(secrets::RefusedKind kind, std::string_view code, std::string_view message,
                      std::string_view certificate_sha256 = {}) const;

    [[nodiscard]] const LimitsConfig& limits() const noexcept { return listener_->server->limits; }

    boost::asio::ip::tcp::socket socket_;
    const std::shared_ptr<const ListenerContext> listener_;
    IoShard& shard_;
    const std::shared_ptr<const TlsContext> context_;
    std::unique_ptr<TlsEngine> tls_;  // from the first byte on, until the handshake failed
    const bool surplus_;

    Phase phase_ = Phase::handshake;
    access::Caller caller_;
    access::Recognition recognition_;
    std::shared_ptr<PrincipalUse> use_;
    PeerCertificates peer_;
    std::optional<TlsContext::Time> peer_expires_;

    PlainBuffer input_;   // frames that are not whole yet, or wait for room
    PlainBuffer output_;  // frames to be encrypted
    Bytes sending_;       // ciphertext that is being written
    Calls calls_;
    bool peer_finished_ = false;
    bool draining_ = false;
    bool writing_ = false;
    bool goodbye_made_ = false;  // close_notify is among what is being written
    bool goodbye_sent_ = false;
    boost::asio::steady_timer change_;  // never expires; cancelled to wake the reader

    // Time limits; max() when none runs.
    Deadline phase_deadline_ = Deadline::max();
    Deadline frame_deadline_ = Deadline::max();
    Deadline write_deadline_ = Deadline::max();
    Deadline last_activity_;
};

}  // namespace coffer::server
