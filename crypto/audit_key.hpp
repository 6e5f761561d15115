#pragma once
// The EC P-256 key that signs audit checkpoints: signing goes through the executor like all work of the
// token, and the public half can be had in PEM, for whoever verifies without a token.

#include <array>
#include <string>

#include "daemon/base/bytes.hpp"
#include "daemon/base/job_queue.hpp"
#include "daemon/base/outcome.hpp"

namespace coffer::crypto {

class Hsm;

/// r || s, 32 bytes each, big-endian (PKCS#11 2.40, 2.3.1).
using P256Signature = std::array<std::uint8_t, 64>;
using Sha256Digest = std::array<std::uint8_t, 32>;

/// Thread-safe. Errors as Envelope's, and Error when the token holds no audit key.
class AuditKey {
public:
    explicit AuditKey(Hsm& hsm) : hsm_(hsm) {}

    /// ECDSA (FIPS 186-4; CKM_ECDSA) of a message whose SHA-256 is `digest`.
    void sign(Sha256Digest digest, JobOptions options, Completion<P256Signature> completion);
    /// The public half: SubjectPublicKeyInfo (RFC 5480) in PEM.
    void public_key(JobOptions options, Completion<std::string> completion);

private:
    Hsm& hsm_;
};

}  // namespace coffer::crypto
