#pragma once
// A server that speaks the frame protocol over TLS 1.3 and answers as a test tells it to. One thread.

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <thread>

#include "coffer/v1/frame.pb.h"
#include "daemon/base/bytes.hpp"
#include "test_pki.hpp"

namespace coffer::client_test {

/// One connection as a handler sees it.
class Session {
public:
    /// Queues an answer; all that a handler queued goes out when it returns.
    void respond(v1::Response response);
    void respond(const v1::Request& request, v1::ErrorCode code, const std::string& message, bool retryable);
    /// The last word, and close_notify.
    void end_with(v1::ConnectionError::Reason reason, const std::string& message, bool retryable);
    /// Closes the socket without a word once the handler returns; what was queued is not sent.
    void hang_up() { hung_up_ = true; }
    /// 1 for the first connection that the server accepted.
    [[nodiscard]] int number() const noexcept { return number_; }

private:
    friend class TestServer;
    int number_ = 0;
    Bytes out_;
    bool hung_up_ = false;
    bool ended_ = false;
};

class TestServer {
public:
    /// Called on the server's thread for each request, in the order of arrival.
    using Handler = std::function<void(Session&, const v1::Request&)>;

    struct Options {
        Handler handler;
        /// As if the client's certificate had this fault (X509_V_ERR_*), whatever it is. 0: it is really
        /// checked.
        int verify_error = 0;
        bool ask_for_certificate = true;
        std::uint32_t max_in_flight = 128;
        std::uint32_t max_frame_bytes = 1024 * 1024;
    };

    TestServer(const TestPki& pki, const CertificateFiles& files, Options options);
    TestServer(const TestServer&) = delete;
    TestServer& operator=(const TestServer&) = delete;
    ~TestServer();

    [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
    /// Connections that got as far as a Hello.
    [[nodiscard]] int connections() const noexcept { return connections_; }
    [[nodiscard]] int requests() const noexcept { return requests_; }
    /// The largest number of requests that came in one read.
    [[nodiscard]] int most_in_one_read() const noexcept { return most_in_one_read_; }

private:
    using Stream = boost::asio::ssl::stream<boost::asio::ip::tcp::socket>;
    boost::asio::awaitable<void> accept();
    boost::asio::awaitable<void> serve(std::shared_ptr<Stream> stream);
    int handle(Session& session, Bytes& in);

    Options options_;
    boost::asio::io_context context_{1};
    boost::asio::ssl::context tls_{boost::asio::ssl::context::tls_server};
    boost::asio::ip::tcp::acceptor acceptor_;
    std::uint16_t port_ = 0;
    int accepted_ = 0;
    std::atomic<int> connections_ = 0;
    std::atomic<int> requests_ = 0;
    std::atomic<int> most_in_one_read_ = 0;
    std::thread thread_;
};

}  // namespace coffer::client_test
