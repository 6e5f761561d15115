#pragma once
// Names of certificate authorities as people write them: "O=Example,CN=Example Issuing CA".

#include <string>
#include <string_view>

#include "daemon/certificates/openssl_handles.hpp"

namespace coffer::certificates {

/// ATTRIBUTE=VALUE, joined by ',', in the order in which they stand in the certificate. '\' takes the meaning
/// of the character behind it. Attributes are those that OpenSSL knows by a short name: C, ST, L, O, OU, CN,
/// serialNumber ... Throws CertificateError.
[[nodiscard]] NamePtr parse_distinguished_name(std::string_view text);

/// For people; the form that parse_distinguished_name() takes, as near as OpenSSL writes it (RFC 2253's
/// escapes, in the order of the certificate).
[[nodiscard]] std::string text_of(const X509_NAME* name);

}  // namespace coffer::certificates
