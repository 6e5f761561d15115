#pragma once
// Users, groups, roles, managed policies and policies of listeners as the tables hold them: documents under
// seals, and the manifest that says which there are. What a document means is none of storage's business.
//
// Seals ("coffer/seal/iam/v1", CanonicalEncoder): of a row over kind, name, revision, document; of the
// manifest over its revision and each entry's kind, name, revision, seal and claims, in their order.

#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/bytes.hpp"
#include "storage/transaction.hpp"

namespace coffer::storage {

enum class IamKind : std::uint8_t { account, group, listener, policy, role, user };

/// "user", "group", "role", "policy", "listener", "account"; as stored. Manifests are in the order of these
/// names.
[[nodiscard]] std::string_view iam_kind_name(IamKind kind) noexcept;
[[nodiscard]] std::optional<IamKind> find_iam_kind(std::string_view name) noexcept;

/// What an entity is found by.
struct IamKey {
    IamKind kind = IamKind::user;
    std::string name;

    [[nodiscard]] auto operator<=>(const IamKey&) const = default;
};

/// "user 'alice'", for messages.
[[nodiscard]] std::string describe(const IamKey& key);

/// One row whose seal was found good, and which the manifest lists.
struct StoredIamEntity {
    IamKey key;
    /// The manifest's revision that the row was written with.
    std::int64_t revision = 0;
    std::string document;
    Bytes seal;
};
using StoredIamEntityPtr = std::shared_ptr<const StoredIamEntity>;

/// What somebody else than Coffer did to an entity.
enum class IamFault : std::uint8_t {
    /// The manifest lists it, and there is no such row.
    missing,
    /// Its row is not the one that the manifest lists: edited, or put back from an earlier time.
    altered,
    /// There is a row that the manifest does not list.
    unlisted
};

/// "is gone from the database", "was altered in the database", "was inserted into the database".
[[nodiscard]] std::string_view describe(IamFault fault) noexcept;

/// What the manifest says of an entity.
struct IamListing {
    std::int64_t revision = 0;
    Bytes seal;
    /// What of the document has to be known also when its row is not believed; text of the caller's own.
    std::string claims{};

    [[nodiscard]] bool operator==(const IamListing&) const = default;
};

/// Everything, as it was at one moment.
struct StoredIam {
    /// Of the manifest; 0 while nothing was ever stored.
    std::int64_t revision = 0;
    /// Of the manifest; empty while nothing was ever stored.
    Bytes seal;
    std::map<IamKey, IamListing> listed;
    /// Those that are believed.
    std::map<IamKey, StoredIamEntityPtr> entities;
    std::map<IamKey, IamFault> faults;
};

/// A document to be stored under its key; nothing: the entity is deleted.
struct IamChange {
    IamKey key;
    std::optional<std::string> document;
    /// For its listing.
    std::string claims{};
};

class IamRepository {
public:
    /// Reads all in one statement, and checks it. Each fault that `known` does not have is reported to the
    /// DatabaseObserver by name. Rows that are the same in `known` are not checked a second time. Throws
    /// IntegrityError when the manifest is gone or its seal is not good: then nothing can be believed.
    [[nodiscard]] static StoredIam load(ReadTransaction& tx, const StoredIam* known = nullptr);

    /// The same with the manifest locked until the end of the transaction: changes happen one after another.
    [[nodiscard]] static StoredIam lock(WriteTransaction& tx, const StoredIam* known = nullptr);

    /// Stores `changes` over `locked`, which was got from lock() in this transaction, and returns what is
    /// then there. An entity with a fault stays listed, and so stays a fault, unless it is among the changes.
    [[nodiscard]] static StoredIam store(WriteTransaction& tx, StoredIam locked,
                                         const std::vector<IamChange>& changes);

    /// What store() would return, without seals: nothing is written.
    [[nodiscard]] static StoredIam preview(StoredIam stored, const std::vector<IamChange>& changes);
};

}  // namespace coffer::storage
