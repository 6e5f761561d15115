#include "daemon/rotation/mysql_verifier.hpp"

#include <openssl/evp.h>
#include <sodium/crypto_scalarmult_ed25519.h>

#include <array>
#include <cstdint>
#include <span>

#include "crypto/secret_bytes.hpp"
#include "daemon/base/bytes.hpp"
#include "daemon/base/errors.hpp"

namespace coffer::rotation {

namespace {

constexpr std::size_t kSha1Bytes = 20;
constexpr std::size_t kSha512Bytes = 64;

void digest(const EVP_MD* algorithm, const void* data, std::size_t size, std::span<std::uint8_t> out) {
    unsigned made = 0;
    if (EVP_Digest(data, size, out.data(), &made, algorithm, nullptr) != 1 || made != out.size()) {
        throw Error("OpenSSL cannot make a digest");
    }
}

}  // namespace

std::string mysql_native_verifier(std::string_view password) {
    // The inner one logs in where somebody has seen the outer one.
    crypto::SecretBytes inner(kSha1Bytes);
    digest(EVP_sha1(), password.data(), password.size(), inner.writable());
    std::array<std::uint8_t, kSha1Bytes> outer{};
    digest(EVP_sha1(), inner.view().data(), inner.size(), outer);
    auto text = "*" + to_hex(outer);
    for (char& c : text) {
        if (c >= 'a') c = static_cast<char>(c - 'a' + 'A');
    }
    return text;
}

std::string mysql_ed25519_verifier(std::string_view password) {
    crypto::SecretBytes hash(kSha512Bytes);
    digest(EVP_sha512(), password.data(), password.size(), hash.writable());
    std::array<std::uint8_t, crypto_scalarmult_ed25519_BYTES> key{};
    if (crypto_scalarmult_ed25519_base(key.data(), hash.view().data()) != 0) {
        throw Error("no Ed25519 key can be made of the new password");
    }
    std::array<unsigned char, 4 * ((crypto_scalarmult_ed25519_BYTES + 2) / 3) + 1> text{};
    const int size = EVP_EncodeBlock(text.data(), key.data(), static_cast<int>(key.size()));
    std::string verifier(text.begin(), text.begin() + size);
    while (verifier.ends_with('=')) verifier.pop_back();
    return verifier;
}

std::optional<std::string> mysql_verifier(std::string_view plugin, std::string_view password) {
    if (plugin == "mysql_native_password") return mysql_native_verifier(password);
    if (plugin == "ed25519") return mysql_ed25519_verifier(password);
    return std::nullopt;
}

}  // namespace coffer::rotation
