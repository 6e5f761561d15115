#include "storage/rotation_repository.hpp"

#include <fmt/format.h>

#include <pqxx/result>
#include <pqxx/transaction_base>

#include "storage/sql_values.hpp"
#include "storage/statements.hpp"

namespace coffer::storage {

namespace {

std::string task_columns() {
    return fmt::format(
        "r.secret_id::text, s.name, {}, r.test_only, r.version_id, r.step, r.attempt, {}, {}, r.last_error, "
        "r.failed, r.paused, CASE WHEN r.leased_until > now() THEN r.node END, r.fence, r.spent_version, "
        "r.told, r.left_behind, s.rotation->>'function'",
        sql_unsealed_millis("r.due"), sql_unsealed_millis("r.started"),
        sql_unsealed_millis("r.last_attempt"));
}

/// The queue is not sealed: a step that there is not is the first one.
RotationStep step_of(const pqxx::field& field) {
    const auto step = number_of<int>(field);
    const bool known =
        step >= static_cast<int>(RotationStep::create) && step <= static_cast<int>(RotationStep::finish);
    return known ? static_cast<RotationStep>(step) : RotationStep::create;
}

std::vector<VersionId> versions_of(const pqxx::field& field) {
    std::vector<VersionId> versions;
    auto parser = field.as_array();
    using Juncture = pqxx::array_parser::juncture;
    for (auto next = parser.get_next(); next.first != Juncture::done; next = parser.get_next()) {
        if (next.first == Juncture::string_value) versions.emplace_back(next.second);
    }
    return versions;
}

RotationTask read_task(const pqxx::row& row) {
    RotationTask task;
    task.secret = SecretId(uuid_of(row[0]));
    task.name = row[1].c_str();
    task.due = optional_time(row[2]);
    task.test_only = flag_of(row[3]);
    if (!row[4].is_null()) task.version = VersionId(row[4].c_str());
    task.step = step_of(row[5]);
    task.attempt = number_of<std::int64_t>(row[6]);
    task.started = optional_time(row[7]);
    task.last_attempt = optional_time(row[8]);
    task.last_error = optional_text(row[9]);
    task.failed = flag_of(row[10]);
    task.paused = flag_of(row[11]);
    task.node = optional_text(row[12]);
    task.fence = number_of<std::int64_t>(row[13]);
    if (!row[14].is_null()) task.spent = VersionId(row[14].c_str());
    task.told = flag_of(row[15]);
    task.left_behind = versions_of(row[16]);
    task.function = optional_text(row[17]);
    return task;
}

std::string id_text(SecretId id) {
    return id.value().text();
}

const char* text_of(const std::optional<VersionId>& version) {
    return version ? version->value().c_str() : nullptr;
}

}  // namespace

std::vector<Statement> rotation_statements() {
    return {
        {"rotation_begin",
         fmt::format(
             "INSERT INTO rotations AS r (secret_id, due, test_only, version_id, step, started) "
             "VALUES ($1::uuid, {0}, $3::boolean, $4, $5::smallint, {1}) "
             "ON CONFLICT (secret_id) DO UPDATE SET due = {0}, test_only = $3::boolean, version_id = $4, "
             "step = $5::smallint, started = {1}, attempt = 0, last_attempt = NULL, last_error = NULL, "
             "failed = false, told = coalesce($4 = ANY (r.left_behind), false), leased_until = NULL, node = "
             "NULL, fence = r.fence + 1",
             sql_time("$2"), sql_time("$6"))},
        {"rotation_set_due",
         fmt::format("INSERT INTO rotations AS r (secret_id, due) VALUES ($1::uuid, {0}) "
                     "ON CONFLICT (secret_id) DO UPDATE SET due = {0} WHERE r.version_id IS NULL",
                     sql_time("$2"))},
        {"rotation_hasten",
         fmt::format("UPDATE rotations SET due = LEAST(due, {}) WHERE secret_id = $1::uuid "
                     "AND version_id IS NOT NULL AND NOT test_only",
                     sql_time("$2"))},
        {"rotation_claim",
         fmt::format(
             "WITH c AS (SELECT r.secret_id FROM rotations r JOIN secrets s ON s.id = r.secret_id "
             "WHERE r.due <= {} AND NOT r.paused AND (r.leased_until IS NULL OR r.leased_until <= now()) "
             "AND s.deleted IS NULL AND NOT (SELECT paused FROM rotation_control) "
             "AND NOT EXISTS (SELECT 1 FROM unnest($5::text[]) AS f (arn) WHERE "
             "starts_with((s.rotation->>'function') || ':', f.arn || ':')) "
             "ORDER BY r.due, r.secret_id LIMIT $2::bigint FOR UPDATE OF r SKIP LOCKED) "
             "UPDATE rotations r SET node = $3, leased_until = now() + $4::bigint * interval '1 second', "
             "fence = r.fence + 1 FROM c, secrets s WHERE r.secret_id = c.secret_id AND s.id = r.secret_id "
             "RETURNING {}",
             sql_time("$1"), task_columns())},
        {"rotation_renew",
         "UPDATE rotations SET leased_until = now() + $3::bigint * interval '1 second' "
         "WHERE secret_id = $1::uuid AND fence = $2::bigint AND leased_until IS NOT NULL RETURNING 1"},
        {"rotation_save",
         fmt::format(
             "UPDATE rotations SET due = {}, version_id = $4, step = $5::smallint, attempt = $6::int, "
             "started = {}, last_attempt = {}, last_error = $9, failed = $10::boolean, "
             "test_only = $12::boolean, told = $13::boolean, "
             "leased_until = CASE WHEN $11::boolean THEN NULL ELSE leased_until END "
             "WHERE secret_id = $1::uuid AND fence = $2::bigint RETURNING paused OR (SELECT c.paused FROM "
             "rotation_control c)",
             sql_time("$3"), sql_time("$7"), sql_time("$8"))},
        {"rotation_save_spent",
         "UPDATE rotations SET spent_version = $3 WHERE secret_id = $1::uuid AND fence = $2::bigint "
         "RETURNING 1"},
        {"rotation_leave_behind",
         fmt::format("UPDATE rotations SET left_behind = "
                     "(array_prepend($2::text, array_remove(left_behind, $2::text)))[1:{}] "
                     "WHERE secret_id = $1::uuid",
                     RotationRepository::kLeftBehindKept)},
        {"rotation_clear_left_behind",
         "UPDATE rotations SET left_behind = '{}' WHERE secret_id = $1::uuid AND left_behind <> '{}'"},
        {"rotation_left_behind", "SELECT left_behind FROM rotations WHERE secret_id = $1::uuid"},
        {"rotation_add_run",
         fmt::format(
             "INSERT INTO rotation_runs (secret_id, version_id, started, ended, outcome, step, attempts, "
             "message) VALUES ($1::uuid, $2, {}, {}, $5, $6::smallint, $7::int, $8) "
             "ON CONFLICT DO NOTHING",
             sql_time("$3"), sql_time("$4"))},
        {"rotation_trim_runs",
         "DELETE FROM rotation_runs WHERE secret_id = $1::uuid AND (ended, version_id) IN "
         "(SELECT ended, version_id FROM rotation_runs WHERE secret_id = $1::uuid "
         "ORDER BY ended DESC, version_id DESC OFFSET $2::bigint)"},
        {"rotation_runs",
         fmt::format("SELECT version_id, {}, {}, outcome, step, attempts, message FROM rotation_runs "
                     "WHERE secret_id = $1::uuid ORDER BY ended DESC, version_id DESC",
                     sql_unsealed_millis("started"), sql_unsealed_millis("ended"))},
        {"rotation_find", fmt::format("SELECT {} FROM rotations r JOIN secrets s ON s.id = r.secret_id "
                                      "WHERE r.secret_id = $1::uuid",
                                      task_columns())},
        {"rotation_list",
         fmt::format("SELECT {} FROM rotations r JOIN secrets s ON s.id = r.secret_id "
                     "WHERE s.name > $1 AND s.deleted IS NULL ORDER BY s.name LIMIT $2::bigint",
                     task_columns())},
        {"rotation_take_turn",
         fmt::format(
             "INSERT INTO rotation_groups AS g (name, last_begun) VALUES ($1, {0}) ON CONFLICT (name) DO "
             "UPDATE SET last_begun = {0} WHERE g.last_begun <= {1} OR g.last_begun = {2} RETURNING 1",
             sql_time("$2"), sql_time("$3"), sql_time("$4"))},
        {"rotation_give_turn_back",
         fmt::format("UPDATE rotation_groups SET last_begun = {} WHERE name = $1 AND last_begun = {}",
                     sql_time("$3"), sql_time("$2"))},
        {"rotation_last_turn",
         fmt::format("SELECT {} FROM rotation_groups WHERE name = $1", sql_unsealed_millis("last_begun"))},
        {"rotation_pause", "UPDATE rotations SET paused = $2::boolean WHERE secret_id = $1::uuid"},
        {"rotation_pause_all", "UPDATE rotation_control SET paused = $1::boolean"},
        {"rotation_all_paused", "SELECT paused FROM rotation_control"},
        // Each from an index of its own. Of secrets that are marked for deletion nothing is due, and nobody
        // can put anything right.
        {"rotation_counts",
         fmt::format("SELECT (SELECT count(*) FROM rotations r JOIN secrets s ON s.id = r.secret_id "
                     "WHERE r.due <= {0} AND NOT r.paused AND s.deleted IS NULL), "
                     "(SELECT count(*) FROM rotations WHERE leased_until > now()), "
                     "(SELECT count(*) FROM rotations r JOIN secrets s ON s.id = r.secret_id "
                     "WHERE r.failed AND s.deleted IS NULL), "
                     "(SELECT {1} FROM rotations r JOIN secrets s ON s.id = r.secret_id WHERE r.due IS NOT "
                     "NULL AND NOT r.paused AND s.deleted IS NULL ORDER BY r.due LIMIT 1), "
                     "(SELECT paused FROM rotation_control), "
                     "(SELECT count(*) FROM secrets WHERE rotation IS NOT NULL AND rotation->'enabled' = "
                     "'true'::jsonb AND deleted IS NULL AND (rotation->>'closes')::bigint <= $1::bigint)",
                     sql_time("$1"), sql_unsealed_millis("r.due"))},
    };
}

void RotationRepository::begin(WriteTransaction& tx, const RotationTask& task, Timestamp now) {
    const auto due = millis_text(task.due);
    tx.sql().exec_prepared("rotation_begin", id_text(task.secret), nullable(due), task.test_only,
                           text_of(task.version), static_cast<int>(task.step), now.millis());
}

void RotationRepository::set_due(WriteTransaction& tx, SecretId secret, std::optional<Timestamp> due) {
    const auto millis = millis_text(due);
    tx.sql().exec_prepared("rotation_set_due", id_text(secret), nullable(millis));
}

void RotationRepository::hasten(WriteTransaction& tx, SecretId secret, Timestamp now) {
    tx.sql().exec_prepared("rotation_hasten", id_text(secret), now.millis());
}

std::vector<RotationTask> RotationRepository::claim(WriteTransaction& tx, Timestamp now, std::size_t limit,
                                                    const std::string& node, std::chrono::seconds lease,
                                                    const std::vector<std::string>& full) {
    std::vector<RotationTask> tasks;
    for (const auto& row : tx.sql().exec_prepared("rotation_claim", now.millis(), limit, node, lease.count(),
                                                  text_array(full))) {
        tasks.push_back(read_task(row));
    }
    return tasks;
}

bool RotationRepository::renew(WriteTransaction& tx, const RotationTask& task, std::chrono::seconds lease) {
    return !tx.sql().exec_prepared("rotation_renew", id_text(task.secret), task.fence, lease.count()).empty();
}

RotationRepository::Saved RotationRepository::save(WriteTransaction& tx, const RotationTask& task,
                                                   bool release) {
    const auto due = millis_text(task.due);
    const auto started = millis_text(task.started);
    const auto last_attempt = millis_text(task.last_attempt);
    if (task.last_error) static_cast<void>(storable("error", *task.last_error));
    const auto rows = tx.sql().exec_prepared(
        "rotation_save", id_text(task.secret), task.fence, nullable(due), text_of(task.version),
        static_cast<int>(task.step), task.attempt, nullable(started), nullable(last_attempt),
        nullable(task.last_error), task.failed, release, task.test_only, task.told);
    if (rows.empty()) return Saved::lost;
    return flag_of(rows[0][0]) ? Saved::paused : Saved::done;
}

bool RotationRepository::save_spent(WriteTransaction& tx, const RotationTask& task) {
    return !tx.sql()
                .exec_prepared("rotation_save_spent", id_text(task.secret), task.fence, text_of(task.spent))
                .empty();
}

void RotationRepository::leave_behind(WriteTransaction& tx, SecretId secret, const VersionId& version) {
    tx.sql().exec_prepared("rotation_leave_behind", id_text(secret), version.value());
}

void RotationRepository::clear_left_behind(WriteTransaction& tx, SecretId secret) {
    tx.sql().exec_prepared("rotation_clear_left_behind", id_text(secret));
}

std::vector<VersionId> RotationRepository::left_behind(ReadTransaction& tx, SecretId secret) {
    const auto rows = tx.sql().exec_prepared("rotation_left_behind", id_text(secret));
    return rows.empty() ? std::vector<VersionId>() : versions_of(rows[0][0]);
}

void RotationRepository::add_run(WriteTransaction& tx, SecretId secret, const RotationRun& run) {
    tx.sql().exec_prepared("rotation_add_run", id_text(secret), run.version.value(), run.started.millis(),
                           run.ended.millis(), run.outcome, static_cast<int>(run.step), run.attempts,
                           nullable(run.message));
    tx.sql().exec_prepared("rotation_trim_runs", id_text(secret), kRunsKept);
}

std::vector<RotationRun> RotationRepository::runs(ReadTransaction& tx, SecretId secret) {
    std::vector<RotationRun> runs;
    for (const auto& row : tx.sql().exec_prepared("rotation_runs", id_text(secret))) {
        runs.push_back({VersionId(row[0].c_str()), time_of(row[1]), time_of(row[2]), row[3].c_str(),
                        step_of(row[4]), number_of<std::int64_t>(row[5]), optional_text(row[6])});
    }
    return runs;
}

std::optional<RotationTask> RotationRepository::find(ReadTransaction& tx, SecretId secret) {
    const auto rows = tx.sql().exec_prepared("rotation_find", id_text(secret));
    if (rows.empty()) return std::nullopt;
    return read_task(rows.front());
}

std::vector<RotationTask> RotationRepository::list(ReadTransaction& tx, const std::string& after,
                                                   std::size_t limit) {
    std::vector<RotationTask> tasks;
    for (const auto& row : tx.sql().exec_prepared("rotation_list", after, limit))
        tasks.push_back(read_task(row));
    return tasks;
}

std::optional<Timestamp> RotationRepository::take_turn(WriteTransaction& tx, const std::string& group,
                                                       Timestamp now, std::chrono::milliseconds apart,
                                                       std::optional<Timestamp> own) {
    const auto own_millis = millis_text(own);
    const auto rows = tx.sql().exec_prepared("rotation_take_turn", group, now.millis(),
                                             (now - apart).millis(), nullable(own_millis));
    if (!rows.empty()) return std::nullopt;
    return *last_turn(tx, group) + apart;
}

std::optional<Timestamp> RotationRepository::last_turn(ReadTransaction& tx, const std::string& group) {
    const auto rows = tx.sql().exec_prepared("rotation_last_turn", group);
    if (rows.empty()) return std::nullopt;
    return time_of(rows[0][0]);
}

void RotationRepository::give_turn_back(WriteTransaction& tx, const std::string& group, Timestamp taken,
                                        Timestamp before) {
    tx.sql().exec_prepared("rotation_give_turn_back", group, taken.millis(), before.millis());
}

void RotationRepository::pause(WriteTransaction& tx, SecretId secret, bool paused) {
    tx.sql().exec_prepared("rotation_pause", id_text(secret), paused);
}

void RotationRepository::pause_all(WriteTransaction& tx, bool paused) {
    tx.sql().exec_prepared("rotation_pause_all", paused);
}

bool RotationRepository::all_paused(ReadTransaction& tx) {
    return flag_of(tx.sql().exec_prepared1("rotation_all_paused")[0]);
}

RotationRepository::Counts RotationRepository::counts(ReadTransaction& tx, Timestamp now) {
    const auto row = tx.sql().exec_prepared1("rotation_counts", now.millis());
    return {number_of<std::int64_t>(row[0]),
            number_of<std::int64_t>(row[1]),
            number_of<std::int64_t>(row[2]),
            optional_time(row[3]),
            flag_of(row[4]),
            number_of<std::int64_t>(row[5])};
}

}  // namespace coffer::storage
