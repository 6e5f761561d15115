#include "storage/audit_outbox.hpp"

#include <pqxx/result>
#include <pqxx/transaction_base>

#include "storage/sql_values.hpp"
#include "storage/statements.hpp"

namespace coffer::storage {

std::vector<Statement> outbox_statements() {
    return {
        {"outbox_store",
         "INSERT INTO audit_outbox (event_id, node, event, mac, generation, secrets) VALUES ($1::uuid, $2, "
         "$3, $4::bytea, $5::int, $6::text[])"},
        {"outbox_pending",
         "SELECT event_id::text, node, event, mac, generation, due FROM (SELECT *, stored <= now() - "
         "$2::bigint * interval '1 millisecond' OR stored > now() + interval '1 minute' AS due FROM "
         "audit_outbox WHERE node = $1) o ORDER BY due DESC, generation IN "
         "(SELECT json_array_elements_text($4::json)::int) DESC, stored, event_id LIMIT $3::bigint"},
        {"outbox_left_by_others",
         "SELECT event_id::text, node, event, mac, generation, stored <= now() FROM audit_outbox WHERE node "
         "<> $1 AND (stored <= now() - $2::bigint * interval '1 millisecond' OR stored > now() + interval "
         "'1 minute') ORDER BY stored, event_id LIMIT $3::bigint"},
        {"outbox_remove",
         "DELETE FROM audit_outbox WHERE event_id IN (SELECT json_array_elements_text($1::json)::uuid)"},
    };
}

void AuditOutbox::store(WriteTransaction& tx, const OutboxRow& row) {
    tx.sql().exec_prepared("outbox_store", row.event_id.text(), storable("node", row.node),
                           storable("event", row.event), binary(row.mac), row.generation,
                           text_array(tx.changed_secrets()));
    tx.event_stored();
}

namespace {

std::vector<OutboxRow> outbox_rows_of(const pqxx::result& result) {
    std::vector<OutboxRow> rows;
    for (const auto& row : result) {
        // Whoever looks at the MAC says what is forged: nothing is reported here.
        std::uint32_t generation = 0;
        try {
            generation = generation_of(row[4]);
        } catch (const UnreadableColumn&) {
        }
        const bool due = row[5].is_null() || flag_of(row[5]);
        rows.push_back({uuid_of(row[0]), row[1].c_str(), row[2].c_str(), bytes_of(row[3]), generation, due});
    }
    return rows;
}

}  // namespace

std::vector<OutboxRow> AuditOutbox::pending(ReadTransaction& tx, const std::string& node,
                                            std::chrono::milliseconds age, std::size_t most,
                                            const std::vector<std::uint32_t>& readable) {
    std::vector<std::string> generations;
    for (const auto generation : readable) generations.push_back(std::to_string(generation));
    return outbox_rows_of(
        tx.sql().exec_prepared("outbox_pending", node, age.count(), most, json_list(generations)));
}

std::vector<OutboxRow> AuditOutbox::left_by_others(ReadTransaction& tx, const std::string& node,
                                                   std::chrono::milliseconds age, std::size_t most) {
    return outbox_rows_of(tx.sql().exec_prepared("outbox_left_by_others", node, age.count(), most));
}

void AuditOutbox::remove(WriteTransaction& tx, const std::vector<Uuid>& event_ids) {
    if (event_ids.empty()) return;
    std::vector<std::string> texts;
    texts.reserve(event_ids.size());
    for (const auto& id : event_ids) texts.push_back(id.text());
    tx.sql().exec_prepared("outbox_remove", json_list(texts));
}

}  // namespace coffer::storage
