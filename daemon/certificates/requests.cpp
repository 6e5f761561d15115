#include "daemon/certificates/requests.hpp"

namespace coffer::certificates {

namespace {

using ExtensionsPtr = std::unique_ptr<STACK_OF(X509_EXTENSION), decltype([](STACK_OF(X509_EXTENSION) * all) {
                                          sk_X509_EXTENSION_pop_free(all, X509_EXTENSION_free);
                                      })>;

void push(const ExtensionsPtr& all, ExtensionPtr extension) {
    if (!extension) return;
    require(all && sk_X509_EXTENSION_push(all.get(), extension.get()) > 0, "an extension cannot be written");
    static_cast<void>(extension.release());
}

RequestPtr signed_request(EVP_PKEY* key, const X509_NAME* subject, const ExtensionsPtr& extensions) {
    RequestPtr request(X509_REQ_new());
    require(request && X509_REQ_set_version(request.get(), X509_REQ_VERSION_1) == 1 &&
                X509_REQ_set_subject_name(request.get(), const_cast<X509_NAME*>(subject)) == 1 &&
                X509_REQ_set_pubkey(request.get(), key) == 1 &&
                X509_REQ_add_extensions(request.get(), extensions.get()) == 1,
            "the certification request cannot be written");
    require(X509_REQ_sign(request.get(), key, digest_for(key)) > 0,
            "the certification request cannot be signed");
    return request;
}

}  // namespace

RequestPtr make_request(EVP_PKEY* key, const SubjectNames& names, const Usages& usages) {
    const ExtensionsPtr extensions(sk_X509_EXTENSION_new_null());
    push(extensions, alternative_names(names));
    push(extensions, key_usage_for(key));
    push(extensions, extended_key_usage(usages));
    return signed_request(key, subject_of(names).get(), extensions);
}

RequestPtr make_ca_request(EVP_PKEY* key, const X509_NAME* subject) {
    const ExtensionsPtr extensions(sk_X509_EXTENSION_new_null());
    push(extensions, issuing_ca());
    push(extensions, ca_key_usage());
    push(extensions, subject_key_identifier(key));
    return signed_request(key, subject, extensions);
}

}  // namespace coffer::certificates
