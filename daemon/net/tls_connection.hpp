#pragma once
// A TLS client: verifies the peer, and every wait has a limit. Synchronous towards its one user; only
// cancel() may come from another thread.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
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
    /// Reads the files; connects nothing yet. Throws ConnectionError that names the file.
    explicit TlsConnection(TlsTarget target);
    ~TlsConnection();
    TlsConnection(const TlsConnection&) = delete;
    TlsConnection& operator=(const TlsConnection&) = delete;

    /// Resolves (as long as the system's resolver takes), connects and shakes hands, TLS 1.2 or newer. Throws
    /// ConnectionError.
    void connect();
    [[nodiscard]] bool is_open() const noexcept;
    void close() noexcept;
    /// Ends what is under way, and everything later. Thread-safe.
    void cancel() noexcept;

    /// Writes all of `parts`, one behind the other, within `limit`. A failure closes the connection. Throws
    /// ConnectionError.
    void write(std::span<const std::string_view> parts, std::chrono::milliseconds limit);
    /// Writes all of `bytes`, within io_timeout. Throws ConnectionError.
    void write(std::string_view bytes);
    /// Waits for bytes, `limit` at most; how many have been put into `room`, which is not empty. 0: the peer
    /// has ended its stream as TLS says that it must (close_notify). Everything else closes the connection;
    /// `what` names the step in errors. Throws ConnectionError.
    [[nodiscard]] std::size_t read_some(std::span<std::uint8_t> room, std::string_view what,
                                        std::chrono::milliseconds limit);
    /// Closes the connection, for what the peer sent. Throws ConnectionError "HOST:PORT: WHAT: WHY".
    [[noreturn]] void fail(std::string_view what, std::string_view why);

    /// Watches for the peer's end, of peers that never say anything else. To be called once after connect().
    void watch_peer();
    /// Whether the peer has closed the connection, as far as watch_peer() has seen. Does not wait.
    [[nodiscard]] bool peer_has_closed();

    [[nodiscard]] const TlsTarget& target() const noexcept;

private:
    class Impl;  // Asio and Beast, which cost seconds to compile, stay out of the header
    const std::unique_ptr<Impl> impl_;
};

}  // namespace coffer::net
