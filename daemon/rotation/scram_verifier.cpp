#include "daemon/rotation/scram_verifier.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>

#include "crypto/secret_bytes.hpp"
#include "daemon/base/errors.hpp"

namespace coffer::rotation {

namespace {

constexpr std::size_t kSha256Bytes = 32;
/// As many as PostgreSQL takes.
constexpr std::size_t kSaltBytes = 16;

using Digest = std::array<std::uint8_t, kSha256Bytes>;

void require_openssl(bool done) {
    if (!done) throw Error("OpenSSL cannot make a SCRAM verifier");
}

crypto::SecretBytes keyed(const crypto::SecretBytes& key, std::string_view text) {
    crypto::SecretBytes mac(kSha256Bytes);
    unsigned size = 0;
    require_openssl(HMAC(EVP_sha256(), key.view().data(), static_cast<int>(key.size()),
                         reinterpret_cast<const unsigned char*>(text.data()), text.size(),
                         mac.writable().data(), &size) != nullptr &&
                    size == kSha256Bytes);
    return mac;
}

std::string base64(std::span<const std::uint8_t> bytes) {
    std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');
    const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), bytes.data(),
                                     static_cast<int>(bytes.size()));
    text.resize(static_cast<std::size_t>(size));
    return text;
}

}  // namespace

bool is_prepared(std::string_view password) noexcept {
    // PostgreSQL takes a text of ASCII as it is, its control characters too.
    constexpr unsigned char kFirstNotAscii = 0x80;
    return std::ranges::all_of(password,
                               [](char c) { return static_cast<unsigned char>(c) < kFirstNotAscii; });
}

std::string scram_verifier(std::string_view password, std::span<const std::uint8_t> salt,
                           std::uint32_t iterations) {
    crypto::SecretBytes salted(kSha256Bytes);
    require_openssl(PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()), salt.data(),
                                      static_cast<int>(salt.size()), static_cast<int>(iterations),
                                      EVP_sha256(), static_cast<int>(salted.size()),
                                      salted.writable().data()) == 1);
    const auto client_key = keyed(salted, "Client Key");
    Digest stored_key{};
    unsigned size = 0;
    require_openssl(EVP_Digest(client_key.view().data(), client_key.size(), stored_key.data(), &size,
                               EVP_sha256(), nullptr) == 1 &&
                    size == stored_key.size());
    const auto server_key = keyed(salted, "Server Key");
    return "SCRAM-SHA-256$" + std::to_string(iterations) + ":" + base64(salt) + "$" + base64(stored_key) +
           ":" + base64(server_key.view());
}

std::string scram_verifier(std::string_view password, std::uint32_t iterations) {
    std::array<std::uint8_t, kSaltBytes> salt{};
    require_openssl(RAND_bytes(salt.data(), static_cast<int>(salt.size())) == 1);
    return scram_verifier(password, salt, iterations);
}

}  // namespace coffer::rotation
