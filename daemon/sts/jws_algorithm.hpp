#pragma once
// The signature algorithms of JSON Web Tokens that are taken, and the kinds of key that they want. "none" and
// those with a shared secret (HS256...) are not among them, so they cannot be chosen by whoever writes a
// token.

#include <cstdint>
#include <optional>
#include <string_view>

namespace coffer::sts {

/// RFC 7518, section 3.1, and RFC 8037, section 3.1.
enum class JwsAlgorithm : std::uint8_t {
    rs256,
    rs384,
    rs512,
    ps256,
    ps384,
    ps512,
    es256,
    es384,
    es512,
    eddsa
};

/// A kind of public key. EC keys of other curves, and Ed448, are not taken.
enum class WebKeyType : std::uint8_t { rsa, p256, p384, p521, ed25519 };

/// The algorithm of that name, as the header's `alg` and a key's `alg` have it; case-sensitive.
[[nodiscard]] std::optional<JwsAlgorithm> find_jws_algorithm(std::string_view name) noexcept;

/// The one kind of key that signatures of this algorithm are made with.
[[nodiscard]] WebKeyType key_type_of(JwsAlgorithm algorithm) noexcept;

/// OpenSSL's name of the digest; null for EdDSA, which has its own.
[[nodiscard]] const char* digest_of(JwsAlgorithm algorithm) noexcept;

/// Whether it is RSASSA-PSS.
[[nodiscard]] bool is_pss(JwsAlgorithm algorithm) noexcept;

}  // namespace coffer::sts
