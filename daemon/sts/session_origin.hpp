#pragma once
// To which client certificate a session is bound that no user and no role began: one of a web identity. Over
// the native protocol requests are not signed, so a session token must come with the certificate that it was
// asked for with.

#include <string>

#include "daemon/access/caller.hpp"

namespace coffer::sts {

/// A name for the owner of a certificate, the same for each certificate that it gets from the same authority:
/// a digest of the certificate's name and its issuer. No unique id of a user or a role looks so.
[[nodiscard]] std::string certificate_origin(const access::CertificateIdentity& certificate);

}  // namespace coffer::sts
