#pragma once
// Events of changes, from the change's transaction until they are in the audit journal.

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "daemon/base/bytes.hpp"
#include "daemon/base/uuid.hpp"
#include "storage/transaction.hpp"

namespace coffer::storage {

/// An event as the table has it. The MAC is its owner's business: storage holds no key.
struct OutboxRow {
    Uuid event_id;
    std::string node;
    std::string event;
    Bytes mac;
    /// Of the seal key that the MAC's key is derived from; 0 where a row says none, which Coffer never
    /// stored.
    std::uint32_t generation = 1;
    /// When read: whether it has waited for as long as was asked for. `stored`, which says so, is under no
    /// MAC.
    bool due = true;
};

class AuditOutbox {
public:
    /// Stores the event of what this transaction changed.
    static void store(WriteTransaction& tx, const OutboxRow& row);

    /// Up to `most` rows of `node`: first those that are due, having been stored at least `age` ago by the
    /// server's clock, or at a time to come, which only somebody's hand makes. Of either, first those of the
    /// generations `readable`, each oldest first.
    [[nodiscard]] static std::vector<OutboxRow> pending(ReadTransaction& tx, const std::string& node,
                                                        std::chrono::milliseconds age, std::size_t most,
                                                        const std::vector<std::uint32_t>& readable);

    /// Up to `most` rows of other nodes than `node` that were stored at least `age` ago, or (these are not
    /// due) at a time to come.
    [[nodiscard]] static std::vector<OutboxRow> left_by_others(ReadTransaction& tx, const std::string& node,
                                                               std::chrono::milliseconds age,
                                                               std::size_t most);

    /// Removes rows; those that are gone already are none.
    static void remove(WriteTransaction& tx, const std::vector<Uuid>& event_ids);
};

}  // namespace coffer::storage
