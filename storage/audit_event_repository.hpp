#pragma once
// Copies of audit events in PostgreSQL, for searching over all nodes. What is here proves nothing: the
// journals do (docs/audit.md).

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "daemon/base/time.hpp"
#include "daemon/base/uuid.hpp"
#include "storage/transaction.hpp"

namespace coffer::storage {

/// A secret that an event is about.
struct AuditEventSecret {
    std::string secret;  ///< ARN, else what the request called it
    std::string name;    ///< its name, by which it is found
};

/// An event as the table has it. Texts must have no NUL; those that are indexed at most kAuditTextBytesMax.
struct AuditEventRow {
    std::uint64_t sequence = 0;  ///< of the record in its journal
    Uuid event_id;
    Timestamp time;
    std::string source;
    std::string name;
    std::string principal;
    std::string user_name;
    std::string principal_id;
    std::string error_code;  ///< empty: the request was done
    bool read_only = false;
    std::vector<AuditEventSecret> secrets;
    std::string event;  ///< one line of JSON
};

/// PostgreSQL indexes no text that is much longer.
inline constexpr std::size_t kAuditTextBytesMax = 1024;

struct AuditCheckpointRow {
    std::uint64_t sequence = 0;
    std::string json;
};

/// Whose records they are.
struct AuditJournalName {
    std::string node;
    Uuid journal;
};

/// Where a page of events ended.
struct AuditPosition {
    Timestamp time;
    Uuid journal;
    std::int64_t sequence = 0;
    [[nodiscard]] bool operator==(const AuditPosition&) const = default;
};

/// Conditions that must all hold; empty ones match everything. In texts `*` stands for any characters.
struct AuditEventQuery {
    std::optional<Timestamp> since;  ///< inclusive
    std::optional<Timestamp> until;  ///< exclusive
    std::optional<Uuid> event_id;
    std::optional<bool> read_only;
    std::string name;  ///< of any case
    std::string source;
    std::string principal;  ///< ARN, user name or principal id
    std::string user_name;
    std::string secret;   ///< ARN with or without its six random characters, or name
    std::string outcome;  ///< success, failure, denied, or an error code
    std::optional<AuditPosition> after;
    std::size_t most = 50;
    /// Events that are looked at for one page, where no index leads to those wanted: a page may be short, or
    /// empty, and still have a next one.
    std::size_t look_at_most = 20'000;
};

struct FoundAuditEvent {
    AuditPosition position;
    std::string node;
    std::string event;
};

struct AuditEventPage {
    std::vector<FoundAuditEvent> events;  ///< newest first
    std::optional<AuditPosition> next;    ///< nothing: there are no more
};

class AuditEventRepository {
public:
    /// Makes the partitions of these days (any time of the day) where they are missing. Safe on several nodes
    /// at once.
    static void make_days(WriteTransaction& tx, const std::vector<Timestamp>& days);

    /// Inserts in one statement; records that are there already stay as they are. The partitions must be
    /// there.
    static void insert(WriteTransaction& tx, const AuditJournalName& journal,
                       const std::vector<AuditEventRow>& rows);
    static void insert_checkpoints(WriteTransaction& tx, const AuditJournalName& journal,
                                   const std::vector<AuditCheckpointRow>& rows);

    /// Drops the oldest partition that ends at `before` or earlier; its name, or nothing when there was none.
    /// One at a time, since dropping waits for searches and holds up others.
    [[nodiscard]] static std::optional<std::string> drop_oldest(WriteTransaction& tx, Timestamp before);
    /// Removes checkpoints that were stored before.
    static void remove_checkpoints(WriteTransaction& tx, Timestamp before);

    /// One page, newest first: by time, then journal and sequence number.
    [[nodiscard]] static AuditEventPage find(ReadTransaction& tx, const AuditEventQuery& query);
};

}  // namespace coffer::storage
