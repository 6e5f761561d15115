#pragma once
// Audit checkpoints, signed with the token's audit key.

#include <string>

#include "crypto/hsm.hpp"
#include "daemon/audit/checkpoint.hpp"

namespace coffer::daemon {

class CheckpointSigner final : public audit::CheckpointSigner {
public:
    /// Reads the public key, which blocks for a few seconds at most. `hsm` must outlive it. Throws Error when
    /// the token has no audit key.
    explicit CheckpointSigner(crypto::Hsm& hsm);

    [[nodiscard]] audit::Digest key_id() const override { return key_id_; }
    [[nodiscard]] audit::EcdsaSignature sign(const audit::Digest& digest) override;

private:
    crypto::Hsm& hsm_;
    const audit::Digest key_id_;
};

}  // namespace coffer::daemon
