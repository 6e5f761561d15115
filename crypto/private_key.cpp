#include "crypto/private_key.hpp"

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "crypto/hsm_impl.hpp"
#include "crypto/private_file.hpp"
#include "crypto/token_signer.hpp"

namespace coffer::crypto {

namespace {

constexpr std::size_t kPemBytesMax = 64 * 1024;

/// A PEM file with a passphrase is refused: nobody is there to type it.
int no_passphrase(char*, int, int, void*) {
    return 0;
}

/// DER of a public key (SubjectPublicKeyInfo): comparable whatever library holds the key.
Bytes public_der(const EVP_PKEY* key) {
    const int size = i2d_PUBKEY(key, nullptr);
    if (size <= 0) throw Error("OpenSSL cannot encode the public key");
    Bytes out(static_cast<std::size_t>(size));
    auto* at = out.data();
    (void)i2d_PUBKEY(key, &at);
    return out;
}

}  // namespace

EvpPkeyPtr private_key_from_token(Hsm& hsm, const std::string& key_uri, X509* certificate) {
    auto uri = TokenUri::parse(key_uri);
    if (uri.object_label().empty() && uri.object_id().empty()) {
        throw Error(fmt::format("the URI \"{}\" names no key: give object= or id=", key_uri));
    }
    auto& impl = hsm.impl();
    auto key = impl.token().signer(impl.executor(), std::move(uri))->openssl_key();
    if (public_der(key.get()) != public_der(X509_get0_pubkey(certificate))) {
        throw Error(fmt::format("the certificate is not that of the key \"{}\" in the token", key_uri));
    }
    return key;
}

EvpPkeyPtr private_key_from_pem(const std::filesystem::path& file) {
    const SecretBytes content = read_private_file(file, "key file", kPemBytesMax);
    const std::unique_ptr<BIO, decltype(&BIO_free)> bio(
        BIO_new_mem_buf(content.view().data(), static_cast<int>(content.size())), BIO_free);
    EvpPkeyPtr key(bio ? PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr) : nullptr);
    ERR_clear_error();
    if (!key) {
        throw Error(
            fmt::format("the key file {} holds no PEM private key without a passphrase", file.string()));
    }
    return key;
}

}  // namespace coffer::crypto
