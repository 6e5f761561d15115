#pragma once
// The master keys as the database knows them: which generations exist, how each is recognised, and what is
// decided about each key. Sealed as one set, so that one that is gone is noticed.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "storage/records.hpp"
#include "storage/transaction.hpp"

namespace coffer::storage {

/// What is decided about a master key. Sealed.
struct StoredMasterKeySettings {
    std::string description;
    /// When all generations are to be destroyed; nothing: the key stays.
    std::optional<Timestamp> deletion_due;
    /// Both or neither.
    std::optional<std::int32_t> rotation_days;
    std::optional<Timestamp> next_rotation;
    /// Nothing was wrapped under an older generation than this one at that time; 0 and nothing: not known.
    std::uint32_t rewrapped_generation = 0;
    std::optional<Timestamp> rewrapped;
};

struct StoredMasterKeys {
    /// By id and generation.
    std::vector<StoredMasterKey> generations;
    /// Of keys that have any.
    std::map<Uuid, StoredMasterKeySettings> settings;
    /// Raised by every change; nothing before the first one that had a number.
    std::optional<std::int64_t> revision;
};

struct RetiredGeneration {
    Uuid id;
    std::uint32_t generation = 0;
    [[nodiscard]] auto operator<=>(const RetiredGeneration&) const = default;
};

class MasterKeyRepository {
public:
    /// All of it. Throws IntegrityError when it is not what was sealed.
    [[nodiscard]] static StoredMasterKeys load(ReadTransaction& tx);
    /// The same, with the set locked until the end of the transaction.
    [[nodiscard]] static StoredMasterKeys lock(WriteTransaction& tx);
    /// Stores `changed` over `locked`, which lock() gave in this transaction. Generations are added and
    /// removed, never altered; those that are removed belong to retire() before.
    static void store(WriteTransaction& tx, const StoredMasterKeys& locked, StoredMasterKeys changed);

    /// All generations, by id and generation.
    [[nodiscard]] static std::vector<StoredMasterKey> all(ReadTransaction& tx);
    /// Adds generations that are not there yet; those that are there stay as they are. Safe when several
    /// nodes register the same ones at once.
    static void add(WriteTransaction& tx, const std::vector<StoredMasterKey>& keys);

    /// Keeps all other nodes from making or destroying keys in the token until the end of the transaction.
    static void lock_token(WriteTransaction& tx);

    /// From the commit on nothing can be stored under these generations any more. What was begun before may
    /// still be committed afterwards: wait_for_writers().
    static void retire(WriteTransaction& tx, const std::vector<RetiredGeneration>& generations);
    static void unretire(WriteTransaction& tx, const std::vector<RetiredGeneration>& generations);
    [[nodiscard]] static std::vector<RetiredGeneration> retired(ReadTransaction& tx);
    /// Waits until every change of versions that is under way now has ended.
    static void wait_for_writers(WriteTransaction& tx);
};

}  // namespace coffer::storage
