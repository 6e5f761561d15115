#include "daemon/checkpoint_signer.hpp"

#include <algorithm>
#include <chrono>

namespace coffer::daemon {

namespace {

/// Short: closing the journal waits for a signature.
constexpr std::chrono::seconds kSigningPatience{5};

audit::SigningKey to_signing_key(const crypto::AuditKeyInfo& key) {
    return audit::signing_key(key.generation, key.public_key);
}

}  // namespace

CheckpointSigner::CheckpointSigner(crypto::Hsm& hsm) : hsm_(hsm) {
    static_cast<void>(newest());
}

audit::SigningKey CheckpointSigner::newest() const {
    const auto generations = hsm_.audit_key().generations();
    if (generations.empty())
        throw Error("the token holds no audit key (coffer/audit/1): run coffer-hsm init");
    return to_signing_key(generations.back());
}

std::optional<audit::SigningKey> CheckpointSigner::find(std::uint32_t generation) const {
    const auto generations = hsm_.audit_key().generations();
    const auto found = std::ranges::find(generations, generation, &crypto::AuditKeyInfo::generation);
    if (found == generations.end()) return std::nullopt;
    return to_signing_key(*found);
}

audit::EcdsaSignature CheckpointSigner::sign(std::uint32_t generation, const audit::Digest& digest) {
    return wait_for<crypto::P256Signature>([&](Completion<crypto::P256Signature> done) {
        hsm_.audit_key().sign(generation, digest,
                              {Priority::write, std::chrono::steady_clock::now() + kSigningPatience},
                              std::move(done));
    });
}

}  // namespace coffer::daemon
