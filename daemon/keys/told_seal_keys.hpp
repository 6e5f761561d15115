#pragma once
// What the database says of the seal key, for the operations on it.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "storage/seal_key_repository.hpp"

namespace coffer::keys {

struct ToldSealKeys {
    std::vector<storage::StoredSealKey> generations;  ///< without those that were retired
    std::vector<storage::SealHolder> holders;
    std::optional<storage::ResealProgress> progress;
    std::vector<storage::ResealFailure> failures;  ///< some of them
    std::map<std::uint32_t, std::int64_t> rows;    ///< not while they are being sealed anew
    /// Nodes that have events in the outbox, by generation.
    std::map<std::uint32_t, std::vector<std::string>> outbox_nodes;
};

/// `with_rows`: counting reads all sealed tables.
[[nodiscard]] ToldSealKeys load_seal_keys(storage::ReadTransaction& tx, bool with_rows);

/// "the seals of these rows are broken, and they are left as they are: ...".
[[nodiscard]] std::string name_broken(const std::vector<storage::ResealFailure>& failures);

}  // namespace coffer::keys
