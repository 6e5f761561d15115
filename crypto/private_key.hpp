#pragma once
// Private keys that OpenSSL signs with, for TLS and for certificates: an EC or RSA key in the token, through
// libp11, or a PEM file.

#include <openssl/evp.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "crypto/pin_source.hpp"

namespace coffer::crypto {

class Hsm;

struct EvpPkeyDeleter {
    void operator()(EVP_PKEY* key) const noexcept { EVP_PKEY_free(key); }
};
using EvpPkeyPtr = std::unique_ptr<EVP_PKEY, EvpPkeyDeleter>;

/// What a key of the token signs, and so which mechanisms the token must have.
enum class KeyPurpose : std::uint8_t {
    tls,           ///< handshakes: of RSA keys RSASSA-PSS, whose padding OpenSSL makes
    certificates,  ///< certificates and revocation lists: of RSA keys PKCS #1 v1.5
};

/// The private key that the RFC 7512 URI `key_uri` (token, and object= or id=) names, as OpenSSL sees it. The
/// token must be that of `hsm`. Valid through every recovery; signs nothing any more once `hsm` is closed. It
/// blocks the thread that does the handshake or signs for as long as the token takes. Throws Error when there
/// is none or more than one, when its public key is not `certificate`'s (compared as public keys:
/// SSL_CTX_check_private_key answers 0 for such a key), when the token lacks what it signs with, and when a
/// signature that is made for trial is not good.
[[nodiscard]] EvpPkeyPtr private_key_from_token(Hsm& hsm, const std::string& key_uri, X509* certificate,
                                                KeyPurpose purpose);

/// A PEM private key from a file that only its owner can read.
[[nodiscard]] EvpPkeyPtr private_key_from_pem(const std::filesystem::path& file);

}  // namespace coffer::crypto
