#pragma once
// Certificates for tests, good and odd, made with OpenSSL as they are needed.

#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace coffer::testing {

struct X509Free {
    void operator()(X509* p) const noexcept { X509_free(p); }
};
struct PkeyFree {
    void operator()(EVP_PKEY* p) const noexcept { EVP_PKEY_free(p); }
};
struct CrlFree {
    void operator()(X509_CRL* p) const noexcept { X509_CRL_free(p); }
};

/// A certificate and its key.
struct Identity {
    std::unique_ptr<X509, X509Free> certificate;
    std::unique_ptr<EVP_PKEY, PkeyFree> key;
};

/// What a certificate is to say.
struct CertificateSpec {
    std::vector<std::string> common_names{"client"};
    /// GEN_DNS, GEN_URI or GEN_EMAIL with the bytes of the name, whatever they are.
    std::vector<std::pair<int, std::string>> alternative_names;
    /// "clientAuth", "serverAuth", or empty for no extended key usage at all.
    std::string extended_key_usage = "clientAuth";
    std::int64_t valid_from_s = -3600;  ///< from now
    std::int64_t valid_until_s = 24 * 3600;
    bool authority = false;
};

/// An authority that issues certificates and revocation lists.
class TestCa {
public:
    explicit TestCa(const std::string& common_name, const TestCa* issuer = nullptr);

    [[nodiscard]] Identity issue(const CertificateSpec& spec) const;
    /// A PEM list that revokes the serial numbers of `revoked`.
    [[nodiscard]] std::string crl(const std::vector<const X509*>& revoked, std::int64_t valid_until_s = 3600,
                                  std::int64_t made_at_s = -3600) const;
    [[nodiscard]] X509* certificate() const noexcept { return own_.certificate.get(); }

private:
    Identity own_;
};

[[nodiscard]] std::string pem_of(X509* certificate);
[[nodiscard]] std::string pem_of(EVP_PKEY* key);

/// Writes a file that only its owner can read.
void write_private(const std::filesystem::path& file, const std::string& content);

/// A folder that goes away with its content.
class TemporaryFolder {
public:
    TemporaryFolder();
    ~TemporaryFolder();
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;
    [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

private:
    std::filesystem::path path_;
};

}  // namespace coffer::testing
