#include "storage/master_key_repository.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <pqxx/result>
#include <pqxx/transaction_base>
#include <stdexcept>
#include <tuple>

#include "storage/secret_seal.hpp"
#include "storage/sql_values.hpp"
#include "storage/statements.hpp"

namespace coffer::storage {

namespace {

/// Any number that nothing else locks: whoever makes or destroys keys in the token holds it.
constexpr std::int64_t kTokenLock = 0x636f'6666'6572'6b79;  // "cofferky"

std::string retired_input(const char* parameter) {
    return fmt::format("json_to_recordset({}::json) AS j(id uuid, generation int)", parameter);
}

}  // namespace

std::vector<Statement> master_key_statements() {
    return {
        // One row with NULLs for the keys when there are none: set and seal come from one snapshot.
        {"master_keys_all",
         fmt::format(
             "SELECT st.seal, st.revision, k.id::text, k.generation, k.name, {}, k.check_wrapped_key, "
             "k.check_ciphertext, c.description, {}, c.rotation_days, {}, c.rewrapped_generation, {} "
             "FROM set_seals st LEFT JOIN master_keys k ON true LEFT JOIN master_key_settings c ON c.id = "
             "k.id "
             "WHERE st.name = 'master_keys' ORDER BY k.id, k.generation",
             sql_millis("k.created"), sql_millis("c.deletion_due"), sql_millis("c.next_rotation"),
             sql_millis("c.rewrapped"))},
        {"master_keys_lock", "SELECT 1 FROM set_seals WHERE name = 'master_keys' FOR UPDATE"},
        {"master_keys_add",
         fmt::format(
             "INSERT INTO master_keys (id, generation, name, created, check_wrapped_key, check_ciphertext) "
             "VALUES ($1::uuid, $2::int, $3, {}, $5::bytea, $6::bytea)",
             sql_time("$4"))},
        {"master_keys_remove", "DELETE FROM master_keys WHERE id = $1::uuid AND generation = $2::int"},
        {"master_keys_settings",
         fmt::format(
             "INSERT INTO master_key_settings (id, description, deletion_due, rotation_days, next_rotation, "
             "rewrapped_generation, rewrapped) VALUES ($1::uuid, $2, {}, $4::int, {}, $6::int, {}) "
             "ON CONFLICT (id) DO UPDATE SET description = excluded.description, "
             "deletion_due = excluded.deletion_due, rotation_days = excluded.rotation_days, "
             "next_rotation = excluded.next_rotation, rewrapped_generation = excluded.rewrapped_generation, "
             "rewrapped = excluded.rewrapped",
             sql_time("$3"), sql_time("$5"), sql_time("$7"))},
        {"master_keys_no_settings", "DELETE FROM master_key_settings WHERE id = $1::uuid"},
        {"master_keys_seal",
         "UPDATE set_seals SET seal = $1::bytea, revision = $2::bigint WHERE name = 'master_keys'"},
        {"master_keys_lock_token", "SELECT pg_advisory_xact_lock($1::bigint)"},
        {"master_keys_retire",
         fmt::format("INSERT INTO retired_generations (id, generation) SELECT j.id, j.generation "
                     "FROM {} ON CONFLICT DO NOTHING",
                     retired_input("$1"))},
        {"master_keys_unretire",
         fmt::format("DELETE FROM retired_generations r USING {} WHERE r.id = j.id AND "
                     "r.generation = j.generation",
                     retired_input("$1"))},
        {"master_keys_retired",
         "SELECT id::text, generation FROM retired_generations ORDER BY id, generation"},
    };
}

namespace {

auto order_of(const StoredMasterKey& key) {
    return std::tie(key.id, key.generation);
}

StoredMasterKey read_key(const pqxx::row& row) {
    StoredMasterKey key;
    key.id = uuid_of(row[2]);
    key.generation = generation_of(row[3]);
    key.name = row[4].c_str();
    key.created = time_of(row[5]);
    key.check_value = {key.id, key.generation, bytes_of(row[6]), bytes_of(row[7])};
    return key;
}

StoredMasterKeySettings read_settings(const pqxx::row& row) {
    StoredMasterKeySettings settings;
    settings.description = row[8].c_str();
    settings.deletion_due = optional_time(row[9]);
    if (!row[10].is_null()) settings.rotation_days = number_of<std::int32_t>(row[10]);
    settings.next_rotation = optional_time(row[11]);
    settings.rewrapped_generation = number_of<std::uint32_t>(row[12]);
    settings.rewrapped = optional_time(row[13]);
    return settings;
}

bool seal_is_good(ReadTransaction& tx, const StoredMasterKeys& keys, ByteView seal) {
    // Settings came with the number: a set that was sealed without has none.
    if (!keys.revision && !keys.settings.empty()) return false;
    auto message =
        keys.revision ? master_keys_seal_message(keys) : master_keys_seal_message(keys.generations);
    return tx.seals().check(std::move(message), seal, tx.deadline());
}

void require_own_check_value(const StoredMasterKey& key) {
    if (key.check_value.master_key == key.id && key.check_value.generation == key.generation) return;
    throw std::logic_error("a master key's check value was made with another key");
}

void insert_key(WriteTransaction& tx, const StoredMasterKey& key) {
    require_own_check_value(key);
    tx.sql().exec_prepared("master_keys_add", key.id.text(), key.generation,
                           storable("master key name", key.name), key.created.millis(),
                           binary(key.check_value.wrapped_key), binary(key.check_value.ciphertext));
}

void put_settings(WriteTransaction& tx, const Uuid& id, const StoredMasterKeySettings& settings) {
    const auto due = millis_text(settings.deletion_due);
    const auto days =
        settings.rotation_days ? std::optional(std::to_string(*settings.rotation_days)) : std::nullopt;
    const auto next = millis_text(settings.next_rotation);
    const auto rewrapped = millis_text(settings.rewrapped);
    tx.sql().exec_prepared("master_keys_settings", id.text(), storable("Description", settings.description),
                           nullable(due), nullable(days), nullable(next), settings.rewrapped_generation,
                           nullable(rewrapped));
}

std::string retired_json(const std::vector<RetiredGeneration>& generations) {
    boost::json::array entries;
    for (const auto& each : generations) {
        entries.push_back(boost::json::object{{"id", each.id.text()}, {"generation", each.generation}});
    }
    return boost::json::serialize(entries);
}

}  // namespace

StoredMasterKeys MasterKeyRepository::load(ReadTransaction& tx) {
    const auto rows = tx.sql().exec_prepared("master_keys_all");
    const IntegrityError broken("table master_keys: the seal over the set of master keys does not match");
    if (rows.empty()) throw broken;  // the migration made the row
    StoredMasterKeys keys;
    try {
        if (!rows.front()[1].is_null()) keys.revision = number_of<std::int64_t>(rows.front()[1]);
        for (const auto& row : rows) {
            if (row[2].is_null()) continue;
            keys.generations.push_back(read_key(row));
            if (!row[8].is_null())
                keys.settings.insert_or_assign(keys.generations.back().id, read_settings(row));
        }
    } catch (const UnreadableColumn&) {
        throw broken;  // what we never write has no seal of ours
    }
    const auto seal = rows.front()[0];
    if (seal.is_null() && keys.generations.empty() && !keys.revision) return keys;
    if (seal.is_null() || !seal_is_good(tx, keys, bytes_of(seal))) throw broken;
    return keys;
}

StoredMasterKeys MasterKeyRepository::lock(WriteTransaction& tx) {
    tx.sql().exec_prepared("master_keys_lock");
    return load(tx);
}

void MasterKeyRepository::store(WriteTransaction& tx, const StoredMasterKeys& locked,
                                StoredMasterKeys changed) {
    std::ranges::sort(changed.generations,
                      [](const auto& a, const auto& b) { return order_of(a) < order_of(b); });
    const auto among = [](const std::vector<StoredMasterKey>& keys, const StoredMasterKey& key) {
        return std::ranges::any_of(keys, [&](const auto& other) { return order_of(other) == order_of(key); });
    };
    for (const auto& key : changed.generations) {
        if (!among(locked.generations, key)) insert_key(tx, key);
    }
    for (const auto& key : locked.generations) {
        if (!among(changed.generations, key))
            tx.sql().exec_prepared("master_keys_remove", key.id.text(), key.generation);
    }
    // A key that is gone has nothing left to be decided about it.
    std::erase_if(changed.settings, [&](const auto& entry) {
        return std::ranges::none_of(changed.generations,
                                    [&](const auto& key) { return key.id == entry.first; });
    });
    for (const auto& [id, settings] : changed.settings) put_settings(tx, id, settings);
    for (const auto& [id, settings] : locked.settings) {
        if (!changed.settings.contains(id)) tx.sql().exec_prepared("master_keys_no_settings", id.text());
    }
    // Sets that had no number were told as their size.
    changed.revision = locked.revision.value_or(static_cast<std::int64_t>(locked.generations.size())) + 1;
    const auto seal = tx.seals().make(master_keys_seal_message(changed), tx.deadline());
    tx.sql().exec_prepared("master_keys_seal", binary(seal), *changed.revision);
    tx.row_sealed({"set_seals", "master_keys", *changed.revision, seal});
}

std::vector<StoredMasterKey> MasterKeyRepository::all(ReadTransaction& tx) {
    return load(tx).generations;
}

void MasterKeyRepository::add(WriteTransaction& tx, const std::vector<StoredMasterKey>& keys) {
    const auto locked = lock(tx);
    auto changed = locked;
    for (const auto& key : keys) {
        require_own_check_value(key);
        const auto same = [&](const StoredMasterKey& other) { return order_of(other) == order_of(key); };
        if (std::ranges::none_of(changed.generations, same)) changed.generations.push_back(key);
    }
    if (changed.generations.size() != locked.generations.size()) store(tx, locked, std::move(changed));
}

void MasterKeyRepository::lock_token(WriteTransaction& tx) {
    tx.sql().exec_prepared("master_keys_lock_token", kTokenLock);
}

void MasterKeyRepository::retire(WriteTransaction& tx, const std::vector<RetiredGeneration>& generations) {
    tx.sql().exec_prepared("master_keys_retire", retired_json(generations));
}

void MasterKeyRepository::unretire(WriteTransaction& tx, const std::vector<RetiredGeneration>& generations) {
    tx.sql().exec_prepared("master_keys_unretire", retired_json(generations));
}

std::vector<RetiredGeneration> MasterKeyRepository::retired(ReadTransaction& tx) {
    std::vector<RetiredGeneration> generations;
    for (const auto& row : tx.sql().exec_prepared("master_keys_retired")) {
        // What is no generation cannot be destroyed, and holds nothing back.
        in_row_or_without_it(tx, {"retired_generations", {row[0].c_str(), row[1].c_str()}}, [&] {
            generations.push_back({uuid_of(row[0]), generation_of(row[1])});
        });
    }
    return generations;
}

void MasterKeyRepository::wait_for_writers(WriteTransaction& tx) {
    // Conflicts with the lock that every INSERT and UPDATE holds to its end, and goes with this transaction.
    tx.sql().exec("LOCK TABLE secret_versions IN SHARE MODE");
}

}  // namespace coffer::storage
