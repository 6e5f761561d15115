#pragma once
// What the events of journals say about sealed rows of the database: the last known state of each, to hold
// the tables against.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "daemon/base/uuid.hpp"

namespace coffer::audit {

/// A row by its table and primary key.
using RowKey = std::pair<std::string, std::string>;

/// A row as the newest event about it left it.
struct RowState {
    std::int64_t revision = 0;
    std::string seal;  ///< lower-case hexadecimal; empty: the row was removed
    std::string event_id;
    std::string event_time;
    std::int64_t first_revision = 0;  ///< the lowest that an event tells of
    std::int64_t events = 0;          ///< that are about the row, and have a revision
    /// It was removed because it was damaged. That is the last that becomes of a row, whatever revision it
    /// had.
    bool discarded = false;
};

/// Not thread-safe.
class RowStates {
public:
    /// Takes in an event's JSON. Events of one row may come in any order: the highest revision counts. JSON
    /// that is no event, or says nothing of rows, is passed over.
    void take(std::string_view event_json) { take(event_json, false); }
    /// The same for an event that waits for its journal, which may have it by now: one that was taken in
    /// already is passed over. A later event of the same row may have got into a journal before it.
    void take_pending(std::string_view event_json) { take(event_json, true); }

    [[nodiscard]] const std::map<RowKey, RowState>& rows() const noexcept { return rows_; }
    /// Null when no event is about the row.
    [[nodiscard]] const RowState* find(const RowKey& key) const;

private:
    void take(std::string_view event_json, bool pending);

    std::map<RowKey, RowState> rows_;
    /// The events of journals that are about rows.
    std::unordered_set<Uuid> journaled_;
};

}  // namespace coffer::audit
