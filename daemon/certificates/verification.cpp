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

void require_chain(const X509* certificate, const Chain& chain, const Chain& trusted, Timestamp now) {
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
    X509_STORE_CTX_set_time(context.get(), 0, static_cast<time_t>(now.millis() / 1000));
    const bool good = X509_verify_cert(context.get()) == 1;
    ERR_clear_error();
    if (good) return;
    throw CertificateError(
        std::string("the certificate does not lead to an authority that is trusted for it: ") +
        X509_verify_cert_error_string(X509_STORE_CTX_get_error(context.get())));
}

void require_usages(const X509* certificate, const Usages& usages) {
    const auto extended = X509_get_extended_key_usage(const_cast<X509*>(certificate));
    if ((usages.server && (extended & XKU_SSL_SERVER) == 0) ||
        (usages.client && (extended & XKU_SSL_CLIENT) == 0)) {
        throw CertificateError("the certificate's extendedKeyUsage lacks a use that was asked for");
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
    require_chain(certificate, chain, trusted, expected.now);
}

}  // namespace coffer::certificates
