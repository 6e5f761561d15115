#pragma once
// What a listener's TLS is set up from: one immutable snapshot of certificate, key, client CAs and CRLs. A
// reload makes a new one; connections that stand keep theirs.

#include <openssl/ssl.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/base/errors.hpp"
#include "daemon/base/free_with.hpp"
#include "daemon/server/config.hpp"

namespace coffer::server {

using X509Ptr = std::unique_ptr<X509, FreeWith<X509_free>>;
using X509CrlPtr = std::unique_ptr<X509_CRL, FreeWith<X509_CRL_free>>;
using PkeyPtr = std::unique_ptr<EVP_PKEY, FreeWith<EVP_PKEY_free>>;
using SslContextPtr = std::unique_ptr<SSL_CTX, FreeWith<SSL_CTX_free>>;

/// A certificate, key, CA or CRL file cannot be used. `what()` names it and says what to change.
class TlsSetupError : public Error {
public:
    using Error::Error;
};

/// Gets the private key that a listener's `key` names (a file or a `pkcs11:` URI) and that belongs to the
/// certificate. May throw any Error.
using KeyLoader = std::function<PkeyPtr(const std::string& key, X509* certificate)>;

/// A client's certificate with the others it sent.
struct PeerCertificates {
    X509Ptr leaf;
    std::vector<X509Ptr> chain;
};

/// Immutable; thread-safe.
class TlsContext {
public:
    using Time = std::chrono::system_clock::time_point;
    /// A revocation list: whose, where it was read, and from when until when it is good.
    struct RevocationList {
        std::string issuer;  ///< RFC 2253
        std::filesystem::path file;
        Time from;
        std::optional<Time> until;  ///< nothing: it names no end
    };

    /// Reads the files. No session tickets, no early data. Throws TlsSetupError, or what `load_key` throws.
    ///
    /// native: TLS 1.3 alone, a client certificate required (purpose TLS client, RFC 5280 4.2.1.12), every CA
    /// of its chain checked against the CRLs when there are any. aws: also TLS 1.2, with forward secrecy and
    /// authenticated encryption; a client certificate is asked for where there are client CAs, and checked in
    /// the same way when one is sent.
    [[nodiscard]] static std::shared_ptr<const TlsContext> load(const TlsFiles& files,
                                                                const KeyLoader& load_key,
                                                                ListenerProtocol protocol);

    [[nodiscard]] SSL_CTX* native() const noexcept { return context_.get(); }

    /// Why a client that was let in before would not be now; nothing when it still would.
    [[nodiscard]] std::optional<std::string> objection_to(const PeerCertificates& peer) const;

    /// A line for each CA that has revocation lists here of which none is good at `now`: all of its clients
    /// are refused. Names the file and the time.
    [[nodiscard]] std::vector<std::string> outdated_lists(Time now) const;
    /// What would be lost if this took the place of `present`: a line for each CA that is trusted here and
    /// that `present` has a good list of, where this has none, none that is good at `now`, or an older one.
    [[nodiscard]] std::vector<std::string> lists_lost(Time now, const TlsContext& present) const;

    /// When the daemon's own certificate ends.
    [[nodiscard]] Time certificate_expires() const noexcept { return certificate_expires_; }
    /// The earliest time at which one of the CRLs is outdated (and its CA's clients refused).
    [[nodiscard]] std::optional<Time> crl_outdated() const noexcept { return crl_outdated_; }

private:
    /// Whether a CA of this name is among those that clients may come from.
    [[nodiscard]] bool trusts(const std::string& ca) const;
    TlsContext() = default;
    SslContextPtr context_;
    Time certificate_expires_;
    std::optional<Time> crl_outdated_;
    std::vector<RevocationList> lists_;
};

/// A certificate's time as the system's clock has it. Throws TlsSetupError when it is malformed.
[[nodiscard]] TlsContext::Time time_of(const ASN1_TIME* time);

/// SHA-256 of the certificate, lower-case hexadecimal, as `openssl x509 -fingerprint -sha256` computes it.
[[nodiscard]] std::string fingerprint_of(const X509* certificate);

}  // namespace coffer::server
