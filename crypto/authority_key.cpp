#include "crypto/authority_key.hpp"

#include <fmt/format.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/objects.h>

#include <array>
#include <memory>
#include <vector>

#include "crypto/key_names.hpp"
#include "crypto/objects.hpp"
#include "crypto/pkcs11_error.hpp"
#include "crypto/secret_bytes.hpp"
#include "crypto/signing_pair.hpp"
#include "daemon/base/free_with.hpp"

namespace coffer::crypto {

namespace {

// DER of the OID of P-384 (SEC 2, 2.5.1).
constexpr std::array<std::uint8_t, 7> kCurveP384 = {0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22};
constexpr std::array<std::uint8_t, 3> kExponent = {0x01, 0x00, 0x01};

void require_new(const Session& session, std::string_view name, const std::string& label) {
    if (!is_authority_name(name)) {
        throw Error(
            fmt::format("\"{}\" cannot name a certificate authority: use 1 to 64 of A-Z a-z 0-9 _ -", name));
    }
    for (const CK_OBJECT_CLASS each : {CKO_PRIVATE_KEY, CKO_PUBLIC_KEY}) {
        Template wanted;
        wanted.number(CKA_CLASS, each).boolean(CKA_TOKEN, true).text(CKA_LABEL, label);
        if (!find_objects(session, wanted).empty()) {
            throw Error(fmt::format("the token holds a key \"{}\" already; it is not overwritten", label));
        }
    }
}

/// A token may ignore a part of a template.
void require_kept_in(const Session& session, CK_OBJECT_HANDLE key, const std::string& label) {
    if (read_boolean(session, key, CKA_SENSITIVE) == true &&
        read_boolean(session, key, CKA_EXTRACTABLE) == false) {
        return;
    }
    throw Error(fmt::format("the token would give the key \"{}\" out again; it is not kept there", label));
}

void keep(const Session& session, CK_OBJECT_HANDLE public_key, CK_OBJECT_HANDLE private_key,
          const std::string& label, const std::function<void()>& before_keeping) {
    ObjectGuard made_public(session, public_key);
    ObjectGuard made_private(session, private_key);
    require_kept_in(session, private_key, label);
    before_keeping();
    static_cast<void>(made_public.release());
    static_cast<void>(made_private.release());
}

// ---- a key from outside -----------------------------------------------------------------------------------

SecretBytes number_of(const EVP_PKEY* key, const char* name, std::size_t size = 0) {
    BIGNUM* raw = nullptr;
    const bool there = EVP_PKEY_get_bn_param(key, name, &raw) == 1;
    const std::unique_ptr<BIGNUM, FreeWith<BN_clear_free>> number(raw);
    ERR_clear_error();
    if (!there) throw Error(fmt::format("the private key has no number \"{}\"", name));
    SecretBytes bytes(size > 0 ? size : static_cast<std::size_t>(BN_num_bytes(number.get())));
    if (BN_bn2binpad(number.get(), bytes.writable().data(), static_cast<int>(bytes.size())) < 0) {
        throw Error("the private key does not fit its curve");
    }
    return bytes;
}

/// The curve's OID, and the point as an OCTET STRING (PKCS#11 2.40, 2.3.3).
struct Curve {
    ByteView oid;
    std::size_t bytes;
};

Curve curve_of(const EVP_PKEY* key) {
    std::array<char, 64> group{};
    std::size_t size = 0;
    const bool known = EVP_PKEY_get_group_name(key, group.data(), group.size(), &size) == 1;
    ERR_clear_error();
    const int nid = known ? OBJ_txt2nid(group.data()) : NID_undef;
    if (nid == NID_X9_62_prime256v1) return {kP256Params, 32};
    if (nid == NID_secp384r1) return {kCurveP384, 48};
    throw Error("the key is on another curve than P-256 and P-384");
}

Bytes point_of(const EVP_PKEY* key) {
    unsigned char* raw = nullptr;
    const auto size = EVP_PKEY_get1_encoded_public_key(const_cast<EVP_PKEY*>(key), &raw);
    const std::unique_ptr<unsigned char, decltype([](unsigned char* p) { OPENSSL_free(p); })> owner(raw);
    if (size == 0 || size > 0x7F) throw Error("the key's public point cannot be written");
    Bytes octets{0x04, static_cast<std::uint8_t>(size)};
    octets.insert(octets.end(), raw, raw + size);
    return octets;
}

CK_OBJECT_HANDLE create(const Session& session, Template& object) {
    CK_OBJECT_HANDLE handle = CK_INVALID_HANDLE;
    const CK_RV code =
        session.functions().C_CreateObject(session.handle(), object.data(), object.size(), &handle);
    if (classify(code) == ErrorClass::caller) {
        throw Error(fmt::format(
            "the token does not take a private key from outside (C_CreateObject answered {}): bring it there "
            "with the vendor's tool, labelled as coffer-hsm would, or make the key in the token",
            code_name(code)));
    }
    check("C_CreateObject", code);
    return handle;
}

void import_ec(const Session& session, const std::string& label, const EVP_PKEY* key,
               const std::function<void()>& before_keeping) {
    const auto curve = curve_of(key);
    const auto point = point_of(key);
    const auto value = number_of(key, OSSL_PKEY_PARAM_PRIV_KEY, curve.bytes);
    Template public_key;
    public_key.number(CKA_CLASS, CKO_PUBLIC_KEY)
        .number(CKA_KEY_TYPE, CKK_EC)
        .bytes(CKA_EC_PARAMS, curve.oid)
        .bytes(CKA_EC_POINT, point);
    describe_public_half(public_key, label);
    Template private_key;
    private_key.number(CKA_CLASS, CKO_PRIVATE_KEY)
        .number(CKA_KEY_TYPE, CKK_EC)
        .bytes(CKA_EC_PARAMS, curve.oid)
        .bytes(CKA_VALUE, value.view());
    describe_private_half(private_key, label);
    ObjectGuard made_private(session, create(session, private_key));
    const auto made_public = create(session, public_key);
    keep(session, made_public, made_private.release(), label, before_keeping);
}

void import_rsa(const Session& session, const std::string& label, const EVP_PKEY* key,
                const std::function<void()>& before_keeping) {
    const auto modulus = number_of(key, OSSL_PKEY_PARAM_RSA_N);
    const auto exponent = number_of(key, OSSL_PKEY_PARAM_RSA_E);
    const auto secret = number_of(key, OSSL_PKEY_PARAM_RSA_D);
    const auto p = number_of(key, OSSL_PKEY_PARAM_RSA_FACTOR1);
    const auto q = number_of(key, OSSL_PKEY_PARAM_RSA_FACTOR2);
    const auto dp = number_of(key, OSSL_PKEY_PARAM_RSA_EXPONENT1);
    const auto dq = number_of(key, OSSL_PKEY_PARAM_RSA_EXPONENT2);
    const auto coefficient = number_of(key, OSSL_PKEY_PARAM_RSA_COEFFICIENT1);
    Template public_key;
    public_key.number(CKA_CLASS, CKO_PUBLIC_KEY)
        .number(CKA_KEY_TYPE, CKK_RSA)
        .bytes(CKA_MODULUS, modulus.view())
        .bytes(CKA_PUBLIC_EXPONENT, exponent.view());
    describe_public_half(public_key, label);
    Template private_key;
    private_key.number(CKA_CLASS, CKO_PRIVATE_KEY)
        .number(CKA_KEY_TYPE, CKK_RSA)
        .bytes(CKA_MODULUS, modulus.view())
        .bytes(CKA_PUBLIC_EXPONENT, exponent.view())
        .bytes(CKA_PRIVATE_EXPONENT, secret.view())
        .bytes(CKA_PRIME_1, p.view())
        .bytes(CKA_PRIME_2, q.view())
        .bytes(CKA_EXPONENT_1, dp.view())
        .bytes(CKA_EXPONENT_2, dq.view())
        .bytes(CKA_COEFFICIENT, coefficient.view());
    describe_private_half(private_key, label);
    ObjectGuard made_private(session, create(session, private_key));
    const auto made_public = create(session, public_key);
    keep(session, made_public, made_private.release(), label, before_keeping);
}

}  // namespace

void make_authority_key(const Session& session, std::string_view name, AuthorityKeyType type,
                        const std::function<void()>& before_keeping) {
    constexpr CK_ULONG kShorterModulus = 3072;
    constexpr CK_ULONG kLongerModulus = 4096;
    const auto label = authority_key_label(name);
    require_new(session, name, label);
    const bool ec = type == AuthorityKeyType::ec_p256 || type == AuthorityKeyType::ec_p384;
    Template public_key;
    if (ec) {
        public_key.bytes(CKA_EC_PARAMS,
                         type == AuthorityKeyType::ec_p256 ? ByteView(kP256Params) : ByteView(kCurveP384));
    } else {
        public_key
            .number(CKA_MODULUS_BITS, type == AuthorityKeyType::rsa_3072 ? kShorterModulus : kLongerModulus)
            .bytes(CKA_PUBLIC_EXPONENT, kExponent);
    }
    describe_public_half(public_key, label);
    Template private_key;
    describe_private_half(private_key, label);
    CK_MECHANISM mechanism{ec ? CKM_EC_KEY_PAIR_GEN : CKM_RSA_PKCS_KEY_PAIR_GEN, nullptr, 0};
    CK_OBJECT_HANDLE made_public = CK_INVALID_HANDLE;
    CK_OBJECT_HANDLE made_private = CK_INVALID_HANDLE;
    check("C_GenerateKeyPair", session.functions().C_GenerateKeyPair(
                                   session.handle(), &mechanism, public_key.data(), public_key.size(),
                                   private_key.data(), private_key.size(), &made_public, &made_private));
    keep(session, made_public, made_private, label, before_keeping);
}

void import_authority_key(const Session& session, std::string_view name, const EVP_PKEY* key,
                          const std::function<void()>& before_keeping) {
    const auto label = authority_key_label(name);
    require_new(session, name, label);
    if (EVP_PKEY_base_id(key) == EVP_PKEY_EC) return import_ec(session, label, key, before_keeping);
    if (EVP_PKEY_base_id(key) == EVP_PKEY_RSA) return import_rsa(session, label, key, before_keeping);
    throw Error("the key is neither an EC key (P-256, P-384) nor an RSA key");
}

}  // namespace coffer::crypto
