#pragma once
// The public half of the token's audit key, for those who verify the journal without a token.

#include <string>

#include "crypto/session.hpp"

namespace coffer::crypto {

/// The EC P-256 public key object as SubjectPublicKeyInfo (RFC 5480) in PEM. Throws Error when it is
/// something else; Pkcs11Error.
[[nodiscard]] std::string p256_public_key_pem(const Session& session, CK_OBJECT_HANDLE public_key);

}  // namespace coffer::crypto
