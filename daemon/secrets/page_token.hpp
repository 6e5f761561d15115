#pragma once
// NextToken: where a listing goes on, encrypted and authenticated, so that it tells its holder nothing and
// works only for the same caller, operation and query, on every node.

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "crypto/derived_keys.hpp"
#include "daemon/base/bytes.hpp"

namespace coffer::secrets {

/// AES-256-GCM (OpenSSL) under a key that the token derives from the seal key. A token is, in base64url
/// without padding: 12 bytes of IV, ciphertext, 16 bytes of tag. It does not say which generation made it:
/// those that there are, are tried. Thread-safe.
class PageTokens {
public:
    /// Keys of 32 bytes.
    explicit PageTokens(std::shared_ptr<const crypto::DerivedKeys> keys) : keys_(std::move(keys)) {}

    /// `context` is what the token is bound to: CanonicalEncoder over operation, principal and query.
    [[nodiscard]] std::string make(ByteView position, ByteView context) const;

    /// The position. Throws invalid_next_token() for anything that make() did not return for this context.
    [[nodiscard]] Bytes open(std::string_view token, ByteView context) const;

private:
    const std::shared_ptr<const crypto::DerivedKeys> keys_;
};

}  // namespace coffer::secrets
