#pragma once
// The server's side of one TLS connection as a transformation of bytes: ciphertext in, plaintext out, and
// back. No sockets, no waiting: who owns the engine moves the bytes, many records for one system call.

#include <openssl/ssl.h>

#include <memory>
#include <span>
#include <string>

#include "daemon/base/bytes.hpp"
#include "daemon/server/tls_context.hpp"

namespace coffer::server {

/// Why a handshake failed.
struct HandshakeFailure {
    /// A short word for metrics: "no_certificate", "expired", "not_yet_valid", "revoked", "unknown_ca",
    /// "wrong_purpose", "crl", "bad_certificate", "protocol_version", "not_tls", "peer_alert", "closed",
    /// "other".
    std::string reason;
    /// For the log.
    std::string detail;
    /// SHA-256 fingerprint of the client's certificate, when it sent one that was refused.
    std::string fingerprint;
};

/// Used by one thread at a time.
class TlsEngine {
public:
    /// Throws TlsSetupError when OpenSSL has no memory left.
    explicit TlsEngine(std::shared_ptr<const TlsContext> context);
    TlsEngine(const TlsEngine&) = delete;
    TlsEngine& operator=(const TlsEngine&) = delete;

    /// Takes in bytes from the network.
    void feed(ByteView ciphertext);

    enum class Progress : std::uint8_t { done, wants_input, failed };
    /// Goes on with the handshake as far as the input reaches. There may be output afterwards in each case,
    /// an alert after `failed`. `done` means that the client's certificate was verified.
    [[nodiscard]] Progress handshake();
    /// After handshake() failed.
    [[nodiscard]] HandshakeFailure failure() const;

    enum class ReadState : std::uint8_t { data, wants_input, closed, failed };
    struct ReadResult {
        ReadState state = ReadState::wants_input;
        std::size_t bytes = 0;  ///< of plaintext, with `data`
    };
    /// The next plaintext. `closed`: the peer sent close_notify; `failed`: a record was broken or an alert
    /// came.
    [[nodiscard]] ReadResult read(std::span<std::uint8_t> plaintext);
    /// Whether part of a record has arrived that cannot be read yet.
    [[nodiscard]] bool record_begun() const noexcept;

    /// Encrypts all of `plaintext` to the output. False when the connection is broken.
    [[nodiscard]] bool write(ByteView plaintext);
    /// Tells the peer that nothing more will come.
    void close_notify();

    [[nodiscard]] bool has_output() const noexcept;
    /// Appends the bytes that are to be sent to `out`.
    void take_output(Bytes& out);

    /// What was agreed on, after the handshake: "TLSv1.3", "TLS_AES_256_GCM_SHA384".
    [[nodiscard]] std::string version() const { return SSL_get_version(ssl_.get()); }
    [[nodiscard]] std::string cipher() const { return SSL_get_cipher_name(ssl_.get()); }
    /// The client's certificates, after the handshake.
    [[nodiscard]] PeerCertificates peer_certificates() const;

private:
    struct SslDeleter {
        void operator()(SSL* ssl) const noexcept { SSL_free(ssl); }
    };
    static int on_verify(int good, X509_STORE_CTX* store);

    std::shared_ptr<const TlsContext> context_;
    std::unique_ptr<SSL, SslDeleter> ssl_;
    BIO* input_ = nullptr;   // owned by ssl_
    BIO* output_ = nullptr;  // owned by ssl_
    int verify_error_ = 0;
    std::string refused_fingerprint_;
    unsigned long error_ = 0;
};

}  // namespace coffer::server
