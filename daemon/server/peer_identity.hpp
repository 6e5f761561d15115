#pragma once
// Who a client is, by its certificate: the one reading of X.509. The certificate was
// verified before; this only reads it, and refuses what could be read in two ways.

#include <openssl/x509.h>

#include "daemon/access/caller.hpp"
#include "daemon/base/errors.hpp"

namespace coffer::server {

/// The certificate names nobody, or cannot be read without doubt. `what()` says which part and is safe to
/// show to the client.
class NoIdentity : public Error {
public:
    using Error::Error;
};

/// The name that `certificate` is known by, with its subject and issuer. In this order, and no further once a
/// kind is present:
///
/// 1. URI names with the scheme `spiffe`: the SPIFFE ID. More than one is refused (X509-SVID, section 2).
/// 2. DNS names: the first.
/// 3. E-mail names (rfc822Name): the first.
/// 4. The subject's common name. More than one is refused.
///
/// Refused with NoIdentity as well: names that are empty, over 2048 bytes, hold NUL, control or invisible
/// characters, or are not of their kind (a DNS name with a slash; a common name that looks like a URI, which
/// could pass for a SPIFFE ID).
[[nodiscard]] access::CertificateIdentity identity_of(X509* certificate);

}  // namespace coffer::server
