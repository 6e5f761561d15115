#pragma once
// The client's side of one TLS connection as a transformation of bytes: ciphertext in, plaintext out, and
// back. No sockets: who owns the session moves the bytes, many frames for one record and one system call.
// (Not installed.)

#include <openssl/ssl.h>

#include <exception>
#include <memory>
#include <span>
#include <string>

#include "client/config.hpp"
#include "client/tls_context.hpp"
#include "daemon/base/bytes.hpp"

namespace coffer::client {

/// Used by one thread at a time.
class TlsSession {
public:
    /// Throws ConfigError (make_tls_context).
    explicit TlsSession(const Config& config);
    TlsSession(const TlsSession&) = delete;
    TlsSession& operator=(const TlsSession&) = delete;

    /// Takes in bytes from the network.
    void feed(ByteView ciphertext);

    enum class Progress : std::uint8_t { done, wants_input, failed };
    [[nodiscard]] Progress handshake();

    enum class ReadState : std::uint8_t { data, wants_input, closed, failed };
    struct ReadResult {
        ReadState state = ReadState::wants_input;
        std::size_t bytes = 0;  ///< of plaintext, with `data`
    };
    [[nodiscard]] ReadResult read(std::span<std::uint8_t> plaintext);

    /// Why handshake() or read() failed, in words: the peer's alert, or what we found wrong with its
    /// certificate.
    [[nodiscard]] std::exception_ptr failure() const;

    /// Encrypts all of `plaintext`. False when the connection is broken.
    [[nodiscard]] bool write(ByteView plaintext);
    void close_notify();

    [[nodiscard]] bool has_output() const noexcept;
    /// Appends what is to be sent to `out`.
    void take_output(Bytes& out);

private:
    struct SslDeleter {
        void operator()(SSL* ssl) const noexcept { SSL_free(ssl); }
    };
    void expect_name(const std::string& name);

    std::string endpoint_;
    std::string name_;
    std::string ca_file_;
    std::string cert_file_;
    SslContext context_;
    std::unique_ptr<SSL, SslDeleter> ssl_;
    BIO* input_ = nullptr;   // owned by ssl_
    BIO* output_ = nullptr;  // owned by ssl_
    unsigned long error_ = 0;
};

}  // namespace coffer::client
