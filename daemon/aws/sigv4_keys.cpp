#include "daemon/aws/sigv4_keys.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include <cstring>
#include <stdexcept>

#include "daemon/base/bytes.hpp"

namespace coffer::aws {

namespace {

constexpr std::string_view kSecretPrefix = "AWS4";

std::string name_of(const KeyScope& scope) {
    return scope.access_key_id + '/' + scope.date + '/' + scope.region + '/' + scope.service;
}

}  // namespace

crypto::SecretBytes hmac_sha256(std::span<const std::uint8_t> key, std::string_view text) {
    crypto::SecretBytes mac(SHA256_DIGEST_LENGTH);
    unsigned size = 0;
    if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), as_bytes(text).data(), text.size(),
             mac.writable().data(), &size) == nullptr ||
        size != mac.size()) {
        throw std::runtime_error("OpenSSL cannot compute an HMAC-SHA256");
    }
    return mac;
}

crypto::SecretBytes derive_signing_key(std::span<const std::uint8_t> secret_access_key,
                                       const KeyScope& scope) {
    crypto::SecretBytes first(kSecretPrefix.size() + secret_access_key.size());
    std::memcpy(first.writable().data(), kSecretPrefix.data(), kSecretPrefix.size());
    if (!secret_access_key.empty()) {
        std::memcpy(first.writable().data() + kSecretPrefix.size(), secret_access_key.data(),
                    secret_access_key.size());
    }
    const auto date = hmac_sha256(first.view(), scope.date);
    const auto region = hmac_sha256(date.view(), scope.region);
    const auto service = hmac_sha256(region.view(), scope.service);
    return hmac_sha256(service.view(), kTerminator);
}

std::shared_ptr<const crypto::SecretBytes> SigningKeys::get(const KeyScope& scope,
                                                            std::span<const std::uint8_t> secret_access_key) {
    const auto name = name_of(scope);
    const auto known = entries_.find(name);
    if (known && crypto::constant_time_equal(known->secret_access_key.view(), secret_access_key))
        return known->key;
    auto key = std::make_shared<const crypto::SecretBytes>(derive_signing_key(secret_access_key, scope));
    Entry entry{crypto::SecretBytes::copy_of(secret_access_key), key};
    entries_.put(name, std::make_shared<const Entry>(std::move(entry)));
    return key;
}

}  // namespace coffer::aws
