#pragma once
// Destroying generations of master keys: never one that something is wrapped under, whatever other nodes do
// meanwhile.

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "crypto/hsm.hpp"
#include "daemon/iam/directory_keeper.hpp"
#include "storage/database.hpp"
#include "storage/master_key_repository.hpp"

namespace coffer::keys {

/// What is wrapped under one generation.
struct Under {
    std::int64_t versions = 0;
    std::int64_t others = 0;  ///< access keys
    [[nodiscard]] bool any() const noexcept { return versions + others > 0; }
};

/// "12 versions and 1 access key are wrapped under it".
[[nodiscard]] std::string describe(const Under& under);

/// Adds up what is under each generation of a key: versions by the database, access keys by `directory`.
[[nodiscard]] std::map<std::uint32_t, Under> count_under(storage::ReadTransaction& tx,
                                                         const iam::Directory& directory, const Uuid& key);

struct RetirementParts {
    crypto::Hsm& hsm;
    storage::Database& database;
    const iam::DirectoryKeeper& principals;
};

/// What is under each generation of a key, read now. Blocks.
[[nodiscard]] std::map<std::uint32_t, Under> count_under(const RetirementParts& parts, const Uuid& key,
                                                         JobOptions options);

struct RetirementResult {
    /// Gone from the database; the token destroys them.
    std::vector<std::uint32_t> retired;
    /// Those that something is under after all, and what.
    std::map<std::uint32_t, std::string> kept;
    /// Why the token has not destroyed the retired ones yet; empty when it has. It is tried again
    /// (key_keeper.hpp).
    std::string token_failure;
};

/// Retires `generations` of a key: from a first commit on nothing can be stored under them, then those that
/// had begun to are waited for, then it is counted, and only what has nothing under it leaves the register
/// and then the token. A crash at any point leaves a generation that is whole, or one that is destroyed at
/// the next chance. With `whole` all go or none does: the key is deleted. `event` stores the change's audit
/// event, in its transaction. Blocks.
[[nodiscard]] RetirementResult retire_generations(
    const RetirementParts& parts, const Uuid& key, std::vector<std::uint32_t> generations, bool whole,
    Deadline deadline, const std::function<void(storage::WriteTransaction&, const RetirementResult&)>& event);

/// Lets things be stored again under generations that are still registered. Blocks.
void take_retirement_back(storage::Database& database,
                          const std::vector<storage::RetiredGeneration>& generations, Deadline deadline);

/// Destroys what the token still holds of the retired generations in `refs`. Blocks. Throws what the token
/// throws.
void destroy_in_token(const RetirementParts& parts, const std::vector<crypto::MasterKeyRef>& refs,
                      Deadline deadline);

}  // namespace coffer::keys
