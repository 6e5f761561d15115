#pragma once
// NextToken: where a listing goes on, encrypted and authenticated, so that it tells its holder nothing and
// works only for the same caller, operation and query, on every node.

#include <optional>
#include <string>
#include <string_view>

#include "crypto/secret_bytes.hpp"
#include "daemon/base/bytes.hpp"

namespace coffer::secrets {

/// AES-256-GCM (OpenSSL) under a key that the token derives from the seal key. A token is, in base64url
/// without padding: 12 bytes of IV, ciphertext, 16 bytes of tag. Thread-safe.
class PageTokens {
public:
    /// `key` has 32 bytes.
    explicit PageTokens(crypto::SecretBytes key) : key_(std::move(key)) {}

    /// `context` is what the token is bound to: CanonicalEncoder over operation, principal and query.
    [[nodiscard]] std::string make(ByteView position, ByteView context) const;

    /// The position. Throws invalid_next_token() for anything that make() did not return for this context.
    [[nodiscard]] Bytes open(std::string_view token, ByteView context) const;

private:
    crypto::SecretBytes key_;
};

}  // namespace coffer::secrets
