#include "storage/audit_event_repository.hpp"

#include <fmt/format.h>

#include <pqxx/prepared_statement>
#include <pqxx/result>
#include <pqxx/transaction_base>

#include "storage/sql_values.hpp"
#include "storage/statements.hpp"

namespace coffer::storage {

namespace {

namespace json = boost::json;

/// Any number that no other part uses: making and dropping partitions, one node at a time.
constexpr std::int64_t kPartitionLock = 0x636F66666175;
constexpr std::string_view kPartitionPrefix = "audit_events_";

/// "20261125"
std::string day_digits(Timestamp day) {
    const std::chrono::sys_days days{std::chrono::days(day.day().millis() / kMillisPerDay)};
    const std::chrono::year_month_day date(days);
    return fmt::format("{:04}{:02}{:02}", static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                       static_cast<unsigned>(date.day()));
}

std::string partition_of(Timestamp day) {
    return std::string(kPartitionPrefix) + day_digits(day);
}

void lock_partitions(WriteTransaction& tx) {
    tx.sql().exec_prepared("audit_lock_partitions", kPartitionLock);
}

bool has_partition(WriteTransaction& tx, const std::string& name) {
    return !tx.sql().exec_prepared("audit_has_partition", name).empty();
}

json::value or_null(const char* field, const std::string& text) {
    return text.empty() ? json::value() : json::value(storable(field, text));
}

/// The columns that every part of an event has.
json::object columns_of(const AuditEventRow& row) {
    return {{"t", row.time.millis()},
            {"q", row.sequence},
            {"e", row.event_id.text()},
            {"o", storable("event source", row.source)},
            {"n", storable("event name", row.name)},
            {"w", or_null("principal", row.principal)},
            {"u", or_null("user name", row.user_name)},
            {"i", or_null("principal id", row.principal_id)},
            {"c", or_null("error code", row.error_code)},
            {"r", row.read_only}};
}

void add_parts(const AuditEventRow& row, json::array& entries) {
    const auto parts = std::max<std::size_t>(row.secrets.size(), 1);
    for (std::size_t part = 0; part < parts; ++part) {
        auto entry = columns_of(row);
        entry["p"] = part;
        if (part < row.secrets.size()) {
            entry["s"] = storable("secret", row.secrets[part].secret);
            entry["m"] = storable("secret name", row.secrets[part].name);
        }
        if (part == 0) entry["x"] = storable("event", row.event);
        entries.push_back(std::move(entry));
    }
}

}  // namespace

std::vector<Statement> audit_event_statements() {
    return {
        {"audit_lock_partitions", "SELECT pg_advisory_xact_lock($1::bigint)"},
        {"audit_has_partition",
         "SELECT 1 FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid "
         "WHERE inhparent = 'audit_events'::regclass AND c.relname = $1"},
        {"audit_oldest_partition",
         "SELECT c.relname FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid "
         "WHERE inhparent = 'audit_events'::regclass AND c.relname ~ '^audit_events_[0-9]{8}$' "
         "AND c.relname COLLATE \"C\" < $1 ORDER BY c.relname COLLATE \"C\" LIMIT 1"},
        {"audit_insert",
         "INSERT INTO audit_events (event_time, journal, sequence, part, node, event_id, event_source, "
         "event_name, principal, user_name, principal_id, secret, secret_name, error_code, read_only, event) "
         "SELECT " +
             sql_time("t") +
             ", $2::uuid, q, p, $3, e, o, n, w, u, i, s, m, c, r, x "
             "FROM json_to_recordset($1::json) AS j(t bigint, q bigint, p smallint, e uuid, o text, n text, "
             "w text, u text, i text, s text, m text, c text, r boolean, x text) "
             "ORDER BY t, q, p ON CONFLICT DO NOTHING"},
        {"audit_insert_checkpoints",
         "INSERT INTO audit_checkpoints (journal, sequence, node, json) SELECT $2::uuid, q, $3, x "
         "FROM json_to_recordset($1::json) AS j(q bigint, x text) ON CONFLICT DO NOTHING"},
        {"audit_remove_checkpoints", "DELETE FROM audit_checkpoints WHERE stored < " + sql_time("$1")},
    };
}

void AuditEventRepository::make_days(WriteTransaction& tx, const std::vector<Timestamp>& days) {
    bool locked = false;
    for (const auto& time : days) {
        const auto name = partition_of(time);
        if (has_partition(tx, name)) continue;
        if (!locked) lock_partitions(tx);
        locked = true;
        if (has_partition(tx, name)) continue;  // another node's
        const auto first = time.day();
        const auto bound = [](Timestamp day) { return fmt::format("'{} 00:00:00+00'", day_digits(day)); };
        // Attached, and not made as a partition, which would wait for every search and hold up others.
        tx.sql().exec(fmt::format("CREATE TABLE {} (LIKE audit_events INCLUDING DEFAULTS)", name));
        tx.sql().exec(fmt::format("ALTER TABLE audit_events ATTACH PARTITION {} FOR VALUES FROM ({}) TO ({})",
                                  name, bound(first), bound(first + std::chrono::hours(24))));
    }
}

void AuditEventRepository::insert(WriteTransaction& tx, const AuditJournalName& journal,
                                  const std::vector<AuditEventRow>& rows) {
    if (rows.empty()) return;
    json::array entries;
    for (const auto& row : rows) add_parts(row, entries);
    tx.sql().exec_prepared("audit_insert", json::serialize(entries), journal.journal.text(),
                           storable("node", journal.node));
}

void AuditEventRepository::insert_checkpoints(WriteTransaction& tx, const AuditJournalName& journal,
                                              const std::vector<AuditCheckpointRow>& rows) {
    if (rows.empty()) return;
    json::array entries;
    for (const auto& row : rows) {
        entries.push_back(json::object{{"q", row.sequence}, {"x", storable("checkpoint", row.json)}});
    }
    tx.sql().exec_prepared("audit_insert_checkpoints", json::serialize(entries), journal.journal.text(),
                           storable("node", journal.node));
}

std::optional<std::string> AuditEventRepository::drop_oldest(WriteTransaction& tx, Timestamp before) {
    lock_partitions(tx);
    const auto rows = tx.sql().exec_prepared("audit_oldest_partition", partition_of(before));
    if (rows.empty()) return std::nullopt;
    std::string name = rows[0][0].c_str();  // eight digits behind the prefix: nothing to quote
    tx.sql().exec("DROP TABLE " + name);
    return name;
}

void AuditEventRepository::remove_checkpoints(WriteTransaction& tx, Timestamp before) {
    tx.sql().exec_prepared("audit_remove_checkpoints", before.millis());
}

}  // namespace coffer::storage
