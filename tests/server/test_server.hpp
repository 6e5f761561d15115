#pragma once
// A server of the native protocol with a handler of the tests' own, on a free port of the loopback interface,
// with certificates of its own authorities.

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "daemon/base/outcome.hpp"
#include "daemon/server/io_shard.hpp"
#include "daemon/server/server.hpp"
#include "pki.hpp"
#include "test_client.hpp"

namespace coffer::testing {

/// Holds requests until it is opened. Thread-safe.
class Gate {
public:
    void pass(Completion<Done> completion);
    /// Lets everybody through, now and from now on.
    void open();
    [[nodiscard]] std::size_t waiting() const;

private:
    mutable std::mutex mutex_;
    std::vector<Completion<Done>> waiting_;
    bool open_ = false;
};

/// What the handler was given. Thread-safe.
class Seen {
public:
    void add(secrets::CallContext context);
    [[nodiscard]] std::vector<secrets::CallContext> all() const;

private:
    mutable std::mutex mutex_;
    std::vector<secrets::CallContext> contexts_;
};

/// What the server turned away: "KIND CODE PRINCIPAL". Thread-safe.
class Refused final : public secrets::RefusalObserver {
public:
    void refused(const secrets::Refusal& refusal) noexcept override;
    [[nodiscard]] std::vector<std::string> all() const;
    /// "CAUSE key ID unknown ID" of each.
    [[nodiscard]] std::vector<std::string> causes() const;

private:
    mutable std::mutex mutex_;
    std::vector<std::string> lines_;
    std::vector<std::string> causes_;
};

struct TestServerOptions {
    server::LimitsConfig limits;
    unsigned io_threads = 1;
    bool with_crl = false;
    /// Seconds from now until the first list of revoked clients is outdated.
    std::int64_t crl_valid_until_s = 3600;
    std::size_t listener_max_connections = 0;
    std::string address = "127.0.0.1";
    std::vector<std::string> allowed_networks{};
    /// Text of the listener's policy, kept in policy.json of the server's folder.
    std::string policy{};
    server::ListenerProtocol protocol = server::ListenerProtocol::native;
    /// For the protocol aws.
    server::ConnectionMaker aws_connections{};
};

/// The handler answers GetSecretValue: the secret id comes back as the name. "wait/…" waits at the gate
/// first, "throw" throws, "big/N" answers N bytes.
class TestServer {
public:
    explicit TestServer(const TestServerOptions& options = {});
    ~TestServer();
    TestServer(const TestServer&) = delete;
    TestServer& operator=(const TestServer&) = delete;

    [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
    /// How a client with this certificate connects.
    [[nodiscard]] ClientOptions client(const Identity& identity) const;
    [[nodiscard]] ClientOptions client() const { return client(alice); }

    /// Writes the list of revoked client certificates, and reloads. What reload() returned.
    bool revoke(const std::vector<const X509*>& revoked);
    bool reload();
    /// Starts draining; the future is ready when no connection is left.
    std::future<void> drain(std::chrono::milliseconds patience);
    [[nodiscard]] std::size_t connections() const { return shards_->connections(); }
    /// Waits until so many connections are open.
    void wait_for_connections(std::size_t count) const;
    [[nodiscard]] std::string metrics() const { return context_->metrics->render(); }

    TemporaryFolder folder;
    TestCa server_ca{"server CA"};
    TestCa client_ca{"client CA"};
    Identity alice;
    Gate gate;
    Seen seen;
    Refused turned_away;
    std::shared_ptr<server::Log> log;

private:
    boost::asio::awaitable<v1::Response> handle(secrets::CallContext context,
                                                std::unique_ptr<v1::Request> request);
    template <class F>
    auto on_control(F f);

    std::shared_ptr<server::ServerContext> context_;
    boost::asio::io_context control_{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{control_.get_executor()};
    std::unique_ptr<server::IoShards> shards_;
    std::unique_ptr<server::Server> server_;
    std::uint16_t port_ = 0;
    std::thread thread_;
};

/// Reads a PEM private key; what the daemon does with crypto's loader.
[[nodiscard]] server::PkeyPtr load_test_key(const std::string& file, X509* certificate);

/// Waits, with patience, until `condition` holds. Fails the test when it never does.
void wait_until(const std::function<bool()>& condition);

}  // namespace coffer::testing
