#include "storage/seal_key_repository.hpp"

#include <fmt/format.h>

#include <pqxx/result>
#include <pqxx/transaction_base>

#include "storage/sql_values.hpp"
#include "storage/statements.hpp"
#include "storage/token_key_repository.hpp"

namespace coffer::storage {

std::vector<Statement> seal_key_statements() {
    return {
        {"seal_keys_all",
         fmt::format("SELECT generation, {}, {}, retired, {}, seal FROM token_keys WHERE purpose = 'seal' "
                     "ORDER BY generation",
                     sql_unsealed_millis("created"), sql_unsealed_millis("activated"),
                     sql_seconds_since("marked"))},
        {"seal_keys_add", fmt::format("INSERT INTO token_keys (purpose, generation, created, activated) "
                                      "VALUES ('seal', $1::int, {}, {}) ON CONFLICT DO NOTHING",
                                      sql_time("$2"), sql_time("$3"))},
        {"seal_keys_activate",
         fmt::format("UPDATE token_keys SET activated = {} WHERE purpose = 'seal' AND generation = $1::int "
                     "AND activated IS NULL",
                     sql_time("$2"))},
        {"seal_keys_mark",
         "UPDATE token_keys SET retirement = $2::uuid, marked = now() WHERE purpose = 'seal' AND generation "
         "= "
         "$1::int AND NOT retired AND marked IS NULL RETURNING 1"},
        {"seal_keys_unmark",
         "UPDATE token_keys SET retirement = NULL, marked = NULL WHERE purpose = 'seal' AND retirement = "
         "$1::uuid"},
        {"seal_keys_unmark_left_behind",
         "UPDATE token_keys SET retirement = NULL, marked = NULL WHERE purpose = 'seal' AND marked <= now() "
         "- "
         "$1::bigint * interval '1 second'"},
        {"seal_keys_retire",
         "UPDATE token_keys SET retired = true, retirement = NULL, marked = NULL, seal = $3::bytea WHERE "
         "purpose = 'seal' AND generation = $1::int AND retirement = $2::uuid RETURNING 1"},
        {"seal_holders_all",
         fmt::format("SELECT node, generation, sealing, {}, {}, stopped FROM seal_holders ORDER BY node",
                     sql_unsealed_millis("changed"), sql_seconds_since("seen"))},
        {"seal_holders_put",
         fmt::format(
             "INSERT INTO seal_holders AS known (node, generation, sealing, seen) VALUES ($1, $2::int, "
             "$3::int, now()) ON CONFLICT (node) DO UPDATE SET generation = excluded.generation, "
             "sealing = excluded.sealing, changed = CASE WHEN known.sealing = excluded.sealing THEN "
             "known.changed ELSE {} END, seen = excluded.seen, stopped = false",
             sql_time("$4"))},
        {"seal_holders_stop", "UPDATE seal_holders SET stopped = true, seen = now() WHERE node = $1"},
        {"seal_rows_count",
         "SELECT seal_generation(seal), count(*) FROM (SELECT seal FROM secrets UNION ALL "
         "SELECT seal FROM iam_entities UNION ALL SELECT seal FROM iam_manifest WHERE seal IS NOT NULL "
         "UNION ALL SELECT seal FROM set_seals WHERE seal IS NOT NULL) AS sealed GROUP BY 1"},
        {"seal_outbox_nodes",
         "SELECT DISTINCT generation, node FROM audit_outbox WHERE generation > 0 ORDER BY generation, node"},
    };
}

std::vector<StoredSealKey> SealKeyRepository::keys(ReadTransaction& tx) {
    std::vector<StoredSealKey> keys;
    for (const auto& row : tx.sql().exec_prepared("seal_keys_all")) {
        in_row_or_without_it(tx, {"token_keys", {"seal", row[0].c_str()}}, [&] {
            StoredSealKey key{generation_of(row[0]), time_of(row[1]), optional_time(row[2]), flag_of(row[3])};
            if (!row[4].is_null()) key.marked_seconds_ago = number_of<std::int64_t>(row[4]);
            if (!row[5].is_null()) key.retirement_seal = bytes_of(row[5]);
            keys.push_back(std::move(key));
        });
    }
    return keys;
}

void SealKeyRepository::add(WriteTransaction& tx, const StoredSealKey& key) {
    const auto activated = millis_text(key.activated);
    tx.sql().exec_prepared("seal_keys_add", key.generation, key.created.millis(), nullable(activated));
}

void SealKeyRepository::activate(WriteTransaction& tx, std::uint32_t generation, Timestamp now) {
    tx.sql().exec_prepared("seal_keys_activate", generation, now.millis());
}

bool SealKeyRepository::mark(WriteTransaction& tx, std::uint32_t generation, const Uuid& retirement) {
    return !tx.sql().exec_prepared("seal_keys_mark", generation, retirement.text()).empty();
}

void SealKeyRepository::unmark(WriteTransaction& tx, const Uuid& retirement) {
    tx.sql().exec_prepared("seal_keys_unmark", retirement.text());
}

void SealKeyRepository::unmark_left_behind(WriteTransaction& tx, std::chrono::seconds age) {
    tx.sql().exec_prepared("seal_keys_unmark_left_behind", age.count());
}

bool SealKeyRepository::retire(WriteTransaction& tx, std::uint32_t generation, const Uuid& retirement) {
    const auto seal = tx.seals().make(retirement_message("seal", generation), tx.deadline());
    return !tx.sql().exec_prepared("seal_keys_retire", generation, retirement.text(), binary(seal)).empty();
}

std::vector<SealHolder> SealKeyRepository::holders(ReadTransaction& tx) {
    std::vector<SealHolder> holders;
    for (const auto& row : tx.sql().exec_prepared("seal_holders_all")) {
        // Without a generation it counts as one that has none yet: the node writes it anew within a minute.
        const RowName name{"seal_holders", {row[0].c_str()}};
        const auto generation = generation_or_none(tx, name, row[1]);
        const auto sealing = generation_or_none(tx, name, row[2]);
        holders.push_back({row[0].c_str(), generation, sealing, optional_time(row[3]),
                           number_of<std::int64_t>(row[4]), flag_of(row[5])});
    }
    return holders;
}

void SealKeyRepository::put_holder(WriteTransaction& tx, const std::string& node, std::uint32_t generation,
                                   std::uint32_t sealing, Timestamp now) {
    tx.sql().exec_prepared("seal_holders_put", storable("node", node), generation, sealing, now.millis());
}

void SealKeyRepository::stop_holder(WriteTransaction& tx, const std::string& node) {
    tx.sql().exec_prepared("seal_holders_stop", node);
}

std::map<std::uint32_t, std::int64_t> SealKeyRepository::count_rows(ReadTransaction& tx) {
    std::map<std::uint32_t, std::int64_t> counts;
    for (const auto& row : tx.sql().exec_prepared("seal_rows_count")) {
        counts[number_of<std::uint32_t>(row[0])] += number_of<std::int64_t>(row[1]);
    }
    return counts;
}

void SealKeyRepository::wait_for_writers(WriteTransaction& tx) {
    // Conflicts with the locks of every INSERT, UPDATE and SELECT FOR UPDATE, which they hold to the end of
    // their transactions; plain reads go on.
    tx.sql().exec(
        "LOCK TABLE secrets, iam_entities, iam_manifest, set_seals, audit_outbox IN EXCLUSIVE MODE");
}

std::map<std::uint32_t, std::vector<std::string>> SealKeyRepository::outbox_nodes(ReadTransaction& tx) {
    std::map<std::uint32_t, std::vector<std::string>> nodes;
    for (const auto& row : tx.sql().exec_prepared("seal_outbox_nodes")) {
        nodes[number_of<std::uint32_t>(row[0])].emplace_back(row[1].c_str());
    }
    return nodes;
}

std::uint32_t seal_generation(ByteView seal) noexcept {
    constexpr std::size_t kMac = 32;
    constexpr std::size_t kGeneration = 4;
    if (seal.size() == kMac) return 1;
    if (seal.size() != kGeneration + kMac) return 0;
    std::uint32_t generation = 0;
    for (const auto byte : seal.first(kGeneration)) generation = (generation << 8U) | byte;
    return generation;
}

}  // namespace coffer::storage
