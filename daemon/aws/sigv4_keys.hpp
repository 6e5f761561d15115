#pragma once
// Signing keys: what a secret access key becomes for one day, region and service. Deriving one takes four
// HMACs, so those in use are kept.

#include <memory>
#include <string>
#include <string_view>

#include "crypto/secret_bytes.hpp"
#include "daemon/base/bounded_cache.hpp"

namespace coffer::aws {

/// The last part of every scope.
inline constexpr std::string_view kTerminator = "aws4_request";

/// What a signing key is good for.
struct KeyScope {
    std::string access_key_id;
    std::string date;  ///< "20150830"
    std::string region;
    std::string service;
};

/// HMAC-SHA256, 32 bytes, secret.
[[nodiscard]] crypto::SecretBytes hmac_sha256(std::span<const std::uint8_t> key, std::string_view text);

/// The signing key itself. (AWS, "Create a signed AWS API request", step 4.)
[[nodiscard]] crypto::SecretBytes derive_signing_key(std::span<const std::uint8_t> secret_access_key,
                                                     const KeyScope& scope);

/// The most recently used of them. Thread-safe.
class SigningKeys {
public:
    /// `capacity` is at least 1.
    explicit SigningKeys(std::size_t capacity) : entries_(capacity) {}

    /// The key for the scope, derived when it is not there or when the secret access key is another one than
    /// it was derived from.
    [[nodiscard]] std::shared_ptr<const crypto::SecretBytes> get(
        const KeyScope& scope, std::span<const std::uint8_t> secret_access_key);
    /// How many are kept.
    [[nodiscard]] std::size_t size() const { return entries_.size(); }

private:
    struct Entry {
        crypto::SecretBytes secret_access_key;
        std::shared_ptr<const crypto::SecretBytes> key;
    };

    BoundedCache<Entry> entries_;  ///< by the scope
};

}  // namespace coffer::aws
