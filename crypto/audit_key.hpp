#pragma once
// The EC P-256 key that signs audit checkpoints, in its generations: signing goes through the executor like
// all work of the token, and the public halves can be had in PEM, for whoever verifies without a token.

#include <array>
#include <cstdint>
#include <vector>

#include "crypto/key_types.hpp"
#include "daemon/base/bytes.hpp"
#include "daemon/base/job_queue.hpp"
#include "daemon/base/outcome.hpp"

namespace coffer::crypto {

class Hsm;

/// r || s, 32 bytes each, big-endian (PKCS#11 2.40, 2.3.1).
using P256Signature = std::array<std::uint8_t, 64>;
using Sha256Digest = std::array<std::uint8_t, 32>;

/// Thread-safe. Errors as Envelope's.
class AuditKey {
public:
    explicit AuditKey(Hsm& hsm) : hsm_(hsm) {}

    /// The generations that this node works with, oldest first; empty when the token holds no audit key. Does
    /// not ask the token.
    [[nodiscard]] std::vector<AuditKeyInfo> generations() const;
    /// ECDSA (FIPS 186-4; CKM_ECDSA), with that generation, of a message whose SHA-256 is `digest`. Error
    /// when the token does not hold the generation.
    void sign(std::uint32_t generation, Sha256Digest digest, JobOptions options,
              Completion<P256Signature> completion);

private:
    Hsm& hsm_;
};

}  // namespace coffer::crypto
