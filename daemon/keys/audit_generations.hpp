#pragma once
// Generations of the key that signs audit checkpoints: in the token, and told to the other nodes by the
// database. A journal goes over to the newest by itself (daemon/audit/checkpointer.hpp).

#include <cstdint>
#include <vector>

#include "daemon/keys/generations.hpp"
#include "storage/token_key_repository.hpp"

namespace coffer::keys {

/// What the database says of the audit key.
struct ToldAuditKeys {
    std::vector<storage::StoredAuditKey> generations;  ///< oldest first
    std::vector<storage::AuditSigner> signers;
};

// For jobs of Database::write: they lock the token against other nodes, for the transaction. They throw
// ServiceError for what the caller asked wrongly, and what the token throws.

/// The next generation. One that a node made and did not live to tell of is taken over instead.
[[nodiscard]] storage::StoredAuditKey make_next_audit_generation(storage::WriteTransaction& tx,
                                                                 const KeyTools& tools);

/// Tells the others of generations that this node's token holds and the database does not know.
void tell_audit_generations(storage::WriteTransaction& tx, const KeyTools& tools);
/// Whether there are such.
[[nodiscard]] bool has_untold(const std::vector<storage::StoredAuditKey>& told, crypto::Hsm& hsm);

}  // namespace coffer::keys
