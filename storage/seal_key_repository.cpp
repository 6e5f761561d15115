#include "storage/seal_key_repository.hpp"

#include <fmt/format.h>

#include <pqxx/result>
#include <pqxx/transaction_base>

#include "storage/sql_values.hpp"
#include "storage/statements.hpp"

namespace coffer::storage {

std::vector<Statement> seal_key_statements() {
    return {
        {"seal_keys_all",
         fmt::format("SELECT generation, {}, {}, retired FROM token_keys WHERE purpose = 'seal' "
                     "ORDER BY generation",
                     sql_millis("created"), sql_millis("activated"))},
        {"seal_keys_add", fmt::format("INSERT INTO token_keys (purpose, generation, created, activated) "
                                      "VALUES ('seal', $1::int, {}, {}) ON CONFLICT DO NOTHING",
                                      sql_time("$2"), sql_time("$3"))},
        {"seal_keys_activate",
         fmt::format("UPDATE token_keys SET activated = {} WHERE purpose = 'seal' AND generation = $1::int "
                     "AND activated IS NULL",
                     sql_time("$2"))},
        {"seal_keys_retired",
         "UPDATE token_keys SET retired = $2::bool WHERE purpose = 'seal' AND generation = $1::int"},
        {"seal_keys_remove", "DELETE FROM token_keys WHERE purpose = 'seal' AND generation = $1::int"},
        {"seal_holders_all",
         "SELECT node, generation, date_part('epoch', now() - seen)::bigint FROM seal_holders ORDER BY node"},
        {"seal_holders_put",
         "INSERT INTO seal_holders (node, generation, seen) VALUES ($1, $2::int, now()) "
         "ON CONFLICT (node) DO UPDATE SET generation = excluded.generation, seen = excluded.seen"},
        {"seal_holders_remove", "DELETE FROM seal_holders WHERE node = $1"},
        {"seal_rows_count",
         "SELECT seal_generation(seal), count(*) FROM (SELECT seal FROM secrets UNION ALL "
         "SELECT seal FROM iam_entities UNION ALL SELECT seal FROM iam_manifest WHERE seal IS NOT NULL "
         "UNION ALL SELECT seal FROM set_seals WHERE seal IS NOT NULL) AS sealed GROUP BY 1"},
        {"seal_outbox_nodes",
         fmt::format("SELECT DISTINCT node FROM audit_outbox WHERE stored < {} ORDER BY node",
                     sql_time("$1"))},
    };
}

std::vector<StoredSealKey> SealKeyRepository::keys(ReadTransaction& tx) {
    std::vector<StoredSealKey> keys;
    for (const auto& row : tx.sql().exec_prepared("seal_keys_all")) {
        keys.push_back(
            {row[0].as<std::uint32_t>(), time_of(row[1]), optional_time(row[2]), row[3].as<bool>()});
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

void SealKeyRepository::set_retired(WriteTransaction& tx, std::uint32_t generation, bool retired) {
    tx.sql().exec_prepared("seal_keys_retired", generation, retired);
}

void SealKeyRepository::remove(WriteTransaction& tx, std::uint32_t generation) {
    tx.sql().exec_prepared("seal_keys_remove", generation);
}

std::vector<SealHolder> SealKeyRepository::holders(ReadTransaction& tx) {
    std::vector<SealHolder> holders;
    for (const auto& row : tx.sql().exec_prepared("seal_holders_all")) {
        holders.push_back({row[0].c_str(), row[1].as<std::uint32_t>(), row[2].as<std::int64_t>()});
    }
    return holders;
}

void SealKeyRepository::put_holder(WriteTransaction& tx, const std::string& node, std::uint32_t generation) {
    tx.sql().exec_prepared("seal_holders_put", storable("node", node), generation);
}

void SealKeyRepository::remove_holder(WriteTransaction& tx, const std::string& node) {
    tx.sql().exec_prepared("seal_holders_remove", node);
}

std::map<std::uint32_t, std::int64_t> SealKeyRepository::count_rows(ReadTransaction& tx) {
    std::map<std::uint32_t, std::int64_t> counts;
    for (const auto& row : tx.sql().exec_prepared("seal_rows_count")) {
        counts[row[0].as<std::uint32_t>()] += row[1].as<std::int64_t>();
    }
    return counts;
}

void SealKeyRepository::wait_for_writers(WriteTransaction& tx) {
    // Conflicts with the lock that every INSERT and UPDATE holds to its end, and goes with this transaction.
    tx.sql().exec("LOCK TABLE secrets, iam_entities, iam_manifest, set_seals IN SHARE MODE");
}

std::vector<std::string> SealKeyRepository::nodes_with_events_before(ReadTransaction& tx, Timestamp time) {
    std::vector<std::string> nodes;
    for (const auto& row : tx.sql().exec_prepared("seal_outbox_nodes", time.millis())) {
        nodes.emplace_back(row[0].c_str());
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
