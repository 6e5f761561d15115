#pragma once
// A signed statement of where the chain stood: the JSON of a 'C' record and of the head file, and what is
// signed. The only home of its layout.
//
// JSON, members in this order, no white space:
//     {"format":1,"journal":UUID,"node":TEXT,"sequence":N,"chain":HEX,"previous":HEX,"timeMs":N,
//      "closing":BOOL,"key":HEX,"signature":HEX}
// `previous` is the SHA-256 of the JSON of the checkpoint before (64 zeros for a journal's first), so that
// the checkpoints are a chain of their own; `key` the SHA-256 of the public key's SubjectPublicKeyInfo in
// DER. `signature` is ECDSA over P-256 with SHA-256 (FIPS 186-4), r || s of 32 bytes each as PKCS#11's
// CKM_ECDSA gives it, over CanonicalEncoder("coffer/audit/checkpoint/v1") of journal, node, sequence, chain,
// previous, timeMs, closing, key.
//
// With a key of a later generation than 1, or with a successor, behind "closing":
//     {"format":2,...,"generation":N,"successor":null or {"generation":N,"key":HEX,"publicKey":HEX},
//      "key":HEX,"signature":HEX}
// over CanonicalEncoder("coffer/audit/checkpoint/v2") of journal, node, sequence, chain, previous, timeMs,
// closing, generation, the successor's generation and publicKey (two absent values when there is none), key.
// The successor signs all checkpoints from there on, and its signer none any more; `publicKey` is its
// SubjectPublicKeyInfo in DER. So whoever has the oldest public key can follow the journal to the newest.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/audit/digest.hpp"
#include "daemon/audit/record.hpp"
#include "daemon/audit/signing_key.hpp"
#include "daemon/base/time.hpp"
#include "daemon/base/uuid.hpp"

namespace coffer::audit {

/// r || s, each a 32-byte big-endian number (PKCS#11 2.40, 2.3.1).
using EcdsaSignature = std::array<std::uint8_t, 64>;

/// Signs checkpoints: in the daemon with the token's EC P-256 audit key. newest() and find() are called by
/// any thread and do not block. sign() is called on a thread of the journal's own, one call at a time; it may
/// block, but must end by itself within seconds when the token is away (its jobs carry deadlines): closing
/// the journal waits for it.
class CheckpointSigner {
public:
    virtual ~CheckpointSigner() = default;
    /// The key that is to sign. Throws Error when there is none now.
    [[nodiscard]] virtual SigningKey newest() const = 0;
    /// Nothing when it cannot sign with that generation.
    [[nodiscard]] virtual std::optional<SigningKey> find(std::uint32_t generation) const = 0;
    /// The ECDSA signature of a message whose SHA-256 is `digest` (CKM_ECDSA). Throws Error: the journal goes
    /// on unsigned and tries again.
    [[nodiscard]] virtual EcdsaSignature sign(std::uint32_t generation, const Digest& digest) = 0;
};

struct Checkpoint {
    Uuid journal;
    std::string node;
    /// The record that is signed for, and everything before it.
    ChainState state;
    Digest previous{};
    Timestamp time;
    bool closing = false;  ///< the journal was closed after it: nothing follows but a new segment
    /// Who signs from here on in the signer's place.
    std::optional<SigningKey> successor;
    SignerName signer;
    EcdsaSignature signature{};

    /// Who has to sign the next one.
    [[nodiscard]] const SignerName& next_signer() const noexcept {
        return successor ? successor->name : signer;
    }
};

/// SHA-256 of what is signed.
[[nodiscard]] Digest signed_digest(const Checkpoint& checkpoint);
[[nodiscard]] std::string to_json(const Checkpoint& checkpoint);
/// Nothing unless `json` is exactly what to_json() writes for the result: there is one spelling.
[[nodiscard]] std::optional<Checkpoint> parse_checkpoint(std::string_view json);

}  // namespace coffer::audit
