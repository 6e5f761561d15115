#pragma once
// Key pairs that are made in software, for those who get a certificate, and their texts.

#include <array>
#include <optional>
#include <string_view>

#include "crypto/secret_bytes.hpp"
#include "daemon/certificates/openssl_handles.hpp"

namespace coffer::certificates {

enum class KeyType : std::uint8_t { ec_p256, ec_p384, rsa_2048, rsa_3072, rsa_4096 };

struct KeyTypeName {
    KeyType type;
    std::string_view name;
};
/// As the configuration and secrets have them.
inline constexpr std::array kKeyTypes = {
    KeyTypeName{KeyType::ec_p256, "ec-p256"}, KeyTypeName{KeyType::ec_p384, "ec-p384"},
    KeyTypeName{KeyType::rsa_2048, "rsa-2048"}, KeyTypeName{KeyType::rsa_3072, "rsa-3072"},
    KeyTypeName{KeyType::rsa_4096, "rsa-4096"}};

[[nodiscard]] std::optional<KeyType> key_type_of(std::string_view name) noexcept;
[[nodiscard]] std::string_view name_of(KeyType type) noexcept;

/// A new pair; its private numbers are on OpenSSL's secure heap. Throws CertificateError.
[[nodiscard]] KeyPtr make_key_pair(KeyType type);

/// Whether `key` is of that type.
[[nodiscard]] bool is_of(const EVP_PKEY* key, KeyType type);

/// "-----BEGIN PRIVATE KEY-----" (PKCS #8, RFC 5958), not encrypted. Written on OpenSSL's secure heap.
[[nodiscard]] crypto::SecretBytes private_key_pem(const EVP_PKEY* key);

/// A PEM private key without a passphrase. Throws CertificateError that repeats nothing of the text.
[[nodiscard]] KeyPtr parse_private_key(std::string_view pem);

/// Whether `key` is the private half of what `certificate` certifies.
[[nodiscard]] bool belongs_to(const EVP_PKEY* key, const X509* certificate);

}  // namespace coffer::certificates
