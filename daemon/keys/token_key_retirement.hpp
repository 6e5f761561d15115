#pragma once
// Retiring generations of the keys in the token that are not master keys: the database says first that they
// are out of use for good, then each node destroys them in its own token.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "crypto/hsm.hpp"
#include "daemon/keys/token_keys.hpp"
#include "storage/database.hpp"
#include "storage/seal_key_repository.hpp"

namespace coffer::keys {

struct TokenKeyRetirementParts {
    crypto::Hsm& hsm;
    storage::Database& database;
};

/// Destroys a generation in this node's token, if the database says that it is retired, and forgets its
/// copies. Nothing to do when it is gone. Blocks. Throws what database and token throw: also while the token
/// holds nothing newer. Throws IntegrityError when the retirement is not under a good seal.
void destroy_in_token(const TokenKeyRetirementParts& parts, TokenKey key, std::uint32_t generation,
                      Deadline deadline);

struct SealRetirement {
    std::vector<std::uint32_t> retired;
    std::map<std::uint32_t, std::string> kept;  ///< and why
    /// How many rows are sealed under each generation.
    std::map<std::uint32_t, std::int64_t> rows;
};

/// Retires `generations` of the seal key: from a first commit on nothing can be sealed under them, then what
/// had begun is waited for, and it is counted; what nothing is under is out of use for good with a second
/// commit. Events in the outbox count as well, with `force` those of nodes that run alone. A crash at any
/// point leaves generations that are whole, or are destroyed at the next chance. Two at once do not get in
/// each other's way. `event` stores the change's audit event, in its transaction. The token is left alone.
/// Blocks.
[[nodiscard]] SealRetirement retire_seal_generations(
    storage::Database& database, const std::vector<std::uint32_t>& generations, bool force, Deadline deadline,
    const std::function<void(storage::WriteTransaction&, const SealRetirement&)>& event);

}  // namespace coffer::keys
