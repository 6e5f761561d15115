#pragma once
// Certificates, requests and revocation lists in PEM (RFC 7468) and DER.

#include <string>
#include <string_view>
#include <vector>

#include "daemon/certificates/openssl_handles.hpp"

namespace coffer::certificates {

using Chain = std::vector<CertificatePtr>;

/// All certificates of a text, at most 16; texts around them are passed over. Throws CertificateError when
/// there is none, or one that cannot be read.
[[nodiscard]] Chain parse_certificates(std::string_view pem);

[[nodiscard]] std::string pem_of(const X509* certificate);
[[nodiscard]] std::string pem_of(const Chain& chain);
[[nodiscard]] std::string pem_of(const X509_REQ* request);
[[nodiscard]] std::string pem_of(const X509_CRL* list);

[[nodiscard]] Bytes der_of(const X509_CRL* list);
/// Throws CertificateError.
[[nodiscard]] CrlPtr parse_crl(ByteView der);
/// The same for a file's content: DER or PEM.
[[nodiscard]] CrlPtr parse_crl_file(ByteView content);

}  // namespace coffer::certificates
