#pragma once
// An identity provider of the tests' own: an Ed25519 key, the JWK Set that it publishes and tokens that it
// signs.

#include <openssl/evp.h>

#include <memory>
#include <string>
#include <string_view>

#include "daemon/base/free_with.hpp"

namespace coffer::sts {

class TokenMaker {
public:
    explicit TokenMaker(std::string key_id = "k1");

    /// {"keys":[...]} with its one key.
    [[nodiscard]] std::string key_set() const;
    /// A token with these claims, a JSON text, under the header {"alg":"EdDSA","kid":KEY-ID}.
    [[nodiscard]] std::string token(std::string_view claims) const;
    /// The same under another header.
    [[nodiscard]] std::string token(std::string_view header, std::string_view claims) const;

private:
    std::string key_id_;
    std::unique_ptr<EVP_PKEY, FreeWith<EVP_PKEY_free>> key_;
};

}  // namespace coffer::sts
