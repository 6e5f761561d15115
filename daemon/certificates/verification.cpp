#include "daemon/certificates/verification.hpp"

#include <openssl/err.h>
#include <openssl/x509_vfy.h>

#include <string>

#include "daemon/certificates/key_pair.hpp"

namespace coffer::certificates {

namespace {

using StorePtr = std::unique_ptr<X509_STORE, FreeWith<X509_STORE_free>>;
using StoreContextPtr = std::unique_ptr<X509_STORE_CTX, FreeWith<X509_STORE_CTX_free>>;
/// Of certificates that others own.
using StackPtr = std::unique_ptr<STACK_OF(X509), decltype([](STACK_OF(X509) * all) { sk_X509_free(all); })>;

/// OpenSSL's level 2: keys and hashes of 112 bits of security at least (NIST SP 800-57 part 1, table 2): RSA
/// of 2048 bits, no SHA-1.
constexpr int kSecurityLevel = 2;

void require_chain(const X509* certificate, const Chain& chain, const Chain& trusted, Timestamp now,
                   int purpose) {
    const StorePtr store(X509_STORE_new());
    const StoreContextPtr context(X509_STORE_CTX_new());
    const StackPtr untrusted(sk_X509_new_null());
    require(store && context && untrusted, "the chain cannot be looked at");
    for (const auto& anchor : trusted) {
        require(X509_STORE_add_cert(store.get(), anchor.get()) == 1, "the chain cannot be looked at");
    }
    for (const auto& link : chain) {
        require(sk_X509_push(untrusted.get(), link.get()) > 0, "the chain cannot be looked at");
    }
    require(
        X509_STORE_CTX_init(context.get(), store.get(), const_cast<X509*>(certificate), untrusted.get()) == 1,
        "the chain cannot be looked at");
    // An intermediate that is trusted by itself is enough: the root need not be here.
    X509_STORE_CTX_set_flags(context.get(), X509_V_FLAG_PARTIAL_CHAIN);
    X509_VERIFY_PARAM_set_auth_level(X509_STORE_CTX_get0_param(context.get()), kSecurityLevel);
    require(X509_STORE_CTX_set_purpose(context.get(), purpose) == 1, "the chain cannot be looked at");
    X509_STORE_CTX_set_time(context.get(), 0, static_cast<time_t>(now.millis() / 1000));
    const bool good = X509_verify_cert(context.get()) == 1;
    ERR_clear_error();
    if (good) return;
    throw CertificateError(
        std::string("the certificate does not lead to an authority that is trusted for it: ") +
        X509_verify_cert_error_string(X509_STORE_CTX_get_error(context.get())));
}

using UsesPtr = std::unique_ptr<EXTENDED_KEY_USAGE, FreeWith<EXTENDED_KEY_USAGE_free>>;

void require_usages(const X509* certificate, const Usages& usages) {
    const UsesPtr uses(
        static_cast<EXTENDED_KEY_USAGE*>(X509_get_ext_d2i(certificate, NID_ext_key_usage, nullptr, nullptr)));
    ERR_clear_error();
    Usages found{.server = false, .client = false};
    for (int i = 0; uses && i < sk_ASN1_OBJECT_num(uses.get()); ++i) {
        const int use = OBJ_obj2nid(sk_ASN1_OBJECT_value(uses.get(), i));
        if (use != NID_server_auth && use != NID_client_auth) {
            throw CertificateError("the certificate's extendedKeyUsage has a use that was not asked for");
        }
        (use == NID_server_auth ? found.server : found.client) = true;
    }
    if (found.server != usages.server || found.client != usages.client) {
        throw CertificateError(
            "the certificate's extendedKeyUsage is not what was asked for: the function's usages");
    }
}

}  // namespace

void require_as_expected(const X509* certificate, const EVP_PKEY* key, const Chain& chain,
                         const Chain& trusted, const Expectation& expected) {
    if (!belongs_to(key, certificate)) {
        throw CertificateError("the certificate is not one of the private key beside it");
    }
    if (is_ca(certificate)) throw CertificateError("the certificate is a CA's");
    if (const auto names = names_of(certificate); !(names == expected.names)) {
        throw CertificateError("the certificate is for other names (" + text_of(names) +
                               ") than those asked for (" + text_of(expected.names) + ")");
    }
    require_usages(certificate, expected.usages);
    const auto validity = validity_of(certificate);
    if (validity.not_before > expected.now || validity.not_after <= expected.now) {
        throw CertificateError("the certificate is good from " + rfc3339(validity.not_before) + " to " +
                               rfc3339(validity.not_after) + ", and not now");
    }
    if (expected.earliest_end && validity.not_after < *expected.earliest_end) {
        throw CertificateError("the certificate ends too early, at " + rfc3339(validity.not_after));
    }
    if (expected.latest_end && validity.not_after > *expected.latest_end) {
        throw CertificateError("the certificate ends too late, at " + rfc3339(validity.not_after));
    }
    if (expected.usages.server) {
        require_chain(certificate, chain, trusted, expected.now, X509_PURPOSE_SSL_SERVER);
    }
    if (expected.usages.client) {
        require_chain(certificate, chain, trusted, expected.now, X509_PURPOSE_SSL_CLIENT);
    }
}

}  // namespace coffer::certificates
