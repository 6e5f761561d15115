#pragma once
// Certification requests (PKCS #10, RFC 2986).

#include "daemon/certificates/extensions.hpp"

namespace coffer::certificates {

/// For whom has `key`; asks for the names, and for the use in TLS.
[[nodiscard]] RequestPtr make_request(EVP_PKEY* key, const SubjectNames& names, const Usages& usages);

/// For an issuing CA; asks for what makes it one.
[[nodiscard]] RequestPtr make_ca_request(EVP_PKEY* key, const X509_NAME* subject);

}  // namespace coffer::certificates
