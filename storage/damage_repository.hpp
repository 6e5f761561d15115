#pragma once
// Secrets whose rows are not believed: found, and removed. Everything else in storage/ passes them over or
// throws.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "storage/records.hpp"
#include "storage/secret_parts.hpp"
#include "storage/transaction.hpp"

namespace coffer::storage {

/// A secret whose seal does not match. Nothing of it but the row's id can be relied on.
struct DamagedSecret {
    enum class Kind : std::uint8_t {
        altered,     ///< the seal is that of something else
        unreadable,  ///< the row is nothing that this service writes
        /// Its seal names a generation of the seal key that this node's token lacks: it may be whole.
        not_judged
    };
    SecretId id;
    std::string name;
    std::string arn;
    Kind kind = Kind::altered;
    /// By the row's own digests; of an unreadable row, what cannot be read. Nothing where there are no
    /// digests.
    std::optional<std::vector<SecretPart>> parts{};
    /// Without this version the seal matches: the version was added by hand. That is proven.
    std::optional<VersionId> added_version{};
    /// What the seal says; 0 for what is no seal.
    std::int64_t seal_generation = 0;
};

/// What a look at one row found.
struct DamageLook {
    /// Nothing: the secret is whole.
    std::optional<DamagedSecret> damage;
};

class DamageRepository {
public:
    struct Page {
        std::vector<DamagedSecret> damaged;
        /// Rows looked at.
        std::size_t looked_at = 0;
        /// The last of them; nothing when there are no more.
        std::optional<SecretId> next;
    };
    /// Looks at `limit` rows behind `after`, by their ids: a call of the token for each, and up to 256 more
    /// for the damaged ones. A secret that is there throughout is looked at exactly once by the pages
    /// together. Damage is not reported to the DatabaseObserver: it is what was asked for.
    [[nodiscard]] static Page scan(ReadTransaction& tx, const std::optional<SecretId>& after,
                                   std::size_t limit);

    /// Nothing when there is no such row.
    [[nodiscard]] static std::optional<DamageLook> look(ReadTransaction& tx, SecretId id);

    /// The same, with the row locked until the end of the transaction.
    [[nodiscard]] static std::optional<DamageLook> lock(WriteTransaction& tx, SecretId id);

    /// Deletes the secret that lock() found damaged, its versions and payloads, for good.
    static void discard(WriteTransaction& tx, const DamagedSecret& locked);
};

}  // namespace coffer::storage
