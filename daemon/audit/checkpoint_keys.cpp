#include "daemon/audit/checkpoint_keys.hpp"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>

#include <algorithm>

#include "daemon/base/free_with.hpp"

namespace coffer::audit {

namespace {

constexpr std::size_t kHalf = 32;

using KeyContextPtr = std::unique_ptr<EVP_PKEY_CTX, FreeWith<EVP_PKEY_CTX_free>>;
using EcdsaPtr = std::unique_ptr<ECDSA_SIG, FreeWith<ECDSA_SIG_free>>;
using BignumPtr = std::unique_ptr<BIGNUM, FreeWith<BN_free>>;

/// The signature as OpenSSL wants it: DER. Empty when it cannot be made.
Bytes to_der(const EcdsaSignature& raw) {
    const EcdsaPtr signature(ECDSA_SIG_new());
    BignumPtr r(BN_bin2bn(raw.data(), kHalf, nullptr));
    BignumPtr s(BN_bin2bn(raw.data() + kHalf, kHalf, nullptr));
    if (!signature || !r || !s || ECDSA_SIG_set0(signature.get(), r.get(), s.get()) != 1) return {};
    (void)r.release();  // the signature's now
    (void)s.release();
    const int size = i2d_ECDSA_SIG(signature.get(), nullptr);
    if (size <= 0) return {};
    Bytes der(static_cast<std::size_t>(size));
    auto* at = der.data();
    (void)i2d_ECDSA_SIG(signature.get(), &at);
    return der;
}

}  // namespace

void CheckpointKeys::add_pem(std::string_view pem) {
    for (auto& key : public_keys_of_pem(pem)) {
        const auto id = key_id_of(key.get());
        keys_.push_back({id, std::move(key)});
    }
}

void CheckpointKeys::add(const SigningKey& key) {
    if (has(key.name.id)) return;
    keys_.push_back({key.name.id, public_key_of_der(key.public_key)});
}

bool CheckpointKeys::has(const Digest& key_id) const noexcept {
    return std::any_of(keys_.begin(), keys_.end(), [&](const Key& key) { return key.id == key_id; });
}

bool CheckpointKeys::verify(const Checkpoint& checkpoint) const {
    const auto found = std::find_if(keys_.begin(), keys_.end(),
                                    [&](const Key& key) { return key.id == checkpoint.signer.id; });
    if (found == keys_.end()) return false;
    const auto digest = signed_digest(checkpoint);
    const auto der = to_der(checkpoint.signature);
    const KeyContextPtr context(EVP_PKEY_CTX_new(found->key.get(), nullptr));
    return context && !der.empty() && EVP_PKEY_verify_init(context.get()) == 1 &&
           EVP_PKEY_verify(context.get(), der.data(), der.size(), digest.data(), digest.size()) == 1;
}

}  // namespace coffer::audit
