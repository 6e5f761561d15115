#pragma once
// Audit checkpoints, signed with the token's audit key.

#include "crypto/hsm.hpp"
#include "daemon/audit/checkpoint.hpp"

namespace coffer::daemon {

class CheckpointSigner final : public audit::CheckpointSigner {
public:
    /// `hsm` must outlive it. Makes a signature for trial. Throws Error when the token has no audit key,
    /// or one that does not sign.
    explicit CheckpointSigner(crypto::Hsm& hsm);

    [[nodiscard]] audit::SigningKey newest() const override;
    [[nodiscard]] std::optional<audit::SigningKey> find(std::uint32_t generation) const override;
    [[nodiscard]] audit::EcdsaSignature sign(std::uint32_t generation, const audit::Digest& digest) override;

private:
    crypto::Hsm& hsm_;
};

}  // namespace coffer::daemon
