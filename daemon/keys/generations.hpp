#pragma once
// Making master keys and their generations: in the token and in the database's register, so that a node that
// dies in between leaves nothing that the next attempt does not take over.

#include <string>

#include "crypto/hsm.hpp"
#include "daemon/base/time.hpp"
#include "storage/master_key_repository.hpp"

namespace coffer::keys {

/// How many there may be: a token finds its objects slower the more it has.
inline constexpr std::size_t kMostKeys = 100;
inline constexpr std::size_t kMostGenerations = 50;

/// What the functions below work with; both must outlive the call.
struct KeyTools {
    crypto::Hsm& hsm;
    const Clock& clock;
};

// For jobs of Database::write: they lock the token against other nodes and the set of keys, for the
// transaction. The key is made in the token first. When the transaction does not commit it is there without
// being registered, and the next call, or the keeper (key_keeper.hpp), registers that one instead of making
// another. They throw ServiceError for what the caller asked wrongly, and what the token throws.

/// A new key, generation 1.
[[nodiscard]] storage::StoredMasterKey create_key(storage::WriteTransaction& tx, const KeyTools& tools,
                                                  const std::string& name, const std::string& description);

/// The next generation of a key; sets the date of the next one where there is a schedule.
[[nodiscard]] storage::StoredMasterKey make_next_generation(storage::WriteTransaction& tx,
                                                            const KeyTools& tools, const Uuid& key);

/// Registers newest generations that the token holds and the database does not know. Returns those.
[[nodiscard]] std::vector<storage::StoredMasterKey> register_unknown(storage::WriteTransaction& tx,
                                                                     const KeyTools& tools);

}  // namespace coffer::keys
