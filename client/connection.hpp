#pragma once
// One connection to the daemon, from the name's resolution to its end: TLS, Hello, requests out, responses
// in. It does not know what a call is; the pool does. (Not installed.)

#include <array>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>

#include "client/config.hpp"
#include "client/tls_session.hpp"
#include "client/wiped_buffer.hpp"
#include "coffer/v1/frame.pb.h"

namespace coffer::client {

class Connection;

/// Who is told what happens to a connection. Called on the connection's executor.
class ConnectionOwner {
public:
    virtual ~ConnectionOwner() = default;
    virtual void on_ready(Connection& connection) = 0;
    virtual void on_response(Connection& connection, v1::Response response) = 0;
    /// The last call about this connection.
    virtual void on_closed(Connection& connection, std::exception_ptr reason) = 0;
};

/// All members are to be used on the executor, which must not run handlers concurrently.
class Connection : public std::enable_shared_from_this<Connection> {
public:
    Connection(boost::asio::any_io_executor executor, std::shared_ptr<const Config> config,
               std::weak_ptr<ConnectionOwner> owner);

    /// Begins to connect; the owner hears how it went.
    void open();
    /// Ends the connection, if it has not ended, and tells the owner `reason`.
    void close(std::exception_ptr reason);

    /// Connected, greeted and not broken.
    [[nodiscard]] bool ready() const noexcept { return state_ == State::ready; }
    [[nodiscard]] bool opening() const noexcept { return state_ == State::opening; }
    /// What the daemon said at the beginning; when ready.
    [[nodiscard]] const v1::HelloReply& hello() const noexcept { return hello_; }

    /// Queues a frame. What is queued in one turn of the event loop is sent together. Throws
    /// proto::FrameError when the frame is larger than the daemon takes.
    void send(const v1::Frame& frame);
    /// Requests sent and not answered.
    [[nodiscard]] std::size_t in_flight() const noexcept { return in_flight_; }
    /// How long a request has waited without a byte from the daemon; 0 when none waits.
    [[nodiscard]] std::chrono::steady_clock::duration silent_for(
        std::chrono::steady_clock::time_point now) const;

private:
    enum class State : std::uint8_t { opening, ready, closed };

    boost::asio::awaitable<void> run(std::shared_ptr<Connection> self);
    boost::asio::awaitable<void> connect();
    boost::asio::awaitable<void> shake_hands();
    boost::asio::awaitable<void> greet();
    boost::asio::awaitable<void> serve();
    boost::asio::awaitable<void> send_output();
    boost::asio::awaitable<std::size_t> receive();
    void take_in(std::size_t bytes);
    TlsSession::ReadState decrypt();
    void on_frame(v1::Frame frame);
    void start_timer();
    void flush();
    void schedule_flush();

    boost::asio::any_io_executor executor_;
    std::shared_ptr<const Config> config_;
    std::weak_ptr<ConnectionOwner> owner_;
    boost::asio::ip::tcp::resolver resolver_;
    boost::asio::ip::tcp::socket socket_;
    boost::asio::steady_timer timer_;
    std::optional<TlsSession> tls_;

    State state_ = State::opening;
    v1::HelloReply hello_;
    std::size_t in_flight_ = 0;
    std::chrono::steady_clock::time_point heard_at_{};  // bytes last came
    std::chrono::steady_clock::time_point asked_at_{};  // the first request after that was sent

    static constexpr std::size_t kReadBytes = 64 * 1024;
    std::array<std::uint8_t, kReadBytes> cipher_in_{};
    WipedBuffer plain_in_;
    WipedBuffer plain_out_;
    Bytes cipher_out_;
    bool flush_scheduled_ = false;
    bool writing_ = false;
};

}  // namespace coffer::client
