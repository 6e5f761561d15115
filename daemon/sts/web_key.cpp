#include "daemon/sts/web_key.hpp"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <array>

#include "crypto/secret_bytes.hpp"
#include "daemon/sts/base64url.hpp"
#include "daemon/sts/strict_json.hpp"

namespace coffer::sts {

using access::JsonKind;
using access::JsonValue;

namespace {

using BignumPtr = std::unique_ptr<BIGNUM, FreeWith<BN_free>>;
using ParamBuilder = std::unique_ptr<OSSL_PARAM_BLD, FreeWith<OSSL_PARAM_BLD_free>>;
using Params = std::unique_ptr<OSSL_PARAM, FreeWith<OSSL_PARAM_free>>;
using PkeyContext = std::unique_ptr<EVP_PKEY_CTX, FreeWith<EVP_PKEY_CTX_free>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, FreeWith<EVP_MD_CTX_free>>;
using EcdsaSignature = std::unique_ptr<ECDSA_SIG, FreeWith<ECDSA_SIG_free>>;
using PublicKey = std::unique_ptr<EVP_PKEY, FreeWith<EVP_PKEY_free>>;

constexpr std::size_t kKeyIdCharactersMax = 256;
/// Of a public exponent: with longer ones a signature costs as much as its maker likes.
constexpr int kRsaExponentBitsMax = 33;
constexpr std::size_t kEd25519Bytes = 32;

struct Curve {
    std::string_view name;  ///< RFC 7518, section 6.2.1.1
    const char* group;      ///< OpenSSL's
    std::size_t size;       ///< bytes of a coordinate
    WebKeyType type;
};
constexpr std::array<Curve, 3> kCurves{{{"P-256", "P-256", 32, WebKeyType::p256},
                                        {"P-384", "P-384", 48, WebKeyType::p384},
                                        {"P-521", "P-521", 66, WebKeyType::p521}}};

/// What a call left behind must not be taken for the next one's error.
class ErrorsCleared {
public:
    ErrorsCleared() = default;
    ~ErrorsCleared() { ERR_clear_error(); }
    ErrorsCleared(const ErrorsCleared&) = delete;
    ErrorsCleared& operator=(const ErrorsCleared&) = delete;
};

std::optional<crypto::SecretBytes> bytes_member(const JsonValue& jwk, std::string_view name) {
    const auto* value = find_member(jwk, name);
    if (value == nullptr || value->kind != JsonKind::string) return std::nullopt;
    return decode_base64url(value->text);
}

BignumPtr number_of(ByteView bytes) {
    return BignumPtr(BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr));
}

PublicKey key_from(const char* type, OSSL_PARAM_BLD& builder) {
    const Params params(OSSL_PARAM_BLD_to_param(&builder));
    const PkeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
    EVP_PKEY* key = nullptr;
    if (!params || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
        EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, params.get()) != 1) {
        return nullptr;
    }
    return PublicKey(key);
}

PublicKey rsa_key(const JsonValue& jwk) {
    const auto modulus = bytes_member(jwk, "n");
    const auto exponent = bytes_member(jwk, "e");
    if (!modulus || !exponent || modulus->size() > WebKey::kRsaBitsMax / 8 || exponent->size() > 8)
        return nullptr;
    const auto n = number_of(modulus->view());
    const auto e = number_of(exponent->view());
    if (!n || !e) return nullptr;
    const bool good = BN_num_bits(n.get()) >= WebKey::kRsaBitsMin && BN_is_odd(n.get()) == 1 &&
                      BN_is_odd(e.get()) == 1 && BN_is_one(e.get()) == 0 &&
                      BN_num_bits(e.get()) <= kRsaExponentBitsMax;
    if (!good) return nullptr;
    const ParamBuilder builder(OSSL_PARAM_BLD_new());
    if (!builder || OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) != 1 ||
        OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) != 1) {
        return nullptr;
    }
    return key_from("RSA", *builder);
}

PublicKey ec_key(const JsonValue& jwk, const Curve& curve) {
    const auto x = bytes_member(jwk, "x");
    const auto y = bytes_member(jwk, "y");
    // RFC 7518, section 6.2.1.2: as long as the field, leading zeros included.
    if (!x || !y || x->size() != curve.size || y->size() != curve.size) return nullptr;
    Bytes point{POINT_CONVERSION_UNCOMPRESSED};
    point.insert(point.end(), x->view().begin(), x->view().end());
    point.insert(point.end(), y->view().begin(), y->view().end());
    const ParamBuilder builder(OSSL_PARAM_BLD_new());
    if (!builder ||
        OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, curve.group, 0) != 1 ||
        OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                         point.size()) != 1) {
        return nullptr;
    }
    auto key = key_from("EC", *builder);
    if (!key) return nullptr;
    const PkeyContext check(EVP_PKEY_CTX_new_from_pkey(nullptr, key.get(), nullptr));
    return check && EVP_PKEY_public_check(check.get()) == 1 ? std::move(key) : nullptr;
}

PublicKey ed25519_key(const JsonValue& jwk) {
    const auto x = bytes_member(jwk, "x");
    if (!x || x->size() != kEd25519Bytes) return nullptr;
    return PublicKey(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, x->view().data(), x->size()));
}

/// Whether it is meant for verifying signatures (RFC 7517, sections 4.2 and 4.3), or nothing is said of that.
bool is_for_signatures(const JsonValue& jwk) {
    const auto use = text_member(jwk, "use");
    if (use && *use != "sig") return false;
    const auto* operations = find_member(jwk, "key_ops");
    if (operations == nullptr) return true;
    const auto texts = texts_in(*operations);
    return texts && std::ranges::find(*texts, "verify") != texts->end();
}

/// RFC 7518, section 3.4: two numbers of the same length, one behind the other; OpenSSL wants them as DER.
Bytes to_der(ByteView signature) {
    const auto half = signature.size() / 2;
    auto r = number_of(signature.first(half));
    auto s = number_of(signature.subspan(half));
    const EcdsaSignature both(ECDSA_SIG_new());
    if (!r || !s || !both || ECDSA_SIG_set0(both.get(), r.get(), s.get()) != 1) return {};
    static_cast<void>(r.release());  // both are `both`'s now
    static_cast<void>(s.release());
    const int size = i2d_ECDSA_SIG(both.get(), nullptr);
    if (size <= 0) return {};
    Bytes der(static_cast<std::size_t>(size));
    auto* at = der.data();
    return i2d_ECDSA_SIG(both.get(), &at) == size ? der : Bytes{};
}

}  // namespace

std::optional<WebKey> WebKey::read(const JsonValue& jwk) {
    const ErrorsCleared cleared;
    if (jwk.kind != JsonKind::object) return std::nullopt;
    if (find_member(jwk, "d") != nullptr) throw BadJson("one of the keys shows its private part");
    const auto type = text_member(jwk, "kty");
    if (!type || !is_for_signatures(jwk)) return std::nullopt;
    std::optional<WebKey> key;
    const auto hold = [&key](WebKeyType kind, PublicKey made) {
        if (made) key = WebKey(kind, std::move(made));
    };
    const auto curve = text_member(jwk, "crv");
    if (*type == "RSA") {
        hold(WebKeyType::rsa, rsa_key(jwk));
    } else if (*type == "EC") {
        const auto known = std::ranges::find(kCurves, curve.value_or(""), &Curve::name);
        if (known != kCurves.end()) hold(known->type, ec_key(jwk, *known));
    } else if (*type == "OKP" && curve == "Ed25519") {
        hold(WebKeyType::ed25519, ed25519_key(jwk));
    }
    if (!key) return std::nullopt;
    key->id_ = text_member(jwk, "kid").value_or("");
    if (key->id_.size() > kKeyIdCharactersMax) return std::nullopt;
    if (const auto algorithm = text_member(jwk, "alg")) {
        key->only_ = find_jws_algorithm(*algorithm);
        if (!key->only_ || key_type_of(*key->only_) != key->type_) return std::nullopt;
    }
    return key;
}

bool WebKey::suits(JwsAlgorithm algorithm) const noexcept {
    return key_type_of(algorithm) == type_ && (!only_ || *only_ == algorithm);
}

bool WebKey::verifies(JwsAlgorithm algorithm, std::string_view message, ByteView signature) const {
    const ErrorsCleared cleared;
    if (!suits(algorithm)) return false;
    Bytes der;
    const auto curve = std::ranges::find(kCurves, type_, &Curve::type);
    if (curve != kCurves.end()) {
        if (signature.size() != 2 * curve->size) return false;
        der = to_der(signature);
        signature = der;
    }
    const DigestContext context(EVP_MD_CTX_new());
    EVP_PKEY_CTX* parameters = nullptr;  // the digest context's own
    if (!context || EVP_DigestVerifyInit_ex(context.get(), &parameters, digest_of(algorithm), nullptr,
                                            nullptr, key_.get(), nullptr) != 1) {
        return false;
    }
    // RFC 7518, section 3.5: the salt is as long as the digest, and MGF1 uses the same one.
    if (is_pss(algorithm) && (EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING) != 1 ||
                              EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, RSA_PSS_SALTLEN_DIGEST) != 1)) {
        return false;
    }
    const auto bytes = as_bytes(message);
    return EVP_DigestVerify(context.get(), signature.data(), signature.size(), bytes.data(), bytes.size()) ==
           1;
}

}  // namespace coffer::sts
