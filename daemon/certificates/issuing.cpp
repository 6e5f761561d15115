#include "daemon/certificates/issuing.hpp"

#include <algorithm>
#include <chrono>

namespace coffer::certificates {

namespace {

constexpr std::chrono::minutes kBackdated{5};
constexpr std::chrono::hours kLeastLeft{1};

void add(X509* certificate, const ExtensionPtr& extension) {
    if (extension)
        require(X509_add_ext(certificate, extension.get(), -1) == 1, "an extension cannot be added");
}

CertificatePtr begun(const X509_NAME* issuer, const X509_NAME* subject, const EVP_PKEY* key,
                     const Validity& validity, const Bytes& serial) {
    CertificatePtr made(X509_new());
    require(made && X509_set_version(made.get(), X509_VERSION_3) == 1 &&
                X509_set_serialNumber(made.get(), asn1_integer(serial).get()) == 1 &&
                X509_set_issuer_name(made.get(), issuer) == 1 &&
                X509_set_subject_name(made.get(), subject) == 1 &&
                X509_set1_notBefore(made.get(), asn1_time(validity.not_before).get()) == 1 &&
                X509_set1_notAfter(made.get(), asn1_time(validity.not_after).get()) == 1 &&
                X509_set_pubkey(made.get(), const_cast<EVP_PKEY*>(key)) == 1,
            "the certificate cannot be written");
    return made;
}

}  // namespace

Bytes serial_from(ByteView random) {
    if (random.size() != kSerialBytes) throw CertificateError("a serial number takes 20 random bytes");
    Bytes serial(random.begin(), random.end());
    serial.front() = static_cast<std::uint8_t>(serial.front() & 0x7FU);
    if (std::ranges::all_of(serial, [](std::uint8_t byte) { return byte == 0; })) {
        throw CertificateError("the token's random numbers are zeros");
    }
    return serial;
}

Validity validity_of(const X509* certificate) {
    return {timestamp_of(X509_get0_notBefore(certificate)), timestamp_of(X509_get0_notAfter(certificate))};
}

Validity validity_under(const X509* authority, Timestamp now, std::int64_t days) {
    const auto own = validity_of(authority);
    if (own.not_after < now + kLeastLeft) {
        throw CertificateError("the certificate authority's own certificate ends at " +
                               rfc3339(own.not_after) + ": give the authority a new one");
    }
    return {std::max(own.not_before, now - kBackdated),
            std::min(own.not_after, now + std::chrono::hours(24 * days))};
}

CertificatePtr issue(const Order& order, const EVP_PKEY* subject_key, const X509* authority,
                     EVP_PKEY* authority_key) {
    const auto subject = subject_of(order.names);
    auto made =
        begun(X509_get_subject_name(authority), subject.get(), subject_key, order.validity, order.serial);
    add(made.get(), not_a_ca());
    add(made.get(), key_usage_for(subject_key));
    add(made.get(), extended_key_usage(order.usages));
    add(made.get(), alternative_names(order.names));
    add(made.get(), subject_key_identifier(subject_key));
    add(made.get(), authority_key_identifier(authority));
    if (!order.crl_url.empty()) add(made.get(), distribution_point(order.crl_url));
    require(X509_sign(made.get(), authority_key, digest_for(authority_key)) > 0,
            "the certificate authority's key did not sign");
    return made;
}

CertificatePtr self_signed_authority(const X509_NAME* subject, EVP_PKEY* key, const Validity& validity,
                                     const Bytes& serial) {
    auto made = begun(subject, subject, key, validity, serial);
    add(made.get(), issuing_ca());
    add(made.get(), ca_key_usage());
    add(made.get(), subject_key_identifier(key));
    require(X509_sign(made.get(), key, digest_for(key)) > 0, "the key did not sign");
    return made;
}

void require_authority(const X509* certificate) {
    if (!is_ca(certificate)) {
        throw CertificateError("the certificate is not a CA's: its basicConstraints do not say CA:TRUE");
    }
    constexpr int kLeastRsaBits = 2048;
    const auto* key = X509_get0_pubkey(certificate);
    if (key == nullptr || (EVP_PKEY_base_id(key) == EVP_PKEY_RSA && EVP_PKEY_bits(key) < kLeastRsaBits)) {
        throw CertificateError("the certificate's RSA key must have 2048 bits at least");
    }
    if (!may_sign_certificates_and_lists(certificate)) {
        throw CertificateError(
            "the certificate's keyUsage does not have both keyCertSign and cRLSign, which a CA that issues "
            "certificates and revocation lists needs");
    }
}

}  // namespace coffer::certificates
