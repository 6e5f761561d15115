#pragma once
// Changes that were committed with their event, and whose event may not be in the journal since the node died
// between the two. The database's side is implemented where the database is known.

#include <string>
#include <vector>

#include "daemon/audit/journal.hpp"

namespace coffer::audit {

/// An event that was stored in the transaction of its change.
struct OutboxEvent {
    std::string event_id;
    std::string json;  ///< as audit::to_json() gave it
    /// False when it is known that nobody tried to append it.
    bool may_be_journaled = true;
};

/// Of this node's changes. Calls block.
class ChangeOutbox {
public:
    virtual ~ChangeOutbox() = default;
    /// Up to `count_max` events that are not known to be journaled, oldest first.
    [[nodiscard]] virtual std::vector<OutboxEvent> pending(std::size_t count_max) = 0;
    /// These were in the journal already. They are among those that journaled() has next.
    virtual void found(const std::vector<std::string>& /*event_ids*/) {}
    /// The events are in the journal, durable: they need not be kept.
    virtual void journaled(const std::vector<std::string>& event_ids) = 0;
};

/// Appends the pending events that the journal does not hold, and reports all as journaled: no change without
/// its event, and none twice. When any may be journaled, reads the journal from a day before the oldest such
/// event was made. Answers how many were appended. Throws what reading and appending throw.
std::size_t journal_pending_changes(Journal& journal, ChangeOutbox& outbox);

}  // namespace coffer::audit
