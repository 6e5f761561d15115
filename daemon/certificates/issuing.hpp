#pragma once
// Certificates that are signed: by an authority for others, and an authority's own (RFC 5280, section 4).

#include <span>
#include <string>

#include "daemon/certificates/extensions.hpp"

namespace coffer::certificates {

/// Of a serial number: the most that RFC 5280, section 4.1.2.2, allows, with the first bit 0.
inline constexpr std::size_t kSerialBytes = 20;

/// `random`, of kSerialBytes, as a serial number: positive, 159 bits.
[[nodiscard]] Bytes serial_from(ByteView random);

struct Validity {
    Timestamp not_before;
    Timestamp not_after;
};

/// `days` from `now`, begun a few minutes before it, for clocks that are behind; never outside of the
/// authority's own validity. Throws CertificateError when the authority ends within the hour.
[[nodiscard]] Validity validity_under(const X509* authority, Timestamp now, std::int64_t days);
[[nodiscard]] Validity validity_of(const X509* certificate);

struct Order {
    SubjectNames names;  ///< checked
    Usages usages{};
    Validity validity;
    Bytes serial;
    std::string crl_url{};  ///< empty: none is named
};

/// A certificate for `subject_key`'s public half. `authority_key` may be in the token: blocks as long as that
/// takes. Throws CertificateError.
[[nodiscard]] CertificatePtr issue(const Order& order, const EVP_PKEY* subject_key, const X509* authority,
                                   EVP_PKEY* authority_key);

/// An authority's certificate, signed by itself.
[[nodiscard]] CertificatePtr self_signed_authority(const X509_NAME* subject, EVP_PKEY* key,
                                                   const Validity& validity, const Bytes& serial);

/// Throws CertificateError that says why `certificate` is not one to issue certificates and revocation lists
/// with: basicConstraints, keyUsage.
void require_authority(const X509* certificate);

}  // namespace coffer::certificates
