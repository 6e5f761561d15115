// OpenSSL 3 has a provider interface for foreign keys, but libp11 0.4 speaks the older key methods, so does
// what wraps it.
#define OPENSSL_SUPPRESS_DEPRECATED

#include "crypto/token_signer.hpp"

#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

#include <chrono>

#include "crypto/token.hpp"
#include "daemon/base/outcome.hpp"

namespace coffer::crypto {

namespace {

using SignerPtr = std::shared_ptr<TokenSigner>;

/// OpenSSL destroys a key's extra data through this.
void free_signer(void*, void* data, CRYPTO_EX_DATA*, int, long, void*) {
    const std::unique_ptr<SignerPtr> signer(static_cast<SignerPtr*>(data));
}

// ---- EC

int ec_signer_index() {
    static const int kIndex = EC_KEY_get_ex_new_index(0, nullptr, nullptr, nullptr, free_signer);
    return kIndex;
}

ECDSA_SIG* ec_sign(const unsigned char* digest, int size, const BIGNUM*, const BIGNUM*, EC_KEY* key) {
    auto* signer = static_cast<SignerPtr*>(EC_KEY_get_ex_data(key, ec_signer_index()));
    if (signer == nullptr) return nullptr;
    ECDSA_SIG* signature = nullptr;  // OpenSSL's caller owns it
    (void)(*signer)->sign([&](EVP_PKEY* inner) {
        signature = ECDSA_do_sign(digest, size, const_cast<EC_KEY*>(EVP_PKEY_get0_EC_KEY(inner)));
        return signature != nullptr;
    });
    return signature;
}

using EcMethodPtr = std::unique_ptr<EC_KEY_METHOD, decltype(&EC_KEY_METHOD_free)>;

EcMethodPtr make_ec_method() {
    EcMethodPtr method(EC_KEY_METHOD_new(EC_KEY_OpenSSL()), EC_KEY_METHOD_free);
    int (*sign)(int, const unsigned char*, int, unsigned char*, unsigned int*, const BIGNUM*, const BIGNUM*,
                EC_KEY*) = nullptr;
    int (*setup)(EC_KEY*, BN_CTX*, BIGNUM**, BIGNUM**) = nullptr;
    EC_KEY_METHOD_get_sign(method.get(), &sign, &setup, nullptr);
    EC_KEY_METHOD_set_sign(method.get(), sign, setup, ec_sign);
    return method;
}

bool wrap_ec(const EVP_PKEY* inner, const SignerPtr& signer, EVP_PKEY* outer) {
    static const EcMethodPtr kMethod = make_ec_method();
    const EC_KEY* from = EVP_PKEY_get0_EC_KEY(inner);
    const std::unique_ptr<EC_KEY, decltype(&EC_KEY_free)> key(EC_KEY_new(), EC_KEY_free);
    auto data = std::make_unique<SignerPtr>(signer);
    if (!key || EC_KEY_set_group(key.get(), EC_KEY_get0_group(from)) != 1 ||
        EC_KEY_set_public_key(key.get(), EC_KEY_get0_public_key(from)) != 1 ||
        EC_KEY_set_method(key.get(), kMethod.get()) != 1 ||
        EC_KEY_set_ex_data(key.get(), ec_signer_index(), data.get()) != 1) {
        return false;
    }
    (void)data.release();  // the key's now
    return EVP_PKEY_set1_EC_KEY(outer, key.get()) == 1;
}

// ---- RSA

int rsa_signer_index() {
    static const int kIndex = RSA_get_ex_new_index(0, nullptr, nullptr, nullptr, free_signer);
    return kIndex;
}

int rsa_sign(int size, const unsigned char* from, unsigned char* to, RSA* key, int padding) {
    auto* signer = static_cast<SignerPtr*>(RSA_get_ex_data(key, rsa_signer_index()));
    if (signer == nullptr) return -1;
    int written = -1;
    (void)(*signer)->sign([&](EVP_PKEY* inner) {
        written = RSA_private_encrypt(size, from, to, const_cast<RSA*>(EVP_PKEY_get0_RSA(inner)), padding);
        return written > 0;
    });
    return written;
}

using RsaMethodPtr = std::unique_ptr<RSA_METHOD, decltype(&RSA_meth_free)>;

RsaMethodPtr make_rsa_method() {
    RsaMethodPtr method(RSA_meth_dup(RSA_get_default_method()), RSA_meth_free);
    RSA_meth_set1_name(method.get(), "coffer token");
    RSA_meth_set_priv_enc(method.get(), rsa_sign);
    return method;
}

bool wrap_rsa(const EVP_PKEY* inner, const SignerPtr& signer, EVP_PKEY* outer) {
    static const RsaMethodPtr kMethod = make_rsa_method();
    const RSA* from = EVP_PKEY_get0_RSA(inner);
    const std::unique_ptr<RSA, decltype(&RSA_free)> key(RSA_new(), RSA_free);
    auto data = std::make_unique<SignerPtr>(signer);
    using BigNumber = std::unique_ptr<BIGNUM, decltype(&BN_free)>;
    BigNumber n(BN_dup(RSA_get0_n(from)), BN_free);
    BigNumber e(BN_dup(RSA_get0_e(from)), BN_free);
    if (!key || !n || !e || RSA_set0_key(key.get(), n.get(), e.get(), nullptr) != 1) return false;
    (void)n.release();
    (void)e.release();
    if (RSA_set_method(key.get(), kMethod.get()) != 1 ||
        RSA_set_ex_data(key.get(), rsa_signer_index(), data.get()) != 1) {
        return false;
    }
    (void)data.release();
    return EVP_PKEY_set1_RSA(outer, key.get()) == 1;
}

}  // namespace

EvpPkeyPtr TokenSigner::openssl_key() {
    const std::shared_lock open(open_mutex_);
    if (token_ == nullptr) throw Unavailable("the token is closed");
    const auto lock = token_->lock_module();
    const auto from = inner();
    EvpPkeyPtr outer(EVP_PKEY_new());
    bool wrapped = false;
    if (outer && EVP_PKEY_base_id(from.get()) == EVP_PKEY_EC) {
        wrapped = wrap_ec(from.get(), shared_from_this(), outer.get());
    } else if (outer && EVP_PKEY_base_id(from.get()) == EVP_PKEY_RSA) {
        wrapped = wrap_rsa(from.get(), shared_from_this(), outer.get());
    }
    if (!wrapped)
        throw Error("the private key in the token is neither an EC nor an RSA key that OpenSSL takes");
    return outer;
}

EvpPkeyPtr TokenSigner::inner() {
    const std::lock_guard lock(inner_mutex_);
    if (!inner_) inner_ = token_->libp11_key(uri_);
    EVP_PKEY_up_ref(inner_.get());
    return EvpPkeyPtr(inner_.get());
}

bool TokenSigner::try_once(const std::function<bool(EVP_PKEY*)>& use) {
    const auto lock = token_->lock_module();
    const auto key = inner();
    return use(key.get());
}

bool TokenSigner::sign(const std::function<bool(EVP_PKEY*)>& use) noexcept {
    try {
        const std::shared_lock open(open_mutex_);
        if (token_ == nullptr) return false;
        const auto epoch = executor_->status().epoch;
        try {
            if (try_once(use)) return true;
        } catch (const Error&) {  // the key could not be found again: the token is away
        }
        recover(epoch);
        return try_once(use);
    } catch (const std::exception&) {
        return false;  // OpenSSL's own error is on its queue
    }
}

void TokenSigner::recover(std::uint64_t seen_epoch) {
    {
        const auto lock = token_->lock_module();
        drop();
    }
    if (executor_->status().epoch != seen_epoch) return;
    // Two failures in a row of one job: the executor does not trust a probe any more then (executor.hpp).
    auto failures = std::make_shared<int>(2);
    const JobOptions options{.priority = Priority::read,
                             .deadline = std::chrono::steady_clock::now() + patience_};
    (void)wait_for<Done>([&](Completion<Done> completion) {
        executor_->submit(make_job<Done>(options, std::move(completion), [failures](HsmContext&) {
            if ((*failures)-- > 0) throw Pkcs11Error("C_Sign", CKR_USER_NOT_LOGGED_IN);
            return Done{};
        }));
    });
}

void TokenSigner::drop() noexcept {
    const std::lock_guard lock(inner_mutex_);
    inner_.reset();
}

void TokenSigner::close() noexcept {
    const std::unique_lock closing(open_mutex_);
    drop();
    token_ = nullptr;
}

}  // namespace coffer::crypto
