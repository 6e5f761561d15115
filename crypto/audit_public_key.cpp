#include "crypto/audit_public_key.hpp"

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <array>
#include <memory>

#include "crypto/attributes.hpp"
#include "daemon/base/errors.hpp"
#include "daemon/base/free_with.hpp"

namespace coffer::crypto {

namespace {

using PkeyPtr = std::unique_ptr<EVP_PKEY, FreeWith<EVP_PKEY_free>>;
using PkeyContextPtr = std::unique_ptr<EVP_PKEY_CTX, FreeWith<EVP_PKEY_CTX_free>>;
using BioPtr = std::unique_ptr<BIO, FreeWith<BIO_free>>;

constexpr std::size_t kPointBytes = 65;  // 04 || x || y

/// The uncompressed point. CKA_EC_POINT is an OCTET STRING around it (04 41); some tokens leave that away.
Bytes read_point(const Session& session, CK_OBJECT_HANDLE public_key) {
    auto point = read_attribute(session, public_key, CKA_EC_POINT).value_or(Bytes{});
    if (point.size() == kPointBytes + 2 && point[0] == 0x04 && point[1] == kPointBytes) {
        point.erase(point.begin(), point.begin() + 2);
    }
    if (point.size() != kPointBytes) throw Error("the audit key in the token is no P-256 key");
    return point;
}

PkeyPtr key_of_point(Bytes point) {
    const PkeyContextPtr context(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
    std::string group = "prime256v1";
    std::array params = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group.data(), 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()),
        OSSL_PARAM_construct_end()};
    EVP_PKEY* key = nullptr;
    if (!context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
        EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, params.data()) != 1) {
        throw Error("the audit key in the token is no point of P-256");
    }
    return PkeyPtr(key);
}

}  // namespace

std::string p256_public_key_pem(const Session& session, CK_OBJECT_HANDLE public_key) {
    const auto key = key_of_point(read_point(session, public_key));
    const BioPtr out(BIO_new(BIO_s_mem()));
    if (!out || PEM_write_bio_PUBKEY(out.get(), key.get()) != 1) {
        throw Error("the audit key cannot be written as PEM");
    }
    char* text = nullptr;
    const auto size = BIO_get_mem_data(out.get(), &text);
    return {text, static_cast<std::size_t>(size)};
}

}  // namespace coffer::crypto
