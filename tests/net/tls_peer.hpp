#pragma once
// A TLS server for the tests of what connects to others': good, slow, dead, hostile, or of the wrong name, on
// a free port of the loopback interface.

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "daemon/net/tls_connection.hpp"

namespace coffer::testing {

/// Certificates of one authority, as files: ca.pem; server.pem and server.key for `server_name`.
class PeerFiles {
public:
    PeerFiles(const std::filesystem::path& folder, const std::string& server_name);
    [[nodiscard]] const std::filesystem::path& folder() const noexcept { return folder_; }

private:
    std::filesystem::path folder_;
};

/// What a peer does with connections.
enum class PeerMode {
    syslog,  ///< gathers octet-counted messages
    https,   ///< answers requests with the statuses given, then with 200
    script,  ///< answers each request with what was told for it, byte for byte
    silent,  ///< shakes hands, reads, never answers
    deaf,    ///< accepts and never reads
};

/// What a peer of PeerMode::script does when a request has come.
struct ScriptedAnswer {
    enum class End {
        next_request,  ///< waits for the next one on the same connection
        silence,       ///< waits for the client to go
        close_notify,  ///< ends the stream as TLS says (RFC 8446, section 6.1)
        cut,           ///< ends the TCP connection without that
    };
    /// Each is written by itself: records of their own.
    std::vector<std::string> pieces;
    /// Written again and again behind them, until the client goes; empty: nothing.
    std::string endless{};
    std::chrono::milliseconds pause{0};  ///< before each of those
    End end = End::silence;
};

class TlsPeer {
public:
    TlsPeer(const PeerFiles& files, PeerMode mode, std::deque<unsigned> statuses = {},
            std::uint16_t port = 0);
    /// PeerMode::script: the first request gets the first answer, on whichever connection it comes.
    TlsPeer(const PeerFiles& files, std::deque<ScriptedAnswer> script);
    ~TlsPeer();
    TlsPeer(const TlsPeer&) = delete;
    TlsPeer& operator=(const TlsPeer&) = delete;

    [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
    /// Messages (syslog), lines (https) or whole requests (script) so far.
    [[nodiscard]] std::vector<std::string> received() const;
    /// Waits, up to a minute, until there are `count`.
    [[nodiscard]] bool wait_for(std::size_t count) const;
    [[nodiscard]] int connections() const { return connections_; }
    /// Connections end after so many messages or requests; 0: never.
    void close_after(int count) { close_after_ = count; }

private:
    using Stream = boost::asio::ssl::stream<boost::asio::ip::tcp::socket>;
    void run();
    void serve(Stream& stream);
    void serve_syslog(Stream& stream);
    void serve_https(Stream& stream);
    void serve_script(Stream& stream);
    [[nodiscard]] ScriptedAnswer next_answer();
    void add(std::string text);

    PeerMode mode_;
    std::deque<unsigned> statuses_;
    std::deque<ScriptedAnswer> script_;
    boost::asio::io_context io_;
    boost::asio::ssl::context tls_{boost::asio::ssl::context::tls_server};
    boost::asio::ip::tcp::acceptor acceptor_{io_};
    std::uint16_t port_ = 0;
    std::atomic<bool> stopping_{false};
    std::atomic<int> connections_{0};
    std::atomic<int> close_after_{0};
    mutable std::mutex mutex_;
    mutable std::condition_variable added_;
    std::vector<std::string> received_;
    int socket_ = -1;  // of the connection being served, to be shut down at the end
    std::thread thread_;
};

[[nodiscard]] net::TlsTarget target_of(const PeerFiles& files, std::uint16_t port);

}  // namespace coffer::testing
