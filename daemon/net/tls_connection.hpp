#pragma once
// A TLS client: verifies the peer, and every wait has a limit. Synchronous towards its one user; only
// cancel() may come from another thread.

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "daemon/base/errors.hpp"

namespace coffer::net {

/// The peer could not be reached or proven, did not answer in time, or went away. One line, without what was
/// sent.
class ConnectionError : public Error {
public:
    using Error::Error;
};

struct TlsTarget {
    std::string host;  ///< name or address; what the peer's certificate must be for
    std::uint16_t port = 0;
    /// PEM bundle of the authorities that the peer's certificate may come from; empty: those of the system.
    std::filesystem::path ca_file;
    /// PEM chain and key that this side shows; both empty: none.
    std::filesystem::path certificate_file;
    std::filesystem::path key_file;
    std::chrono::milliseconds connect_timeout{10'000};  ///< TCP and handshake, together
    std::chrono::milliseconds io_timeout{15'000};       ///< one write, or one answer
};

class TlsConnection {
public:
    using Stream = boost::beast::ssl_stream<boost::beast::tcp_stream>;

    /// Reads the files; connects nothing yet. Throws ConnectionError that names the file.
    explicit TlsConnection(TlsTarget target);
    ~TlsConnection();
    TlsConnection(const TlsConnection&) = delete;
    TlsConnection& operator=(const TlsConnection&) = delete;

    /// Resolves (as long as the system's resolver takes), connects and shakes hands, TLS 1.2 or newer. Throws
    /// ConnectionError.
    void connect();
    [[nodiscard]] bool is_open() const noexcept { return stream_ != nullptr; }
    void close() noexcept;
    /// Ends what is under way, and everything later. Thread-safe.
    void cancel() noexcept;

    /// Runs one asynchronous operation to its end: `start(stream, done)` begins it and has it call `done`
    /// with its error. `what` names it in errors. A failure closes the connection. Throws ConnectionError.
    using Done = std::function<void(boost::system::error_code)>;
    void run(std::string_view what, std::chrono::milliseconds limit,
             const std::function<void(Stream&, Done)>& start);
    /// Writes all of `bytes`. Throws ConnectionError.
    void write(std::string_view bytes);
    /// Watches for the peer's end, of peers that never say anything else. To be called once after connect().
    void watch_peer();
    /// Whether the peer has closed the connection, as far as watch_peer() has seen. Does not wait.
    [[nodiscard]] bool peer_has_closed();

    [[nodiscard]] const TlsTarget& target() const noexcept { return target_; }

private:
    [[noreturn]] void fail(std::string_view what, const boost::system::error_code& error);
    void watch_more();

    const TlsTarget target_;
    boost::asio::io_context io_;
    boost::asio::ssl::context tls_;
    std::unique_ptr<Stream> stream_;
    std::string scrap_;  // what a peer sends that need not send anything
    std::shared_ptr<bool> peer_closed_;
    std::atomic<bool> cancelled_{false};
};

}  // namespace coffer::net
