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

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/audit/digest.hpp"
#include "daemon/audit/record.hpp"
#include "daemon/base/time.hpp"
#include "daemon/base/uuid.hpp"

struct evp_pkey_st;

namespace coffer::audit {

/// r || s, each a 32-byte big-endian number (PKCS#11 2.40, 2.3.1).
using EcdsaSignature = std::array<std::uint8_t, 64>;

/// Signs checkpoints: in the daemon with the token's EC P-256 audit key. Called on a thread of the journal's
/// own, one call at a time; may block, but must end by itself within seconds when the token is away (its jobs
/// carry deadlines): closing the journal waits for it.
class CheckpointSigner {
public:
    virtual ~CheckpointSigner() = default;
    /// SHA-256 of the public key's SubjectPublicKeyInfo in DER.
    [[nodiscard]] virtual Digest key_id() const = 0;
    /// The ECDSA signature of a message whose SHA-256 is `digest` (CKM_ECDSA). Throws Error: the journal goes
    /// on unsigned and tries again.
    [[nodiscard]] virtual EcdsaSignature sign(const Digest& digest) = 0;
};

struct Checkpoint {
    Uuid journal;
    std::string node;
    /// The record that is signed for, and everything before it.
    ChainState state;
    Digest previous{};
    Timestamp time;
    bool closing = false;  ///< the journal was closed after it: nothing follows but a new segment
    Digest key{};
    EcdsaSignature signature{};
};

/// SHA-256 of what is signed.
[[nodiscard]] Digest signed_digest(const Checkpoint& checkpoint);
[[nodiscard]] std::string to_json(const Checkpoint& checkpoint);
/// Nothing unless `json` is exactly what to_json() writes for the result: there is one spelling.
[[nodiscard]] std::optional<Checkpoint> parse_checkpoint(std::string_view json);

/// Public keys that checkpoints are checked with. Immutable, thread-safe.
class CheckpointKeys {
public:
    /// Adds an EC P-256 public key in PEM (SubjectPublicKeyInfo). Throws Error for anything else.
    void add_pem(std::string_view pem);
    [[nodiscard]] bool empty() const noexcept { return keys_.empty(); }
    [[nodiscard]] bool has(const Digest& key_id) const noexcept;
    /// Whether the checkpoint's signature is that of the key it names.
    [[nodiscard]] bool verify(const Checkpoint& checkpoint) const;

private:
    struct Key {
        Digest id{};
        std::shared_ptr<evp_pkey_st> key;
    };
    std::vector<Key> keys_;
};

/// The id (CheckpointSigner::key_id) of an EVP_PKEY. Throws Error when it cannot be encoded.
[[nodiscard]] Digest key_id_of(evp_pkey_st* key);

}  // namespace coffer::audit
