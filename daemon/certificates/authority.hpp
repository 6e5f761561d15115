#pragma once
// A certificate authority of the configuration, whose key is in the token.

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/hsm.hpp"
#include "crypto/private_key.hpp"
#include "daemon/certificates/issuing.hpp"
#include "daemon/certificates/pem.hpp"
#include "daemon/certificates/revocation_list.hpp"

namespace coffer::certificates {

struct AuthoritySettings {
    std::string name;
    /// RFC 7512 URI; empty: the key "coffer/ca/NAME".
    std::string key;
    std::filesystem::path certificate;
    std::int64_t max_days = 397;
    std::int64_t crl_days = 7;
    std::filesystem::path crl_file;
    std::string crl_url;
};

/// Immutable; thread-safe. What signs blocks as long as the token takes, and throws CertificateError when it
/// is away.
class Authority {
public:
    /// Reads the certificate and finds the key. Throws Error that names the authority: the file, a
    /// certificate that is no CA's, a key that is not there or not the certificate's. `hsm` must outlive it.
    Authority(const AuthoritySettings& settings, crypto::Hsm& hsm);

    [[nodiscard]] const AuthoritySettings& settings() const noexcept { return settings_; }
    [[nodiscard]] const std::string& name() const noexcept { return settings_.name; }
    [[nodiscard]] const X509* certificate() const noexcept { return chain_.front().get(); }
    /// Its certificate and those that certify it, as the file has them.
    [[nodiscard]] const Chain& chain() const noexcept { return chain_; }

    /// A certificate for `key`, of `days` from `now`, with a serial number of `random` (kSerialBytes).
    [[nodiscard]] CertificatePtr issue(const SubjectNames& names, const Usages& usages, const EVP_PKEY* key,
                                       Timestamp now, std::int64_t days, ByteView random) const;
    /// No certificate of its is good for longer: max_days, with room for clocks that differ.
    [[nodiscard]] std::chrono::hours longest_life() const noexcept;
    /// See make_list(); good for crl_days from `now`. Verified.
    [[nodiscard]] CrlPtr next_list(const X509_CRL* previous, std::span<const Revocation> added, Timestamp now,
                                   const EndOf& end_of) const;

private:
    const AuthoritySettings settings_;
    Chain chain_;
    crypto::EvpPkeyPtr key_;
};

/// Those of the configuration. Immutable once shared.
using Authorities = std::vector<std::shared_ptr<const Authority>>;

/// Null when there is none of that name.
[[nodiscard]] std::shared_ptr<const Authority> find_authority(const Authorities& all, std::string_view name);

/// The certificates of a PEM file. Throws Error that names the file.
[[nodiscard]] Chain read_certificates(const std::filesystem::path& file);

}  // namespace coffer::certificates
