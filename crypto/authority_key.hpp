#pragma once
// Keys of certificate authorities in a token: made there, or brought there from outside.

#include <openssl/evp.h>

#include <functional>
#include <string>
#include <string_view>

#include "crypto/session.hpp"

namespace coffer::crypto {

enum class AuthorityKeyType : std::uint8_t { ec_p256, ec_p384, rsa_3072, rsa_4096 };

/// Makes the key pair "coffer/ca/NAME": SENSITIVE, not EXTRACTABLE, for signing only. `before_keeping` is
/// called when it is there; when it throws, the token is left as it was. `session` is read-write, of a
/// logged-in user. Throws Error when the name is taken or not a name, Pkcs11Error.
void make_authority_key(const Session& session, std::string_view name, AuthorityKeyType type,
                        const std::function<void()>& before_keeping);

/// The same with an EC (P-256, P-384) or RSA key that exists already: it is SENSITIVE and not EXTRACTABLE in
/// the token from then on, and no safer than it was before. Throws Error for a key of another kind, as well.
void import_authority_key(const Session& session, std::string_view name, const EVP_PKEY* key,
                          const std::function<void()>& before_keeping);

}  // namespace coffer::crypto
