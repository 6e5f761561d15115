#pragma once
// Certificates for one test program, made with OpenSSL in a temporary folder that goes with the object.

#include <openssl/x509.h>

#include <filesystem>
#include <memory>
#include <string>

#include "client/config.hpp"

namespace coffer::client_test {

/// A certificate and its key as PEM files.
struct CertificateFiles {
    std::filesystem::path certificate;
    std::filesystem::path key;
};

/// What a certificate is for.
struct Subject {
    std::string name;                   ///< common name and base of the file names
    std::string alternative_names;      ///< e.g. "DNS:localhost,IP:127.0.0.1"
    std::string usage = "clientAuth";   ///< extended key usage
    long begins_in_seconds = -60;       ///< from now
    long ends_in_seconds = 24L * 3600;  ///< from now
};

struct KeyDeleter {
    void operator()(EVP_PKEY* key) const noexcept { EVP_PKEY_free(key); }
};
struct CertificateDeleter {
    void operator()(X509* certificate) const noexcept { X509_free(certificate); }
};
using Key = std::unique_ptr<EVP_PKEY, KeyDeleter>;
using Certificate = std::unique_ptr<X509, CertificateDeleter>;

/// A certificate authority.
class TestPki {
public:
    explicit TestPki(const std::string& name = "test CA");
    TestPki(const TestPki&) = delete;
    TestPki& operator=(const TestPki&) = delete;
    ~TestPki();

    [[nodiscard]] const std::filesystem::path& folder() const noexcept { return folder_; }
    [[nodiscard]] std::filesystem::path ca_file() const { return folder_ / "ca.crt"; }
    [[nodiscard]] CertificateFiles issue(const Subject& subject) const;
    /// A client's configuration with `files`, for the server on `port` of the loopback interface.
    [[nodiscard]] client::Config config(const CertificateFiles& files, std::uint16_t port) const;

private:
    std::filesystem::path folder_;
    Key key_;
    Certificate certificate_;
};

}  // namespace coffer::client_test
