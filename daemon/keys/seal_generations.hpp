#pragma once
// Generations of the seal key: made in the token, told to the other nodes by the database, and sealed under
// from the moment on from which every node that runs knows them.

#include <string>
#include <vector>

#include "daemon/keys/generations.hpp"
#include "storage/database.hpp"
#include "storage/seal_key_repository.hpp"

namespace coffer::keys {

/// A node that has said nothing for so long is not waited for. One that comes back finds the generation when
/// it meets the first seal that names it.
inline constexpr std::int64_t kSilentSeconds = 120;

// For jobs of Database::write: they lock the token against other nodes, for the transaction. They throw
// ServiceError for what the caller asked wrongly, and what the token throws.

/// The next generation. One that a node made and did not live to tell of is taken over instead.
[[nodiscard]] storage::StoredSealKey make_next_seal_generation(storage::WriteTransaction& tx,
                                                               const KeyTools& tools);

/// Tells the others of generations that this node's token holds and the database does not know.
void tell_seal_generations(storage::WriteTransaction& tx, const KeyTools& tools);
/// Whether there are such.
[[nodiscard]] bool has_untold_seal_key(const std::vector<storage::StoredSealKey>& told, crypto::Hsm& hsm);

/// Whether the node runs, as far as others can tell.
[[nodiscard]] bool runs(const storage::SealHolder& holder) noexcept;
/// Names of the nodes that run and do not know `generation` yet.
[[nodiscard]] std::vector<std::string> nodes_without(const std::vector<storage::SealHolder>& holders,
                                                     std::uint32_t generation);
/// Names of the nodes that run and do not know it, or do not seal under it yet.
[[nodiscard]] std::vector<std::string> nodes_behind(const std::vector<storage::SealHolder>& holders,
                                                    std::uint32_t generation);
/// Has this process seal under the generation that is in use, from its start on. Blocks. Throws what the
/// database throws.
void seal_under_active(crypto::Hsm& hsm, storage::Database& database, Deadline deadline);

/// The newest that rows are sealed under; 0 when none is told.
[[nodiscard]] std::uint32_t newest_active(const std::vector<storage::StoredSealKey>& told);
[[nodiscard]] std::uint32_t newest_told(const std::vector<storage::StoredSealKey>& told);

}  // namespace coffer::keys
