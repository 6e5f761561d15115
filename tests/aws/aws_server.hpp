#pragma once
// A listener of the protocol aws with a handler and credentials of the tests' own, and a client that says
// what it is told to, byte for byte.

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <string>
#include <vector>

#include "daemon/aws/front_door.hpp"
#include "daemon/aws/http_connection.hpp"
#include "daemon/base/time.hpp"
#include "daemon/iam/credentials.hpp"
#include "test_server.hpp"

namespace coffer::testing {

inline constexpr std::string_view kAccessKeyId = "AKIAIOSFODNN7EXAMPLE";
/// Of a key that there is, and that is not active.
inline constexpr std::string_view kInactiveKeyId = "AKIAINACTIVE7EXAMPLE";
inline constexpr std::string_view kSecretAccessKey = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
inline constexpr std::string_view kRegion = "eu-test-1";

/// Knows one user's key, and sessions that tests add. Thread-safe.
class TestCredentials final : public iam::Credentials {
public:
    TestCredentials();
    boost::asio::awaitable<iam::Credential> find(std::string access_key_id,
                                                 std::optional<std::string> session_token,
                                                 Deadline deadline) override;
    void used(const iam::Credential& credential, std::string_view service, std::string_view region) override;

    /// What is answered for a token; thrown when it is empty: Unavailable.
    void set_token(const std::string& token, iam::CredentialState state);
    void set_away(bool away);
    /// Holds those who ask with the token "slow", who are good.
    Gate gate;
    [[nodiscard]] std::vector<std::string> uses() const;

private:
    mutable std::mutex mutex_;
    std::map<std::string, iam::CredentialState> tokens_;
    std::vector<std::string> uses_;
    bool away_ = false;
};

/// Stands still until it is moved. Throws bad_alloc while it is broken.
class TestClock final : public Clock {
public:
    [[nodiscard]] Timestamp now() const override {
        if (broken_.load()) throw std::bad_alloc();
        return Timestamp::from_millis(millis_.load());
    }
    void set_broken(bool broken) { broken_.store(broken); }
    void move(std::chrono::milliseconds by) { millis_ += by.count(); }

private:
    std::atomic<bool> broken_{false};
    std::atomic<std::int64_t> millis_{1'440'938'160'000};  // 2015-08-30T12:36:00Z
};

/// What a client signs and sends.
struct ClientRequest {
    std::string method = "POST";
    std::string target = "/";
    /// X-Amz-Target, empty for none.
    std::string operation = "secretsmanager.GetSecretValue";
    std::string body = R"({"SecretId":"a"})";
    std::vector<std::pair<std::string, std::string>> headers{};
    std::string access_key_id = std::string(kAccessKeyId);
    std::string secret = std::string(kSecretAccessKey);
    std::string token{};
    std::string region = std::string(kRegion);
    std::string service = "secretsmanager";
    std::string version = "HTTP/1.1";
    /// Sent instead of the signed body.
    std::optional<std::string> other_body{};
};

class AwsServer {
public:
    explicit AwsServer(TestServerOptions options = {},
                       std::size_t strangers_bytes_max = aws::kStrangersBytesMax);

    /// The bytes of a signed request.
    [[nodiscard]] std::string sign(const ClientRequest& request) const;
    [[nodiscard]] TestServer& server() noexcept { return *server_; }

    TestClock clock;
    TestCredentials credentials;
    Gate gate;
    Seen seen;

private:
    boost::asio::awaitable<v1::Response> handle(secrets::CallContext context,
                                                std::unique_ptr<v1::Request> request);

    std::shared_ptr<aws::FrontDoor> door_;
    std::unique_ptr<TestServer> server_;
};

using HttpResponse = boost::beast::http::response<boost::beast::http::string_body>;

/// "STATUS BODY"
[[nodiscard]] std::string error_of(const HttpResponse& response);

/// GetCallerIdentity.
[[nodiscard]] ClientRequest sts_request();
/// The bytes of a form that nobody signed.
[[nodiscard]] std::string unsigned_request(const std::string& form, const std::string& headers = {});
/// The form of AssumeRoleWithWebIdentity.
[[nodiscard]] std::string web_identity(const std::string& token);

/// A blocking client. Throws boost::system::system_error.
class HttpsClient {
public:
    struct Options {
        int tls_version_max = 0;  ///< TLS1_2_VERSION, or 0
        const Identity* identity = nullptr;
        int receive_buffer = 0;  ///< of the socket, in bytes; 0: the system's
    };
    explicit HttpsClient(TestServer& server) : HttpsClient(server, Options{}) {}
    HttpsClient(TestServer& server, const Options& options);
    ~HttpsClient();

    void send(std::string_view bytes);
    /// The next answer, whole.
    [[nodiscard]] HttpResponse receive();
    /// Both.
    [[nodiscard]] HttpResponse ask(std::string_view bytes) {
        send(bytes);
        return receive();
    }
    /// Whether the server has ended the connection; waits for it.
    [[nodiscard]] bool is_ended();
    [[nodiscard]] std::string tls_version() { return SSL_get_version(stream_.native_handle()); }

private:
    boost::asio::io_context io_;
    boost::asio::ssl::context context_;
    boost::asio::ssl::stream<boost::asio::ip::tcp::socket> stream_;
    boost::beast::flat_buffer buffer_;
};

}  // namespace coffer::testing
