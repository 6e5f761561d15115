#pragma once
// One client of a listener, whichever protocol it speaks: TLS handshake, plaintext in and out, time limits,
// and a quiet end. What the bytes mean is the protocol's: Connection is the native one, others in front doors
// of their own.
//
// Everything here runs on the thread of the connection's shard.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <concepts>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/server/io_shard.hpp"
#include "daemon/server/listener_context.hpp"
#include "daemon/server/plain_buffer.hpp"
#include "daemon/server/tls_engine.hpp"

namespace coffer::server {

/// What a connection is made from.
struct ConnectionParts {
    boost::asio::ip::tcp::socket socket;
    /// The peer's address without port, as text.
    std::string source_address;
    std::shared_ptr<const ListenerContext> listener;
    std::shared_ptr<const TlsContext> tls;
    IoShard& shard;
    /// The listener is full, so the client will only be told so.
    bool surplus = false;
};

class ClientConnection : public std::enable_shared_from_this<ClientConnection> {
public:
    explicit ClientConnection(ConnectionParts parts);
    virtual ~ClientConnection();
    ClientConnection(const ClientConnection&) = delete;
    ClientConnection& operator=(const ClientConnection&) = delete;

    /// Serves the client from now on. Called once.
    void start();
    /// Ends the connection when a time limit has passed.
    void check_limits(Deadline time);
    /// Takes no more requests, answers those in flight, then ends with SHUTTING_DOWN.
    void drain();
    /// Ends the connection unless `tls`, which the listener has from now on, would let its client in. A
    /// client whose handshake is under way is looked at when that is done.
    void verify_again(std::shared_ptr<const TlsContext> tls);
    /// Closes the socket at once.
    void abort();
    /// Does `work` for this connection. When it throws, for want of memory for example, this connection ends,
    /// and the thread with its other connections goes on.
    template <std::invocable Work>
    void shielded(Work work) noexcept {
        try {
            work();
        } catch (const std::exception& error) {
            abandon("a connection failed", error);
        }
    }

    [[nodiscard]] const ListenerContext& listener() const noexcept { return *listener_; }

protected:
    enum class Phase : std::uint8_t { handshake, hello, open, ending, closed };

    // ---- what a protocol is made of

    /// After the handshake: who it is, and whether it may stay. False when the connection was ended. `phase_`
    /// is hello.
    [[nodiscard]] virtual bool identify() = 0;
    /// Takes off the head of `bytes` what can be worked on now. Returns how many bytes that was; the others
    /// come again, with more behind them. Counts whole messages in `messages_taken_`.
    [[nodiscard]] virtual std::size_t take(ByteView bytes) = 0;
    /// Whether part of a message was taken whose rest is yet to come.
    [[nodiscard]] virtual bool midway() const noexcept { return false; }
    /// Whether another request may be begun.
    [[nodiscard]] virtual bool has_room() const noexcept = 0;
    /// Whether requests are unanswered.
    [[nodiscard]] virtual bool busy() const noexcept = 0;
    /// Says to the client why the connection ends, and forgets requests in flight: no answer follows.
    virtual void say_last_word(v1::ConnectionError::Reason reason, const std::string& message,
                               bool retryable) = 0;
    /// Looks at the time limits of requests in flight.
    virtual void check_calls(Deadline time) = 0;
    /// How long the client may ask nothing.
    [[nodiscard]] virtual std::chrono::milliseconds idle_limit() const noexcept {
        return limits().idle_timeout;
    }

    // ---- what protocols use

    /// Ends the connection unless its certificate, where there is one, can be read.
    [[nodiscard]] bool read_peer();
    /// Counts the connection as one of `principal`. Ends it when that has as many as it may. False as well
    /// when it has ended already, as it may have while a request waited.
    [[nodiscard]] bool admit(const std::string& principal);
    /// Ends the connection when the listener has no place for it.
    [[nodiscard]] bool refuse_surplus();
    /// Says why, once, and ends the connection after that has been sent.
    void end(v1::ConnectionError::Reason reason, const std::string& message, bool retryable);
    /// Ends it, once everything has been sent, without a word.
    void end_quietly();
    /// Sends what was appended to `output_`.
    void flush_soon();
    /// A request was answered, or forgotten: the reader may go on.
    void something_changed();
    /// To be called when a request was answered.
    void request_done();
    [[nodiscard]] bool all_sent() const noexcept;
    /// Whether the peer reads its answers as fast as it asks: for has_room().
    [[nodiscard]] bool has_output_room() const noexcept;
    void log_failure(std::string_view what, const std::exception& error) const noexcept;
    /// Closes the socket at once, since nothing can be said any more; logs `what`.
    void abandon(std::string_view what, const std::exception& error) noexcept;
    void log_end(v1::ConnectionError::Reason reason, const std::string& message) const;
    /// For the record of what never became a request of the pipeline.
    void tell_refused(const secrets::Refusal& refusal) const noexcept;

    [[nodiscard]] const LimitsConfig& limits() const noexcept { return listener_->server->limits; }
    [[nodiscard]] IoShard& shard() noexcept { return shard_; }
    [[nodiscard]] const TlsEngine& tls() const noexcept { return *tls_; }
    [[nodiscard]] bool is_ending() const noexcept { return phase_ >= Phase::ending; }
    [[nodiscard]] static Deadline now() noexcept { return std::chrono::steady_clock::now(); }

    const std::shared_ptr<const ListenerContext> listener_;
    Phase phase_ = Phase::handshake;
    access::Caller caller_;
    PeerCertificates peer_;
    PrincipalLease use_;
    PlainBuffer output_;  // what is to be encrypted
    bool peer_finished_ = false;
    bool draining_ = false;
    std::uint64_t messages_taken_ = 0;
    // Time limits; max() when none runs.
    Deadline phase_deadline_ = Deadline::max();
    Deadline last_activity_;

private:
    enum class Input : std::uint8_t { wants_more, blocked, ended };

    // The life of a connection, top to bottom. `self` keeps it alive as long as the coroutine lives.
    boost::asio::awaitable<void> run(std::shared_ptr<ClientConnection> self);
    boost::asio::awaitable<bool> shake_hands();
    void acknowledge_now();
    void require_peer_still_good();
    void handshake_failed(HandshakeFailure failure);
    boost::asio::awaitable<void> serve();
    boost::asio::awaitable<bool> receive();
    boost::asio::awaitable<void> wait_for_change();
    boost::asio::awaitable<void> linger();
    void finish();

    Input process_input();
    void note_partial_message(bool partial, bool progressed);
    void check_open_limits(Deadline time);

    void write_some();
    void written(const boost::system::error_code& error);
    void said_goodbye();

    boost::asio::ip::tcp::socket socket_;
    IoShard& shard_;
    std::shared_ptr<const TlsContext> context_;  // what the listener has now
    bool reloaded_in_handshake_ = false;         // so the handshake went by an older one
    std::unique_ptr<TlsEngine> tls_;             // from the first byte on, until the handshake failed
    const bool surplus_;
    std::string admitted_;  // the principal that use_ is of
    std::optional<TlsContext::Time> peer_expires_;

    PlainBuffer input_;  // what could not be taken yet
    Bytes sending_;      // ciphertext that is being written
    bool writing_ = false;
    bool goodbye_made_ = false;  // close_notify is among what is being written
    bool goodbye_sent_ = false;
    boost::asio::steady_timer change_;  // never expires; cancelled to wake the reader
    Deadline message_deadline_ = Deadline::max();
    Deadline write_deadline_ = Deadline::max();
};

}  // namespace coffer::server
