#include "daemon/audit/signing_key.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <array>
#include <limits>
#include <optional>
#include <string>

#include "daemon/base/errors.hpp"
#include "daemon/base/free_with.hpp"

namespace coffer::audit {

namespace {

using KeyBio = std::unique_ptr<BIO, FreeWith<BIO_free>>;

bool is_p256(const EVP_PKEY* key) {
    std::array<char, 64> group{};
    std::size_t size = 0;
    return EVP_PKEY_is_a(key, "EC") == 1 &&
           EVP_PKEY_get_group_name(key, group.data(), group.size(), &size) == 1 &&
           std::string_view(group.data(), size) == "prime256v1";
}

std::shared_ptr<EVP_PKEY> require_p256(EVP_PKEY* raw) {
    std::shared_ptr<EVP_PKEY> key(raw, FreeWith<EVP_PKEY_free>{});
    if (!is_p256(raw))
        throw Error("not an EC key on the curve P-256, which audit checkpoints are signed with");
    return key;
}

struct FreeOpenssl {
    void operator()(void* memory) const noexcept { OPENSSL_free(memory); }
};

struct PemBlock {
    std::string name;
    Bytes content;
};

/// Nothing when there is no further block. Throws Error when the next one is not whole.
std::optional<PemBlock> next_block(BIO* source) {
    char* name = nullptr;
    char* header = nullptr;
    unsigned char* data = nullptr;
    long size = 0;
    ERR_clear_error();
    const bool read = source != nullptr && PEM_read_bio(source, &name, &header, &data, &size) == 1;
    const std::unique_ptr<char, FreeOpenssl> own_name(name);
    const std::unique_ptr<char, FreeOpenssl> own_header(header);
    const std::unique_ptr<unsigned char, FreeOpenssl> own_data(data);
    if (read) return PemBlock{name, Bytes(data, data + size)};
    const auto error = ERR_peek_last_error();
    ERR_clear_error();
    if (ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE)
        return std::nullopt;
    throw Error("a block in PEM that is not whole");
}

}  // namespace

SigningKey signing_key(std::uint32_t generation, std::string_view pem) {
    const auto keys = public_keys_of_pem(pem);
    if (keys.size() != 1) throw Error("expected one public key");
    auto der = public_key_der(keys.front().get());
    const auto id = sha256({der});
    return {{id, generation}, std::move(der)};
}

std::vector<std::shared_ptr<EVP_PKEY>> public_keys_of_pem(std::string_view pem) {
    if (pem.size() > std::numeric_limits<int>::max()) throw Error("the public key's file is too long");
    const KeyBio source(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    const Error not_a_key(
        "not a public key in PEM: expected a block that begins with -----BEGIN PUBLIC KEY-----");
    std::vector<std::shared_ptr<EVP_PKEY>> keys;
    while (const auto block = next_block(source.get())) {
        if (block->name != "PUBLIC KEY") throw not_a_key;
        keys.push_back(public_key_of_der(block->content));
    }
    if (keys.empty()) throw not_a_key;
    return keys;
}

std::shared_ptr<EVP_PKEY> public_key_of_der(ByteView der) {
    const auto* at = der.data();
    EVP_PKEY* raw = d2i_PUBKEY(nullptr, &at, static_cast<long>(der.size()));
    if (raw == nullptr) {
        ERR_clear_error();
        throw Error("not a public key in DER");
    }
    auto key = require_p256(raw);
    if (at != der.data() + der.size()) throw Error("there is more than a public key");
    return key;
}

Bytes public_key_der(const EVP_PKEY* key) {
    const int size = i2d_PUBKEY(key, nullptr);
    if (size <= 0) throw Error("the public key cannot be encoded");
    Bytes der(static_cast<std::size_t>(size));
    auto* at = der.data();
    (void)i2d_PUBKEY(key, &at);
    return der;
}

Digest key_id_of(const EVP_PKEY* key) {
    return sha256({public_key_der(key)});
}

}  // namespace coffer::audit
