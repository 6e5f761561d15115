#include "daemon/checkpoint_signer.hpp"

#include <algorithm>
#include <chrono>

#include "crypto/key_names.hpp"
#include "daemon/audit/checkpoint_keys.hpp"

namespace coffer::daemon {

namespace {

/// Short: closing the journal waits for a signature.
constexpr std::chrono::seconds kSigningPatience{5};

audit::SigningKey to_signing_key(const crypto::AuditKeyInfo& key) {
    return audit::signing_key(key.generation, key.public_key);
}

}  // namespace

CheckpointSigner::CheckpointSigner(crypto::Hsm& hsm) : hsm_(hsm) {
    const auto key = newest();
    // Of no journal. What only shows at the first checkpoint leaves a journal that nobody signs.
    audit::Checkpoint trial;
    trial.node = "a signature for trial";
    trial.signer = key.name;
    const auto name = crypto::audit_key_label(key.name.generation);
    try {
        trial.signature = sign(key.name.generation, audit::signed_digest(trial));
    } catch (const Error& error) {
        throw Error("the token's audit key (" + name +
                    ") does not sign, and no journal is kept without: " + error.what());
    }
    audit::CheckpointKeys keys;
    keys.add(key);
    if (keys.verify(trial)) return;
    throw Error(
        "what the token's audit key (" + name +
        ") signs is not good by its public key: the two are not one pair. Put back the right one from "
        "the token's backup");
}

audit::SigningKey CheckpointSigner::newest() const {
    const auto generations = hsm_.audit_key().generations();
    if (generations.empty()) throw crypto::KeysMissing("audit key (coffer/audit/1)");
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
