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
    /// Of the seal key that the MAC's key is derived from.
    std::uint32_t generation = 1;
};

class AuditOutbox {
public:
    /// Stores the event of what this transaction changed.
    static void store(WriteTransaction& tx, const OutboxRow& row);

    /// Up to `most` rows of `node` that were stored at least `age` ago by the server's clock: first those of
    /// the generations `readable`, then the others, each oldest first.
    [[nodiscard]] static std::vector<OutboxRow> pending(ReadTransaction& tx, const std::string& node,
                                                        std::chrono::milliseconds age, std::size_t most,
                                                        const std::vector<std::uint32_t>& readable);

    /// Removes rows; those that are gone already are none.
    static void remove(WriteTransaction& tx, const std::vector<Uuid>& event_ids);
};

}  // namespace coffer::storage
