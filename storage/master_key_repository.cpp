#include "storage/master_key_repository.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <pqxx/result>
#include <pqxx/transaction_base>
#include <stdexcept>
#include <tuple>

#include "storage/secret_seal.hpp"
#include "storage/sql_values.hpp"
#include "storage/statements.hpp"

namespace coffer::storage {

std::vector<Statement> master_key_statements() {
    return {
        // One row with NULLs for the keys when there are none: set and seal come from one snapshot.
        {"master_keys_all",
         fmt::format(
             "SELECT st.seal, k.id::text, k.generation, k.name, {}, k.check_wrapped_key, k.check_ciphertext "
             "FROM set_seals st LEFT JOIN master_keys k ON true WHERE st.name = 'master_keys' "
             "ORDER BY k.id, k.generation",
             sql_millis("k.created"))},
        {"master_keys_lock", "SELECT 1 FROM set_seals WHERE name = 'master_keys' FOR UPDATE"},
        {"master_keys_add",
         fmt::format(
             "INSERT INTO master_keys (id, generation, name, created, check_wrapped_key, check_ciphertext) "
             "VALUES ($1::uuid, $2::int, $3, {}, $5::bytea, $6::bytea)",
             sql_time("$4"))},
        {"master_keys_seal", "UPDATE set_seals SET seal = $1::bytea WHERE name = 'master_keys'"},
    };
}

namespace {

auto order_of(const StoredMasterKey& key) {
    return std::tie(key.id, key.generation);
}

StoredMasterKey read_key(const pqxx::row& row) {
    StoredMasterKey key;
    key.id = Uuid::parse(row[1].c_str()).value();
    key.generation = row[2].as<std::uint32_t>();
    key.name = row[3].c_str();
    key.created = time_of(row[4]);
    key.check_value = {key.id, key.generation, bytes_of(row[5]), bytes_of(row[6])};
    return key;
}

}  // namespace

std::vector<StoredMasterKey> MasterKeyRepository::all(ReadTransaction& tx) {
    const auto rows = tx.sql().exec_prepared("master_keys_all");
    const IntegrityError broken("table master_keys: the seal over the set of master keys does not match");
    if (rows.empty()) throw broken;  // the migration made the row
    std::vector<StoredMasterKey> keys;
    for (const auto& row : rows) {
        if (!row[1].is_null()) keys.push_back(read_key(row));
    }
    const auto seal = rows.front()[0];
    if (seal.is_null() && keys.empty()) return keys;
    if (seal.is_null() || !tx.seals().check(master_keys_seal_message(keys), bytes_of(seal), tx.deadline())) {
        throw broken;
    }
    return keys;
}

void MasterKeyRepository::add(WriteTransaction& tx, const std::vector<StoredMasterKey>& keys) {
    tx.sql().exec_prepared("master_keys_lock");
    auto stored = all(tx);
    bool added = false;
    for (const auto& key : keys) {
        if (key.check_value.master_key != key.id || key.check_value.generation != key.generation) {
            throw std::logic_error("a master key's check value was made with another key");
        }
        const auto same = [&](const StoredMasterKey& other) { return order_of(other) == order_of(key); };
        if (std::any_of(stored.begin(), stored.end(), same)) continue;
        tx.sql().exec_prepared("master_keys_add", key.id.text(), key.generation,
                               storable("master key name", key.name), key.created.millis(),
                               binary(key.check_value.wrapped_key), binary(key.check_value.ciphertext));
        stored.push_back(key);
        added = true;
    }
    if (!added) return;
    std::sort(stored.begin(), stored.end(),
              [](const auto& a, const auto& b) { return order_of(a) < order_of(b); });
    const auto seal = tx.seals().make(master_keys_seal_message(stored), tx.deadline());
    tx.sql().exec_prepared("master_keys_seal", binary(seal));
    // Keys are only ever added, so their number grows with every change.
    tx.row_sealed({"set_seals", "master_keys", static_cast<std::int64_t>(stored.size()), seal});
}

}  // namespace coffer::storage
