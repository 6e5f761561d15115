#include "daemon/certificates/extensions.hpp"

#include <openssl/err.h>

#include <array>

namespace coffer::certificates {

namespace {

/// In OpenSSL's notation for constant values ("critical,CA:FALSE").
ExtensionPtr written_out(int nid, const char* value) {
    ExtensionPtr made(X509V3_EXT_nconf_nid(nullptr, nullptr, nid, value));
    require(made != nullptr, "an extension cannot be written");
    return made;
}

ExtensionPtr encoded(int nid, void* value) {
    ExtensionPtr made(X509V3_EXT_i2d(nid, 0, value));
    require(made != nullptr, "an extension cannot be written");
    return made;
}

using KeyIdPtr = std::unique_ptr<AUTHORITY_KEYID, FreeWith<AUTHORITY_KEYID_free>>;
using PointsPtr = std::unique_ptr<CRL_DIST_POINTS, FreeWith<CRL_DIST_POINTS_free>>;
using PointPtr = std::unique_ptr<DIST_POINT, FreeWith<DIST_POINT_free>>;

}  // namespace

ExtensionPtr not_a_ca() {
    return written_out(NID_basic_constraints, "critical,CA:FALSE");
}

ExtensionPtr issuing_ca() {
    return written_out(NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
}

ExtensionPtr ca_key_usage() {
    return written_out(NID_key_usage, "critical,keyCertSign,cRLSign");
}

ExtensionPtr key_usage_for(const EVP_PKEY* key) {
    return written_out(NID_key_usage, EVP_PKEY_base_id(key) == EVP_PKEY_RSA
                                          ? "critical,digitalSignature,keyEncipherment"
                                          : "critical,digitalSignature");
}

ExtensionPtr extended_key_usage(const Usages& usages) {
    if (usages.server && usages.client) return written_out(NID_ext_key_usage, "serverAuth,clientAuth");
    return written_out(NID_ext_key_usage, usages.server ? "serverAuth" : "clientAuth");
}

ExtensionPtr subject_key_identifier(const EVP_PKEY* key) {
    X509_PUBKEY* raw = nullptr;
    require(X509_PUBKEY_set(&raw, const_cast<EVP_PKEY*>(key)) == 1, "the public key cannot be written");
    const std::unique_ptr<X509_PUBKEY, FreeWith<X509_PUBKEY_free>> encoded_key(raw);
    const unsigned char* bits = nullptr;
    int size = 0;
    require(X509_PUBKEY_get0_param(nullptr, &bits, &size, nullptr, encoded_key.get()) == 1,
            "the public key cannot be written");
    std::array<unsigned char, EVP_MAX_MD_SIZE> hash{};
    unsigned hash_size = 0;
    require(
        EVP_Digest(bits, static_cast<std::size_t>(size), hash.data(), &hash_size, EVP_sha1(), nullptr) == 1,
        "SHA-1 is not there");
    const OctetsPtr id(ASN1_OCTET_STRING_new());
    require(id && ASN1_OCTET_STRING_set(id.get(), hash.data(), static_cast<int>(hash_size)) == 1,
            "an extension cannot be written");
    return encoded(NID_subject_key_identifier, id.get());
}

ExtensionPtr authority_key_identifier(const X509* issuer) {
    const auto* id = X509_get0_subject_key_id(const_cast<X509*>(issuer));
    if (id == nullptr) return nullptr;
    const KeyIdPtr key_id(AUTHORITY_KEYID_new());
    require(key_id != nullptr, "an extension cannot be written");
    key_id->keyid = ASN1_OCTET_STRING_dup(id);
    require(key_id->keyid != nullptr, "an extension cannot be written");
    return encoded(NID_authority_key_identifier, key_id.get());
}

ExtensionPtr distribution_point(const std::string& url) {
    const PointsPtr points(CRL_DIST_POINTS_new());
    PointPtr point(DIST_POINT_new());
    std::unique_ptr<GENERAL_NAMES, FreeWith<GENERAL_NAMES_free>> names(GENERAL_NAMES_new());
    std::unique_ptr<GENERAL_NAME, FreeWith<GENERAL_NAME_free>> name(GENERAL_NAME_new());
    require(points && point && names && name, "an extension cannot be written");
    auto* text = ASN1_IA5STRING_new();
    require(text != nullptr, "an extension cannot be written");
    GENERAL_NAME_set0_value(name.get(), GEN_URI, text);
    require(ASN1_STRING_set(text, url.data(), static_cast<int>(url.size())) == 1 &&
                sk_GENERAL_NAME_push(names.get(), name.get()) > 0,
            "an extension cannot be written");
    static_cast<void>(name.release());
    point->distpoint = DIST_POINT_NAME_new();
    require(point->distpoint != nullptr, "an extension cannot be written");
    point->distpoint->type = 0;  // fullName
    point->distpoint->name.fullname = names.release();
    require(sk_DIST_POINT_push(points.get(), point.get()) > 0, "an extension cannot be written");
    static_cast<void>(point.release());
    return encoded(NID_crl_distribution_points, points.get());
}

bool is_ca(const X509* certificate) {
    const auto flags = X509_get_extension_flags(const_cast<X509*>(certificate));
    ERR_clear_error();
    return (flags & EXFLAG_CA) != 0 && (flags & EXFLAG_INVALID) == 0;
}

bool may_sign_certificates_and_lists(const X509* certificate) {
    constexpr std::uint32_t kNeeded = KU_KEY_CERT_SIGN | KU_CRL_SIGN;
    // All bits are set where there is no such extension: RFC 5280, 4.2.1.3, wants one of a CA.
    const auto usage = X509_get_key_usage(const_cast<X509*>(certificate));
    return usage != UINT32_MAX && (usage & kNeeded) == kNeeded;
}

}  // namespace coffer::certificates
