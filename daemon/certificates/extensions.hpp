#pragma once
// Extensions of certificates, requests and lists (RFC 5280, sections 4.2 and 5.2).

#include <optional>
#include <string>

#include "daemon/certificates/openssl_handles.hpp"
#include "daemon/certificates/subject_names.hpp"

namespace coffer::certificates {

/// What a certificate may be used for in TLS (RFC 5280, section 4.2.1.12).
struct Usages {
    bool server = true;
    bool client = true;
};

[[nodiscard]] ExtensionPtr not_a_ca();
/// With a path length of 0: it issues to those who are no CAs.
[[nodiscard]] ExtensionPtr issuing_ca();
/// keyCertSign and cRLSign.
[[nodiscard]] ExtensionPtr ca_key_usage();
/// digitalSignature, and keyEncipherment for RSA (TLS 1.2).
[[nodiscard]] ExtensionPtr key_usage_for(const EVP_PKEY* key);
[[nodiscard]] ExtensionPtr extended_key_usage(const Usages& usages);
/// The SHA-1 hash of the key (RFC 5280, section 4.2.1.2, method 1): a name, not a proof.
[[nodiscard]] ExtensionPtr subject_key_identifier(const EVP_PKEY* key);
/// `issuer`'s subject key identifier; null when it has none.
[[nodiscard]] ExtensionPtr authority_key_identifier(const X509* issuer);
[[nodiscard]] ExtensionPtr distribution_point(const std::string& url);

/// Of certificates: what they say they are.
[[nodiscard]] bool is_ca(const X509* certificate);
[[nodiscard]] bool may_sign_certificates_and_lists(const X509* certificate);

}  // namespace coffer::certificates
