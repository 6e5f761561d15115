#include "daemon/certificates/key_pair.hpp"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <string>

namespace coffer::certificates {

namespace {

/// A key with a passphrase is refused: nobody is there to type it.
int no_passphrase_here(char*, int, int, void*) {
    return 0;
}

unsigned rsa_bits(KeyType type) noexcept {
    switch (type) {
        case KeyType::rsa_2048:
            return 2048;
        case KeyType::rsa_3072:
            return 3072;
        case KeyType::rsa_4096:
            return 4096;
        default:
            return 0;
    }
}

}  // namespace

std::optional<KeyType> key_type_of(std::string_view name) noexcept {
    const auto* found = std::ranges::find(kKeyTypes, name, &KeyTypeName::name);
    if (found == kKeyTypes.end()) return std::nullopt;
    return found->type;
}

std::string_view name_of(KeyType type) noexcept {
    return std::ranges::find(kKeyTypes, type, &KeyTypeName::type)->name;
}

KeyPtr make_key_pair(KeyType type) {
    KeyPtr key;
    if (const auto bits = rsa_bits(type); bits > 0) {
        key.reset(EVP_RSA_gen(bits));
    } else {
        key.reset(EVP_EC_gen(type == KeyType::ec_p256 ? "P-256" : "P-384"));
    }
    require(key != nullptr, "OpenSSL cannot make a key");
    return key;
}

bool is_of(const EVP_PKEY* key, KeyType type) {
    if (const auto bits = rsa_bits(type); bits > 0) {
        return EVP_PKEY_base_id(key) == EVP_PKEY_RSA && EVP_PKEY_bits(key) == static_cast<int>(bits);
    }
    const int nid = type == KeyType::ec_p256 ? NID_X9_62_prime256v1 : NID_secp384r1;
    std::array<char, 64> group{};
    std::size_t size = 0;
    const bool known = EVP_PKEY_base_id(key) == EVP_PKEY_EC &&
                       EVP_PKEY_get_group_name(key, group.data(), group.size(), &size) == 1;
    ERR_clear_error();
    return known && OBJ_txt2nid(group.data()) == nid;
}

crypto::SecretBytes private_key_pem(const EVP_PKEY* key) {
    const BioPtr out(BIO_new(BIO_s_secmem()));
    require(out && PEM_write_bio_PKCS8PrivateKey(out.get(), key, nullptr, nullptr, 0, nullptr, nullptr) == 1,
            "the private key cannot be written");
    char* data = nullptr;
    const auto size = BIO_get_mem_data(out.get(), &data);
    return crypto::SecretBytes::copy_of(std::string_view(data, static_cast<std::size_t>(size)));
}

KeyPtr parse_private_key(std::string_view pem) {
    const BioPtr in(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    KeyPtr key(in ? PEM_read_bio_PrivateKey(in.get(), nullptr, no_passphrase_here, nullptr) : nullptr);
    ERR_clear_error();
    if (!key) throw CertificateError("there is no PEM private key without a passphrase");
    return key;
}

bool belongs_to(const EVP_PKEY* key, const X509* certificate) {
    const auto* certified = X509_get0_pubkey(certificate);
    const bool same = certified != nullptr && EVP_PKEY_eq(key, certified) == 1;
    ERR_clear_error();
    return same;
}

}  // namespace coffer::certificates
