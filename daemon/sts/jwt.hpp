#pragma once
// A JSON Web Token (RFC 7519) in the compact form of a JSON Web Signature (RFC 7515, section 7.1), taken
// apart. Whoever has a token can use it: it is secret, and no message of this file quotes anything of it.

#include <string>
#include <string_view>

#include "crypto/secret_bytes.hpp"
#include "daemon/access/json_reader.hpp"
#include "daemon/base/errors.hpp"
#include "daemon/sts/jws_algorithm.hpp"
#include "daemon/sts/web_key.hpp"

namespace coffer::sts {

/// A token that is not taken. `what()` says why, for its bearer to read.
class BadToken : public Error {
public:
    using Error::Error;
};

/// Refers to the text that it was made from.
class Jwt {
public:
    /// As the request may have.
    static constexpr std::size_t kCharactersMax = 20'000;

    /// Throws BadToken for what is no compact JWS, has a header or claims that are no JSON object or have a
    /// name twice, names no algorithm or one that is not taken ("none" and HS256 among them), or has a header
    /// `crit` (RFC 7515, section 4.1.11: extensions that must be understood, of which none is). Keys that the
    /// header brings along
    /// (`jwk`, `jku`, `x5c`, `x5u`) are not looked at.
    [[nodiscard]] static Jwt parse(std::string_view token);

    [[nodiscard]] JwsAlgorithm algorithm() const noexcept { return algorithm_; }
    /// The header's `kid`; empty where it has none.
    [[nodiscard]] const std::string& key_id() const noexcept { return key_id_; }
    /// Not to be believed before the signature was verified.
    [[nodiscard]] const access::JsonValue& claims() const noexcept { return claims_; }
    [[nodiscard]] bool is_signed_by(const WebKey& key) const {
        return key.verifies(algorithm_, signing_input_, signature_.view());
    }

private:
    Jwt() = default;

    JwsAlgorithm algorithm_{};
    std::string key_id_;
    access::JsonValue claims_;
    std::string_view signing_input_;
    crypto::SecretBytes signature_;
};

}  // namespace coffer::sts
