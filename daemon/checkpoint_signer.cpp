#include "daemon/checkpoint_signer.hpp"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <chrono>
#include <memory>

#include "daemon/base/free_with.hpp"

namespace coffer::daemon {

namespace {

/// Short: closing the journal waits for a signature.
constexpr std::chrono::seconds kSigningPatience{5};

JobOptions patient() {
    return {Priority::write, std::chrono::steady_clock::now() + kSigningPatience};
}

audit::Digest read_key_id(crypto::Hsm& hsm) {
    const auto pem = wait_for<std::string>(
        [&](Completion<std::string> done) { hsm.audit_key().public_key(patient(), std::move(done)); });
    const std::unique_ptr<BIO, FreeWith<BIO_free>> in(
        BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    const std::unique_ptr<EVP_PKEY, FreeWith<EVP_PKEY_free>> key(
        PEM_read_bio_PUBKEY(in.get(), nullptr, nullptr, nullptr));
    if (!key) throw Error("the token's audit key cannot be read back from PEM");
    return audit::key_id_of(key.get());
}

}  // namespace

CheckpointSigner::CheckpointSigner(crypto::Hsm& hsm) : hsm_(hsm), key_id_(read_key_id(hsm)) {}

audit::EcdsaSignature CheckpointSigner::sign(const audit::Digest& digest) {
    return wait_for<crypto::P256Signature>([&](Completion<crypto::P256Signature> done) {
        hsm_.audit_key().sign(digest, patient(), std::move(done));
    });
}

}  // namespace coffer::daemon
