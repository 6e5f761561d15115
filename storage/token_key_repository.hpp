#pragma once
// Generations of keys in the token that are not master keys, as nodes tell each other of them. Not sealed:
// hints, since what counts is what a token holds.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/bytes.hpp"
#include "daemon/base/time.hpp"
#include "daemon/base/uuid.hpp"
#include "storage/transaction.hpp"

namespace coffer::storage {

/// A generation of the key that signs audit checkpoints.
struct StoredAuditKey {
    std::uint32_t generation = 0;
    Timestamp created;     ///< or when it was first noticed
    bool retired = false;  ///< out of use for good: each node destroys it in its token
    Bytes retirement_seal{};
};

/// What the seal of a retirement is over: "audit" or "seal", and the generation. Without a good one no node
/// destroys anything: the tables are not believed that far.
[[nodiscard]] Bytes retirement_message(std::string_view purpose, std::uint32_t generation);

/// Which generation signs the journal of a node.
struct AuditSigner {
    std::string node;
    Uuid journal;
    std::uint32_t generation = 0;  ///< 0: it has no checkpoint yet
    Timestamp seen;                ///< when the node said so last
};

class TokenKeyRepository {
public:
    /// Oldest first.
    [[nodiscard]] static std::vector<StoredAuditKey> audit_keys(ReadTransaction& tx);
    /// Keeps what is there of the same generation.
    static void add_audit_key(WriteTransaction& tx, const StoredAuditKey& key);
    /// For good, under a seal; notes it also when it was not told of before.
    static void retire_audit_key(WriteTransaction& tx, std::uint32_t generation, Timestamp now);

    /// By node.
    [[nodiscard]] static std::vector<AuditSigner> signers(ReadTransaction& tx);
    /// In the place of what the node said before.
    static void put_signer(WriteTransaction& tx, const AuditSigner& signer);
};

}  // namespace coffer::storage
