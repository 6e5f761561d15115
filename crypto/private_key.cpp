#include "crypto/private_key.hpp"

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "crypto/hsm_impl.hpp"
#include "crypto/private_file.hpp"
#include "crypto/token_signer.hpp"
#include "daemon/base/free_with.hpp"

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

std::string_view what_is_signed(KeyPurpose purpose) {
    return purpose == KeyPurpose::tls ? "TLS handshakes" : "certificates and revocation lists";
}

/// EC keys sign with CKM_ECDSA. libp11 sends what OpenSSL has padded (PSS) as CKM_RSA_X_509.
SigningMechanism mechanism_of(const EVP_PKEY* key, KeyPurpose purpose) {
    if (EVP_PKEY_base_id(key) == EVP_PKEY_EC) return {CKM_ECDSA, "CKM_ECDSA"};
    if (purpose == KeyPurpose::tls) return {CKM_RSA_X_509, "CKM_RSA_X_509"};
    return {CKM_RSA_PKCS, "CKM_RSA_PKCS"};
}

using DigestContext = std::unique_ptr<EVP_MD_CTX, FreeWith<EVP_MD_CTX_free>>;

bool pad_for(EVP_PKEY_CTX* context, const EVP_PKEY* key, KeyPurpose purpose) {
    if (EVP_PKEY_base_id(key) != EVP_PKEY_RSA || purpose != KeyPurpose::tls) return true;
    return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) > 0 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) > 0;
}

/// A mechanism that is listed, and an object that is found, are no proof that the key may be used.
bool signs(EVP_PKEY* key, EVP_PKEY* public_key, KeyPurpose purpose) {
    const Bytes text(as_bytes("coffer: a signature for trial").begin(),
                     as_bytes("coffer: a signature for trial").end());
    const DigestContext signing(EVP_MD_CTX_new());
    const DigestContext verifying(EVP_MD_CTX_new());
    EVP_PKEY_CTX* context = nullptr;  // the digest context's
    if (!signing || !verifying ||
        EVP_DigestSignInit(signing.get(), &context, EVP_sha256(), nullptr, key) != 1 ||
        !pad_for(context, key, purpose)) {
        return false;
    }
    std::size_t size = 0;
    if (EVP_DigestSign(signing.get(), nullptr, &size, text.data(), text.size()) != 1) return false;
    Bytes signature(size);
    if (EVP_DigestSign(signing.get(), signature.data(), &size, text.data(), text.size()) != 1) return false;
    return EVP_DigestVerifyInit(verifying.get(), &context, EVP_sha256(), nullptr, public_key) == 1 &&
           pad_for(context, public_key, purpose) &&
           EVP_DigestVerify(verifying.get(), signature.data(), size, text.data(), text.size()) == 1;
}

}  // namespace

EvpPkeyPtr private_key_from_token(Hsm& hsm, const std::string& key_uri, X509* certificate,
                                  KeyPurpose purpose) {
    auto uri = TokenUri::parse_key(key_uri);
    auto& impl = hsm.impl();
    auto key = impl.token().signer(impl.executor(), std::move(uri))->openssl_key();
    if (public_der(key.get()) != public_der(X509_get0_pubkey(certificate))) {
        throw Error(fmt::format("the certificate is not that of the key \"{}\" in the token", key_uri));
    }
    const auto mechanism = mechanism_of(key.get(), purpose);
    impl.token().require_signing(mechanism,
                                 fmt::format("{} with the key \"{}\"", what_is_signed(purpose), key_uri));
    ERR_clear_error();
    const bool good = signs(key.get(), X509_get0_pubkey(certificate), purpose);
    ERR_clear_error();
    if (!good) {
        throw Error(
            fmt::format("the key \"{}\" in the token does not sign {} by {}, although the token lists the "
                        "mechanism: look "
                        "at the key's CKA_SIGN and at the token's policy",
                        key_uri, what_is_signed(purpose), mechanism.name));
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
