#include <fmt/format.h>

#include <pqxx/result>
#include <pqxx/transaction_base>

#include "storage/seal_key_repository.hpp"
#include "storage/sql_values.hpp"
#include "storage/statements.hpp"

namespace coffer::storage {

namespace {

/// Only what this node has is changed by it.
constexpr const char* kOwned = "generation = $1::int AND node = $2 AND ended IS NULL RETURNING 1";

std::string lease_until(const char* millis) {
    return fmt::format("now() + {}::bigint * interval '1 millisecond'", millis);
}

std::optional<std::string> uuid_text(const std::optional<Uuid>& id) {
    if (!id) return std::nullopt;
    return id->text();
}

}  // namespace

std::vector<Statement> reseal_statements() {
    return {
        {"reseal_begin",
         fmt::format(
             "INSERT INTO reseals (generation, started, total) SELECT $1::int, {}, count(*) FROM ("
             "SELECT seal FROM secrets UNION ALL SELECT seal FROM iam_entities UNION ALL SELECT seal FROM "
             "iam_manifest UNION ALL SELECT seal FROM set_seals) AS sealed WHERE seal_generation(seal) < "
             "$1::int ON CONFLICT DO NOTHING",
             sql_time("$2"))},
        {"reseal_reopen",
         "UPDATE reseals SET ended = NULL, position = NULL, failed = 0 WHERE generation = $1::int AND "
         "ended IS NOT NULL"},
        {"reseal_claim",
         fmt::format("UPDATE reseals SET node = $2, lease = {} WHERE generation = $1::int AND ended IS NULL "
                     "AND (node = $2 OR lease < now()) RETURNING 1",
                     lease_until("$3"))},
        {"reseal_position", "SELECT position::text FROM reseals WHERE generation = $1::int"},
        {"reseal_secrets",
         "SELECT id::text, name FROM secrets WHERE seal_generation(seal) < $1::int AND ($2::uuid IS NULL OR "
         "id > $2::uuid) ORDER BY id LIMIT $3::int"},
        {"reseal_set",
         "SELECT count(*) FROM set_seals WHERE seal IS NOT NULL AND seal_generation(seal) < $1::int"},
        {"reseal_advance",
         fmt::format("UPDATE reseals SET position = $3::uuid, done = done + $4::bigint, lease = {} WHERE {}",
                     lease_until("$5"), kOwned)},
        {"reseal_rewind", fmt::format("UPDATE reseals SET position = NULL WHERE {}", kOwned)},
        {"reseal_end",
         fmt::format("UPDATE reseals SET ended = {}, failed = $3::bigint, lease = '-infinity' WHERE {}",
                     sql_time("$4"), kOwned)},
        {"reseal_progress",
         fmt::format("SELECT {}, {}, total, done, failed, lease > now() FROM reseals WHERE generation = "
                     "$1::int",
                     sql_unsealed_millis("started"), sql_unsealed_millis("ended"))},
        {"reseal_clear_failures", "DELETE FROM reseal_failures"},
        {"reseal_add_failure",
         "INSERT INTO reseal_failures (name, reason) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET reason "
         "= excluded.reason, noticed = excluded.noticed"},
        {"reseal_failures", "SELECT name, reason FROM reseal_failures ORDER BY name LIMIT $1::int"},
    };
}

void ResealRepository::begin(WriteTransaction& tx, std::uint32_t generation, Timestamp now) {
    tx.sql().exec_prepared("reseal_begin", generation, now.millis());
}

void ResealRepository::reopen(WriteTransaction& tx, std::uint32_t generation) {
    tx.sql().exec_prepared("reseal_reopen", generation);
}

bool ResealRepository::claim(WriteTransaction& tx, std::uint32_t generation, const std::string& node,
                             std::chrono::milliseconds lease) {
    return !tx.sql().exec_prepared("reseal_claim", generation, storable("node", node), lease.count()).empty();
}

std::optional<Uuid> ResealRepository::position(ReadTransaction& tx, std::uint32_t generation) {
    const auto rows = tx.sql().exec_prepared("reseal_position", generation);
    if (rows.empty() || rows.front()[0].is_null()) return std::nullopt;
    return uuid_of(rows.front()[0]);
}

std::vector<SecretToReseal> ResealRepository::secrets(ReadTransaction& tx, std::uint32_t generation,
                                                      const std::optional<Uuid>& position,
                                                      std::size_t limit) {
    const auto from = uuid_text(position);
    std::vector<SecretToReseal> secrets;
    for (const auto& row : tx.sql().exec_prepared("reseal_secrets", generation, nullable(from), limit)) {
        secrets.push_back({SecretId(uuid_of(row[0])), row[1].c_str()});
    }
    return secrets;
}

bool ResealRepository::set_is_older(ReadTransaction& tx, std::uint32_t generation) {
    return number_of<std::int64_t>(tx.sql().exec_prepared1("reseal_set", generation)[0]) > 0;
}

bool ResealRepository::advance(WriteTransaction& tx, std::uint32_t generation, const std::string& node,
                               const std::optional<Uuid>& position, std::int64_t done,
                               std::chrono::milliseconds lease) {
    const auto behind = uuid_text(position);
    return !tx.sql()
                .exec_prepared("reseal_advance", generation, node, nullable(behind), done, lease.count())
                .empty();
}

bool ResealRepository::rewind(WriteTransaction& tx, std::uint32_t generation, const std::string& node) {
    return !tx.sql().exec_prepared("reseal_rewind", generation, node).empty();
}

bool ResealRepository::end(WriteTransaction& tx, std::uint32_t generation, const std::string& node,
                           std::int64_t failed, Timestamp now) {
    return !tx.sql().exec_prepared("reseal_end", generation, node, failed, now.millis()).empty();
}

std::optional<ResealProgress> ResealRepository::progress(ReadTransaction& tx, std::uint32_t generation) {
    const auto rows = tx.sql().exec_prepared("reseal_progress", generation);
    if (rows.empty()) return std::nullopt;
    const auto row = rows.front();
    return ResealProgress{generation,
                          time_of(row[0]),
                          optional_time(row[1]),
                          number_of<std::int64_t>(row[2]),
                          number_of<std::int64_t>(row[3]),
                          number_of<std::int64_t>(row[4]),
                          flag_of(row[5])};
}

void ResealRepository::clear_failures(WriteTransaction& tx) {
    tx.sql().exec_prepared("reseal_clear_failures");
}

void ResealRepository::add_failure(WriteTransaction& tx, const ResealFailure& failure) {
    tx.sql().exec_prepared("reseal_add_failure", storable("name", failure.name),
                           storable("reason", failure.reason));
}

std::vector<ResealFailure> ResealRepository::failures(ReadTransaction& tx, std::size_t limit) {
    std::vector<ResealFailure> failures;
    for (const auto& row : tx.sql().exec_prepared("reseal_failures", limit)) {
        failures.push_back({row[0].c_str(), row[1].c_str()});
    }
    return failures;
}

}  // namespace coffer::storage
