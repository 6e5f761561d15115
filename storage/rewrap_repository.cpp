#include "storage/rewrap_repository.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <limits>
#include <pqxx/result>
#include <pqxx/transaction_base>

#include "storage/sql_values.hpp"
#include "storage/statements.hpp"

namespace coffer::storage {

namespace {

const std::string kLease = "now() + $4::bigint * interval '1 millisecond'";

}  // namespace

std::vector<Statement> rewrap_statements() {
    return {
        {"rewrap_begin",
         fmt::format("INSERT INTO rewraps AS r (master_key, generation, started, total) "
                     "SELECT $1::uuid, $2::int, {}, (SELECT count(*) FROM secret_versions v "
                     "WHERE v.master_key = $1::uuid AND v.key_generation < $2::int) "
                     "ON CONFLICT (master_key) DO UPDATE SET generation = excluded.generation, "
                     "started = excluded.started, ended = NULL, total = excluded.total, pass = 1 "
                     "WHERE r.generation < excluded.generation RETURNING 1",
                     sql_time("$3"))},
        {"rewrap_begun", "SELECT generation FROM rewraps WHERE master_key = $1::uuid FOR UPDATE"},
        {"rewrap_no_failures", "DELETE FROM rewrap_failures WHERE master_key = $1::uuid"},
        {"rewrap_slices",
         fmt::format(
             "INSERT INTO rewrap_slices AS s (master_key, slice, next_block, end_block) "
             "SELECT $1::uuid, n, n * t.blocks / {0}, (n + 1) * t.blocks / {0} "
             "FROM generate_series(0, {0} - 1) AS n, (SELECT pg_relation_size('secret_versions') / "
             "current_setting('block_size')::bigint AS blocks) t ON CONFLICT (master_key, slice) DO UPDATE "
             "SET next_block = excluded.next_block, end_block = excluded.end_block, finished = false, "
             "node = '', lease = '-infinity', done = CASE WHEN $2::bool THEN 0 ELSE s.done END",
             RewrapRepository::kSlices)},
        {"rewrap_claim",
         fmt::format(
             "UPDATE rewrap_slices SET node = $3, lease = {} WHERE master_key = $1::uuid AND slice = ("
             "SELECT s.slice FROM rewrap_slices s JOIN rewraps r USING (master_key) "
             "WHERE s.master_key = $1::uuid AND r.generation = $2::int AND NOT s.finished AND s.lease < "
             "now() "
             "ORDER BY s.slice LIMIT 1 FOR UPDATE OF s SKIP LOCKED) "
             "RETURNING slice, next_block, end_block",
             kLease)},
        {"rewrap_next",
         "SELECT secret_id::text, version_id, key_generation, wrapped_key FROM secret_versions "
         "WHERE ctid >= format('(%s,0)', $3::bigint)::tid AND ctid < format('(%s,0)', $4::bigint)::tid "
         "AND master_key = $1::uuid AND key_generation < $2::int ORDER BY secret_id, version_id LIMIT "
         "$5::bigint"},
        // One row of each table a version: rows are locked in the order of their ids, as in the batch.
        {"rewrap_store",
         fmt::format(
             "WITH j AS (SELECT * FROM unnest($5::uuid[], $6::text[], $7::bytea[], $8::bytea[]) "
             "AS j(secret_id, version_id, old_key, new_key)), "
             "w AS (UPDATE secret_versions v SET wrapped_key = j.new_key, key_generation = $2::int FROM j "
             "WHERE v.secret_id = j.secret_id AND v.version_id = j.version_id AND v.wrapped_key = j.old_key "
             "AND v.master_key = $1::uuid RETURNING 1), "
             "n AS (SELECT count(*) AS n FROM w), "
             "p AS (UPDATE rewrap_slices SET done = done + n.n, next_block = $9::bigint, lease = {} FROM n "
             "WHERE master_key = $1::uuid AND slice = $3::smallint) "
             "SELECT n.n, set_config('synchronous_commit', 'off', true) FROM n",
             kLease)},
        {"rewrap_finish",
         "UPDATE rewrap_slices SET finished = true, node = '', lease = '-infinity' "
         "WHERE master_key = $1::uuid AND slice = $2::smallint"},
        {"rewrap_release",
         "UPDATE rewrap_slices SET node = '', lease = '-infinity' "
         "WHERE master_key = $1::uuid AND node = $2 AND NOT finished"},
        {"rewrap_note_failures",
         "INSERT INTO rewrap_failures (secret_id, version_id, master_key, generation, reason) "
         "SELECT j.s, j.v, $1::uuid, j.g, j.r FROM json_to_recordset($2::json) AS j(s uuid, v text, g int, r "
         "text) "
         "ON CONFLICT (secret_id, version_id) DO UPDATE SET master_key = excluded.master_key, "
         "generation = excluded.generation, reason = excluded.reason, noticed = now()"},
        {"rewrap_pass", "UPDATE rewraps SET pass = pass + 1, ended = NULL WHERE master_key = $1::uuid"},
        {"rewrap_end",
         fmt::format("UPDATE rewraps SET ended = {} WHERE master_key = $1::uuid", sql_time("$2"))},
        {"rewrap_progress",
         fmt::format("SELECT r.generation, {}, {}, r.total, s.done, s.open, s.leased, "
                     "(SELECT count(*) FROM rewrap_failures f WHERE f.master_key = r.master_key) "
                     "FROM rewraps r LEFT JOIN LATERAL (SELECT coalesce(sum(done), 0)::bigint AS done, "
                     "count(*) FILTER (WHERE NOT finished) AS open, "
                     "count(*) FILTER (WHERE NOT finished AND lease >= now()) AS leased "
                     "FROM rewrap_slices s WHERE s.master_key = r.master_key) s ON true "
                     "WHERE r.master_key = $1::uuid",
                     sql_unsealed_millis("r.started"), sql_unsealed_millis("r.ended"))},
        {"rewrap_failures",
         "SELECT f.secret_id::text, f.version_id, f.generation, f.reason, s.arn FROM rewrap_failures f "
         "LEFT JOIN secrets s ON s.id = f.secret_id WHERE f.master_key = $1::uuid "
         "ORDER BY f.secret_id, f.version_id LIMIT $2::bigint"},
        {"rewrap_count",
         "SELECT greatest(key_generation, 0), count(*) FROM secret_versions WHERE master_key = $1::uuid "
         "GROUP BY "
         "1"},
        {"rewrap_remaining",
         "SELECT count(*) FROM secret_versions v WHERE v.master_key = $1::uuid AND v.key_generation < "
         "$2::int "
         "AND NOT EXISTS (SELECT 1 FROM rewrap_failures f WHERE f.secret_id = v.secret_id "
         "AND f.version_id = v.version_id)"},
        {"rewrap_secrets",
         "SELECT name, count(*) OVER () FROM secrets s WHERE s.kms_key_id = ANY (ARRAY(SELECT "
         "json_array_elements_text($2::json))) "
         "OR EXISTS (SELECT 1 FROM secret_versions v WHERE v.secret_id = s.id AND v.master_key = $1::uuid) "
         "ORDER BY name LIMIT 5"},
        {"rewrap_versions",
         "SELECT count(*) FROM secret_versions WHERE kind IS NOT NULL AND ($1::uuid IS NULL OR master_key = "
         "$1::uuid)"},
        {"rewrap_proofs",
         "SELECT v.secret_id::text, s.arn, v.version_id, v.kind, v.master_key::text, v.key_generation, "
         "v.wrapped_key, "
         "CASE WHEN $5::bool THEN v.ciphertext ELSE '' END FROM secret_versions v JOIN secrets s ON s.id = "
         "v.secret_id "
         "WHERE (v.secret_id, v.version_id) > ($2::uuid, $3::text) AND v.kind IS NOT NULL "
         "AND ($1::uuid IS NULL OR v.master_key = $1::uuid) ORDER BY v.secret_id, v.version_id LIMIT "
         "$4::bigint"},
    };
}

namespace {

/// An array's text. Elements are quoted, so that no character of theirs means anything.
class ArrayText {
public:
    void add(std::string_view text) {
        text_ += text_.size() == 1 ? "\"" : ",\"";
        for (const char c : text) {
            if (c == '"' || c == '\\') text_ += '\\';
            text_ += c;
        }
        text_ += '"';
    }
    void add_bytes(ByteView bytes) { add("\\x" + to_hex(bytes)); }
    [[nodiscard]] std::string take() { return std::move(text_ += '}'); }

private:
    std::string text_ = "{";
};

std::optional<std::string> id_text(const std::optional<Uuid>& id) {
    return id ? std::optional(id->text()) : std::nullopt;
}

/// The number of a block, of which a table has less than 2^32: "rewrap_next" could not be asked for others.
std::int64_t block_of(const pqxx::field& field) {
    constexpr std::int64_t kMostBlocks = std::numeric_limits<std::uint32_t>::max();
    return std::clamp<std::int64_t>(number_of<std::int64_t>(field), 0, kMostBlocks);
}

std::int64_t count_in(const pqxx::result& rows) {
    return number_of<std::int64_t>(rows.front()[0]);
}

std::uint32_t generation_under(ReadTransaction& tx, const Uuid& key, const pqxx::field& field) {
    const auto id = key.text();
    return generation_or_none(tx, {"rewraps", {id.c_str()}}, field);
}

}  // namespace

bool RewrapRepository::begin(WriteTransaction& tx, const Uuid& key, std::uint32_t generation, Timestamp now) {
    const auto begun = tx.sql().exec_prepared("rewrap_begun", key.text());
    if (!begun.empty() && generation_under(tx, key, begun.front()[0]) >= generation) return false;
    // Of two nodes that begin at once the second waits for the first, and finds it begun.
    if (tx.sql().exec_prepared("rewrap_begin", key.text(), generation, now.millis()).empty()) return false;
    tx.sql().exec_prepared("rewrap_no_failures", key.text());
    tx.sql().exec_prepared("rewrap_slices", key.text(), true);
    return true;
}

std::optional<RewrapSlice> RewrapRepository::claim(WriteTransaction& tx, const Uuid& key,
                                                   std::uint32_t generation, const std::string& node,
                                                   std::chrono::milliseconds lease) {
    const auto rows = tx.sql().exec_prepared("rewrap_claim", key.text(), generation, node, lease.count());
    if (rows.empty()) return std::nullopt;
    const auto row = rows.front();
    RewrapSlice slice;
    slice.number = number_of<std::int16_t>(row[0]);
    slice.next_block = block_of(row[1]);
    slice.end_block = block_of(row[2]);
    return slice;
}

std::vector<StoredDataKey> RewrapRepository::next(ReadTransaction& tx, const Uuid& key,
                                                  std::uint32_t generation, std::int64_t from,
                                                  std::int64_t to, std::size_t limit) {
    std::vector<StoredDataKey> keys;
    for (const auto& row : tx.sql().exec_prepared("rewrap_next", key.text(), generation, from, to, limit)) {
        const auto stored_under =
            generation_or_none(tx, {"secret_versions", {row[0].c_str(), row[1].c_str()}}, row[2]);
        keys.push_back(
            {SecretId(uuid_of(row[0])), VersionId(row[1].c_str()), stored_under, bytes_of(row[3])});
    }
    return keys;
}

std::size_t RewrapRepository::store(WriteTransaction& tx, const Uuid& key, std::uint32_t generation,
                                    const RewrapSlice& slice, const std::vector<RewrappedDataKey>& batch,
                                    std::chrono::milliseconds lease) {
    ArrayText secrets;
    ArrayText versions;
    ArrayText old_keys;
    ArrayText new_keys;
    for (const auto& each : batch) {
        secrets.add(each.secret.value().text());
        versions.add(each.version.value());
        old_keys.add_bytes(each.old_wrapped_key);
        new_keys.add_bytes(each.wrapped_key);
    }
    const auto rows = tx.sql().exec_prepared("rewrap_store", key.text(), generation, slice.number,
                                             lease.count(), secrets.take(), versions.take(), old_keys.take(),
                                             new_keys.take(), slice.next_block);
    return static_cast<std::size_t>(count_in(rows));
}

void RewrapRepository::finish(WriteTransaction& tx, const Uuid& key, const RewrapSlice& slice) {
    tx.sql().exec_prepared("rewrap_finish", key.text(), slice.number);
}

void RewrapRepository::release(WriteTransaction& tx, const Uuid& key, const std::string& node) {
    tx.sql().exec_prepared("rewrap_release", key.text(), node);
}

void RewrapRepository::note_failures(WriteTransaction& tx, const Uuid& key,
                                     const std::vector<RewrapFailure>& failures) {
    boost::json::array entries;
    for (const auto& failure : failures) {
        entries.push_back(boost::json::object{{"s", failure.secret.value().text()},
                                              {"v", failure.version.value()},
                                              {"g", failure.generation},
                                              {"r", storable("reason", failure.reason)}});
    }
    tx.sql().exec_prepared("rewrap_note_failures", key.text(), boost::json::serialize(entries));
}

void RewrapRepository::begin_pass(WriteTransaction& tx, const Uuid& key) {
    tx.sql().exec_prepared("rewrap_pass", key.text());
    tx.sql().exec_prepared("rewrap_slices", key.text(), false);
}

void RewrapRepository::end(WriteTransaction& tx, const Uuid& key, Timestamp now) {
    tx.sql().exec_prepared("rewrap_end", key.text(), now.millis());
}

void RewrapRepository::begin_again(WriteTransaction& tx, const Uuid& key) {
    tx.sql().exec_prepared("rewrap_no_failures", key.text());
    begin_pass(tx, key);
}

std::optional<RewrapProgress> RewrapRepository::progress(ReadTransaction& tx, const Uuid& key) {
    const auto rows = tx.sql().exec_prepared("rewrap_progress", key.text());
    if (rows.empty()) return std::nullopt;
    const auto row = rows.front();
    RewrapProgress progress;
    progress.generation = generation_under(tx, key, row[0]);
    progress.started = time_of(row[1]);
    progress.ended = optional_time(row[2]);
    progress.total = number_of<std::int64_t>(row[3]);
    progress.done = number_of<std::int64_t>(row[4]);
    progress.open_slices = number_of<std::int64_t>(row[5]);
    progress.leased_slices = number_of<std::int64_t>(row[6]);
    progress.failed = number_of<std::int64_t>(row[7]);
    return progress;
}

std::vector<RewrapFailure> RewrapRepository::failures(ReadTransaction& tx, const Uuid& key,
                                                      std::size_t limit) {
    std::vector<RewrapFailure> failures;
    for (const auto& row : tx.sql().exec_prepared("rewrap_failures", key.text(), limit)) {
        failures.push_back({SecretId(uuid_of(row[0])), VersionId(row[1].c_str()),
                            static_cast<std::uint32_t>(std::max(number_of<std::int32_t>(row[2]), 0)),
                            row[3].c_str(), optional_text(row[4]).value_or("")});
    }
    return failures;
}

std::map<std::uint32_t, std::int64_t> RewrapRepository::count_by_generation(ReadTransaction& tx,
                                                                            const Uuid& key) {
    std::map<std::uint32_t, std::int64_t> counts;
    for (const auto& row : tx.sql().exec_prepared("rewrap_count", key.text())) {
        counts[number_of<std::uint32_t>(row[0])] = number_of<std::int64_t>(row[1]);
    }
    return counts;
}

std::int64_t RewrapRepository::count_remaining(ReadTransaction& tx, const Uuid& key,
                                               std::uint32_t generation) {
    return count_in(tx.sql().exec_prepared("rewrap_remaining", key.text(), generation));
}

SecretsUnderKey RewrapRepository::secrets_under(ReadTransaction& tx, const Uuid& key,
                                                const std::vector<std::string>& names) {
    SecretsUnderKey found;
    for (const auto& row : tx.sql().exec_prepared("rewrap_secrets", key.text(), json_list(names))) {
        found.first.emplace_back(row[0].c_str());
        found.count = number_of<std::int64_t>(row[1]);
    }
    return found;
}

std::int64_t RewrapRepository::count_versions(ReadTransaction& tx, const std::optional<Uuid>& key) {
    const auto id = id_text(key);
    return count_in(tx.sql().exec_prepared("rewrap_versions", nullable(id)));
}

std::vector<VersionProof> RewrapRepository::versions(ReadTransaction& tx, const std::optional<Uuid>& key,
                                                     const VersionPosition& after, std::size_t limit,
                                                     bool with_ciphertext) {
    const auto id = id_text(key);
    std::vector<VersionProof> proofs;
    for (const auto& row : tx.sql().exec_prepared("rewrap_proofs", nullable(id), after.secret.text(),
                                                  after.version, limit, with_ciphertext)) {
        VersionProof proof;
        proof.secret = SecretId(uuid_of(row[0]));
        proof.secret_arn = row[1].c_str();
        proof.version = VersionId(row[2].c_str());
        proof.kind = static_cast<ValueKind>(number_of<int>(row[3]));
        const auto generation =
            generation_or_none(tx, {"secret_versions", {row[0].c_str(), row[2].c_str()}}, row[5]);
        proof.payload = {uuid_of(row[4]), generation, bytes_of(row[6]), bytes_of(row[7])};
        proofs.push_back(std::move(proof));
    }
    return proofs;
}

}  // namespace coffer::storage
