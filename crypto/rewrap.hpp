#pragma once
// Data keys in bulk, without their payloads: wrapped anew under a younger generation of their master key, and
// proven to open. No key's bytes leave the token.

#include <cstdint>
#include <string>
#include <vector>

#include "crypto/envelope.hpp"
#include "crypto/key_types.hpp"
#include "daemon/base/bytes.hpp"
#include "daemon/base/job_queue.hpp"
#include "daemon/base/outcome.hpp"

namespace coffer::crypto {

class Hsm;

/// A data key as it is stored: 40 bytes under one generation.
struct WrappedDataKey {
    MasterKeyRef master_key;
    Bytes wrapped_key;
};

/// What became of one data key of several.
struct RewrapOutcome {
    Bytes wrapped_key;    ///< under the new generation; empty when that did not go
    std::string failure;  ///< why not: it does not open, or the token lacks its generation
};

/// A data key that is to be proven, with its payload or without.
struct ProofItem {
    WrappedDataKey key;
    /// What the ciphertext belongs to; used when there is one.
    PayloadIdentity identity{};
    /// As SealedPayload's; empty: the key alone is unwrapped.
    Bytes ciphertext{};
};

/// Works through data keys in jobs of `kKeysPerJob`, so that a read that comes waits for a few of them and
/// not for all. Thread-safe. Both functions block: for threads that may.
///
/// They throw what Envelope's completions fail with, but for a single key that does not open, which is that
/// key's outcome.
class Rewrapper {
public:
    static constexpr std::size_t kKeysPerJob = 4;

    explicit Rewrapper(Hsm& hsm) : hsm_(hsm) {}

    /// Unwraps each key under its own generation (as a session object that may be wrapped, and neither
    /// encrypt nor decrypt), wraps it under `to`, unwraps what was made and wraps that under the old
    /// generation: AES Key Wrap (RFC 3394) has no randomness, so the stored bytes come out again when, and
    /// only when, the new ones hold the same key. All keys are of the master key that `to` is a generation
    /// of. Outcomes are in the order of `keys`. Throws UnknownMasterKey when the token does not hold `to`.
    [[nodiscard]] std::vector<RewrapOutcome> rewrap(std::vector<WrappedDataKey> keys, MasterKeyRef to,
                                                    JobOptions options);

    /// Unwraps each key, decrypts its ciphertext where there is one, and destroys both. An empty text for
    /// each item that opens, and why not for the others, in their order.
    [[nodiscard]] std::vector<std::string> prove(std::vector<ProofItem> items, JobOptions options);

private:
    Hsm& hsm_;
};

}  // namespace coffer::crypto
