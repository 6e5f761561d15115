#pragma once
// A client of the native protocol that can also misbehave: blocking, on raw OpenSSL, independent of the
// daemon's code and of the client library. (Frames are cut and joined here by hand.)

#include <openssl/ssl.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "coffer/v1/frame.pb.h"
#include "pki.hpp"

namespace coffer::testing {

/// What a client keeps to itself of its last flight of the handshake, until release().
enum class Withheld : std::uint8_t {
    nothing,
    flight,       ///< all of it, the certificate included
    last_record,  ///< Finished: the certificate was sent, and the handshake is not done
};

/// How a client connects.
struct ClientOptions {
    std::uint16_t port = 0;
    X509* ca = nullptr;                  ///< the server's; null: not checked
    const Identity* identity = nullptr;  ///< null: no certificate
    X509* intermediate = nullptr;        ///< sent along with the certificate
    int max_version = TLS1_3_VERSION;
    int receive_buffer_bytes = 0;  ///< 0: the kernel's default
    Withheld withheld = Withheld::nothing;
};

class TestClient {
public:
    /// Connects and shakes hands. With TLS 1.3 this succeeds also when the server will refuse the
    /// certificate.
    explicit TestClient(const ClientOptions& options);
    ~TestClient();
    TestClient(const TestClient&) = delete;
    TestClient& operator=(const TestClient&) = delete;

    [[nodiscard]] bool shaken() const noexcept { return shaken_; }
    /// Sends what was withheld, and finishes the handshake.
    void release();

    /// Sends bytes as they are, in one TLS record when they fit. False when the connection is broken.
    bool send_bytes(std::string_view bytes);
    bool send_frame(const v1::Frame& frame);
    /// The next whole frame; nothing when the server ended the connection (or 30 seconds passed).
    [[nodiscard]] std::optional<v1::Frame> read_frame();
    /// Sends a Hello and returns what comes.
    [[nodiscard]] std::optional<v1::Frame> hello();

    /// How reading ended: "close_notify", "eof" (without it), "timeout", "reset", or "alert N".
    [[nodiscard]] const std::string& end() const noexcept { return end_; }
    /// Says that nothing more will be sent (close_notify, then FIN), but goes on reading.
    void finish_sending();
    /// FIN without close_notify.
    void cut_off();
    /// Writes to the socket below TLS.
    void send_raw(std::string_view bytes) const;
    /// The TLS object, for odd things.
    [[nodiscard]] SSL* ssl() const noexcept { return ssl_.get(); }
    [[nodiscard]] int socket() const noexcept { return socket_; }

private:
    bool read_more();
    void shake_hands_but(Withheld withheld);
    struct SslFree {
        void operator()(SSL* p) const noexcept { SSL_free(p); }
    };
    struct ContextFree {
        void operator()(SSL_CTX* p) const noexcept { SSL_CTX_free(p); }
    };

    int socket_ = -1;
    std::unique_ptr<SSL_CTX, ContextFree> context_;
    std::unique_ptr<SSL, SslFree> ssl_;
    bool shaken_ = false;
    std::string withheld_;
    std::string received_;
    std::string end_;
};

/// The frame with its length before it.
[[nodiscard]] std::string wire(const v1::Frame& frame);
/// A length prefix alone.
[[nodiscard]] std::string prefix(std::uint32_t length);
[[nodiscard]] v1::Frame hello_frame(std::uint32_t min = 1, std::uint32_t max = 1);
/// A GetSecretValue request for `secret_id`, which the test server's handler knows how to take.
[[nodiscard]] v1::Frame get_frame(std::uint64_t id, const std::string& secret_id,
                                  std::uint32_t deadline_ms = 0);

/// A TCP connection to a port of the loopback interface; the caller closes it. Throws when refused.
[[nodiscard]] int connect_to(std::uint16_t port, int receive_buffer_bytes = 0);

}  // namespace coffer::testing
