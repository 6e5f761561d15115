#include "storage/secret_repository.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <map>
#include <pqxx/result>
#include <pqxx/transaction_base>
#include <stdexcept>

#include "storage/change_listener.hpp"
#include "storage/secret_parts.hpp"
#include "storage/secret_rows.hpp"
#include "storage/secret_seal.hpp"
#include "storage/sql_values.hpp"
#include "storage/statements.hpp"

namespace coffer::storage {

namespace {

namespace json = boost::json;

using Payloads = std::vector<std::pair<VersionId, StoredPayload>>;

constexpr const char* kLabelInput =
    "json_to_recordset({}::json) AS j(label text, version_id text, position int)";

std::string insert_secret_sql() {
    return fmt::format(
        "WITH s AS (INSERT INTO secrets (id, name, arn, description, kms_key_id, created, last_changed, "
        "deleted, "
        "purge_due, tags, resource_policy, creation_token, revision, seal, part_digests, policy_principals) "
        "VALUES "
        "($1::uuid, "
        "$2, $3, $4, $5, "
        "{}, {}, {}, {}, $10::jsonb, "
        "$21, $22, $11::bigint, "
        "$12::bytea, $23::bytea, $24::jsonb) ON CONFLICT (name) DO NOTHING RETURNING id), "
        "a AS (INSERT INTO last_access (secret_id) SELECT id FROM s), "
        "v AS (INSERT INTO secret_versions (secret_id, version_id, created, kind, master_key, "
        "key_generation, "
        "wrapped_key, ciphertext) SELECT s.id, $13::text, {}, $15::smallint, $16::uuid, $17::int, "
        "$18::bytea, "
        "$19::bytea FROM s WHERE $13::text IS NOT NULL), "
        "l AS (INSERT INTO staging_labels (secret_id, label, version_id, position) "
        "SELECT s.id, j.label, j.version_id, j.position FROM s, {}) SELECT 1 FROM s",
        sql_time("$6"), sql_time("$7"), sql_time("$8"), sql_time("$9"), sql_time("$14"),
        fmt::format(fmt::runtime(kLabelInput), "$20"));
}

std::string update_secret_sql() {
    return fmt::format(
        "WITH s AS (UPDATE secrets SET description = $3, kms_key_id = $4, last_changed = {}, deleted = {}, "
        "purge_due = {}, tags = $8::jsonb, resource_policy = $18, rotation = $19::jsonb, revision = "
        "$2::bigint + 1, seal = "
        "$9::bytea, part_digests = $20::bytea, policy_principals = $21::jsonb "
        "WHERE id = $1::uuid AND revision = $2::bigint RETURNING id), "
        "v AS (INSERT INTO secret_versions (secret_id, version_id, created, kind, master_key, "
        "key_generation, "
        "wrapped_key, ciphertext) SELECT s.id, $10::text, {}, $12::smallint, $13::uuid, $14::int, "
        "$15::bytea, "
        "$16::bytea FROM s WHERE $10::text IS NOT NULL), "
        "l AS (INSERT INTO staging_labels (secret_id, label, version_id, position) "
        "SELECT s.id, j.label, j.version_id, j.position FROM s, {} "
        "ON CONFLICT (secret_id, label) DO UPDATE SET version_id = excluded.version_id, position = "
        "excluded.position) "
        "SELECT 1 FROM s",
        sql_time("$5"), sql_time("$6"), sql_time("$7"), sql_time("$11"),
        fmt::format(fmt::runtime(kLabelInput), "$17"));
}

}  // namespace

std::vector<Statement> secret_statements() {
    const auto columns = secret_columns();
    return {
        {"secret_find", fmt::format("SELECT {} FROM secrets s WHERE s.name = $1", columns)},
        // The last column is the revision that the statement's snapshot has; see lock().
        {"secret_lock",
         fmt::format("SELECT {}, (SELECT o.revision FROM secrets o WHERE o.id = s.id) FROM secrets s "
                     "WHERE s.name = $1 FOR UPDATE OF s",
                     columns)},
        {"secret_payload",
         "SELECT master_key::text, key_generation, wrapped_key, ciphertext FROM secret_versions "
         "WHERE secret_id = $1::uuid AND version_id = $2 AND kind IS NOT NULL"},
        {"secret_insert", insert_secret_sql()},
        {"secret_update", update_secret_sql()},
        {"secret_remove_labels",
         "DELETE FROM staging_labels WHERE secret_id = $1::uuid "
         "AND label IN (SELECT json_array_elements_text($2::json))"},
        {"secret_remove_versions",
         "WITH gone AS (DELETE FROM secret_versions WHERE secret_id = $1::uuid "
         "AND version_id IN (SELECT json_array_elements_text($2::json)) RETURNING version_id) "
         "DELETE FROM version_last_access WHERE (secret_id, version_id) IN "
         "(SELECT a.secret_id, a.version_id FROM version_last_access a JOIN gone USING (version_id) "
         "WHERE a.secret_id = $1::uuid FOR UPDATE OF a SKIP LOCKED)"},
        {"secret_add_version",
         fmt::format(
             "INSERT INTO secret_versions (secret_id, version_id, created, kind, master_key, key_generation, "
             "wrapped_key, ciphertext) VALUES ($1::uuid, $2, {}, $4::smallint, $5::uuid, $6::int, "
             "$7::bytea, $8::bytea)",
             sql_time("$3"))},
        {"secret_add_bare_version",
         fmt::format("INSERT INTO secret_versions (secret_id, version_id, created) VALUES ($1::uuid, $2, {})",
                     sql_time("$3"))},
        {"secret_replace_payload",
         "UPDATE secret_versions SET kind = $3::smallint, master_key = $4::uuid, key_generation = $5::int, "
         "wrapped_key = $6::bytea, ciphertext = $7::bytea WHERE secret_id = $1::uuid AND version_id = $2"},
        {"secret_add_labels",
         fmt::format("INSERT INTO staging_labels (secret_id, label, version_id, position) "
                     "SELECT $1::uuid, j.label, j.version_id, j.position FROM {}",
                     fmt::format(fmt::runtime(kLabelInput), "$2"))},
        {"secret_purge",
         "WITH s AS (DELETE FROM secrets WHERE id = $1::uuid), "
         "a AS (DELETE FROM last_access WHERE secret_id IN (SELECT secret_id FROM last_access "
         "WHERE secret_id = $1::uuid FOR UPDATE SKIP LOCKED)) "
         // Rows that a flush of access days holds are left behind rather than waited for; nothing refers to
         // them.
         "DELETE FROM version_last_access WHERE (secret_id, version_id) IN (SELECT secret_id, version_id "
         "FROM version_last_access WHERE secret_id = $1::uuid FOR UPDATE SKIP LOCKED)"},
        {"secret_wrapped_keys",
         "SELECT wrapped_key FROM secret_versions WHERE secret_id = $1::uuid AND wrapped_key IS NOT NULL "
         "ORDER BY created, version_id"},
        {"tell_changed",
         fmt::format("SELECT pg_notify('{}', c.name) FROM json_array_elements_text($1::json) AS c(name)",
                     kSecretChannel)},
        {"secret_count", "SELECT count(*) FROM secrets"},
        {"secret_due",
         fmt::format("SELECT name FROM secrets WHERE purge_due <= {} ORDER BY purge_due, id LIMIT $2::bigint",
                     sql_time("$1"))},
    };
}

namespace {

/// Where a label is: the version, and its place among that version's labels.
struct LabelPlace {
    VersionId version;
    std::size_t position = 0;
    bool operator==(const LabelPlace&) const = default;
};
using Labels = std::map<StagingLabel, LabelPlace>;

Labels labels_of(const StoredSecret& secret) {
    Labels labels;
    for (const auto& version : secret.versions) {
        for (std::size_t i = 0; i < version.labels.size(); ++i) {
            const bool added = labels.emplace(version.labels[i], LabelPlace{version.id, i}).second;
            if (!added) throw std::logic_error("a staging label is on two versions of a secret");
        }
    }
    return labels;
}

std::string labels_json(const Labels& labels) {
    json::array entries;
    for (const auto& [label, place] : labels) {
        entries.push_back(json::object{{"label", storable("staging label", label.value())},
                                       {"version_id", place.version.value()},
                                       {"position", place.position}});
    }
    return json::serialize(entries);
}

/// Versions by creation, ties by id: the order in which they are sealed and read.
void sort_versions(StoredSecret& secret) {
    std::sort(secret.versions.begin(), secret.versions.end(),
              [](const StoredVersion& a, const StoredVersion& b) {
                  return std::tie(a.created, a.id) < std::tie(b.created, b.id);
              });
}

const StoredVersion* find_version(const StoredSecret& secret, const VersionId& id) {
    const auto found = std::find_if(secret.versions.begin(), secret.versions.end(),
                                    [&](const auto& v) { return v.id == id; });
    return found == secret.versions.end() ? nullptr : &*found;
}

const StoredPayload* find_payload(const Payloads& payloads, const VersionId& id) {
    const auto found =
        std::find_if(payloads.begin(), payloads.end(), [&](const auto& p) { return p.first == id; });
    return found == payloads.end() ? nullptr : &found->second;
}

/// A version with a payload as the parameters of a statement; all NULL or empty when there is none.
struct VersionParameters {
    VersionParameters() : wrapped_key(binary({})), ciphertext(binary({})) {}
    VersionParameters(const StoredVersion& version, const StoredPayload& payload)
        : id(storable("version id", version.id.value())),
          created(std::to_string(version.created.millis())),
          kind(std::to_string(static_cast<int>(version.kind.value()))),
          master_key(payload.master_key.text()),
          generation(std::to_string(payload.generation)),
          wrapped_key(binary(payload.wrapped_key)),
          ciphertext(binary(payload.ciphertext)) {
        if (version.master_key != payload.master_key) {
            throw std::logic_error("a version and its payload name different master keys");
        }
    }
    std::optional<std::string> id, created, kind, master_key, generation;
    pqxx::binarystring wrapped_key, ciphertext;
};

void add_version(WriteTransaction& tx, const std::string& secret_id, const StoredVersion& version,
                 const StoredPayload* payload) {
    if (payload == nullptr) {
        if (version.kind || version.master_key) throw std::logic_error("a version has a kind but no payload");
        tx.sql().exec_prepared("secret_add_bare_version", secret_id,
                               storable("version id", version.id.value()), version.created.millis());
        return;
    }
    const VersionParameters p(version, *payload);
    tx.sql().exec_prepared("secret_add_version", secret_id, *p.id, *p.created, *p.kind, *p.master_key,
                           *p.generation, p.wrapped_key, p.ciphertext);
}

void replace_payload(WriteTransaction& tx, const std::string& secret_id, const StoredVersion& version,
                     const StoredPayload& payload) {
    const VersionParameters p(version, payload);
    tx.sql().exec_prepared("secret_replace_payload", secret_id, *p.id, *p.kind, *p.master_key, *p.generation,
                           p.wrapped_key, p.ciphertext);
}

Bytes make_seal(WriteTransaction& tx, const StoredSecret& secret) {
    return tx.seals().make(secret_seal_message(secret), tx.deadline());
}

void check_texts(const StoredSecret& secret) {
    static_cast<void>(storable("name", secret.name));
    static_cast<void>(storable("ARN", secret.arn));
    if (secret.description) static_cast<void>(storable("description", *secret.description));
    if (secret.resource_policy) static_cast<void>(storable("resource policy", *secret.resource_policy));
    if (secret.creation_token) static_cast<void>(storable("creation token", *secret.creation_token));
    if (secret.kms_key_id) static_cast<void>(storable("KMS key id", *secret.kms_key_id));
}

}  // namespace

std::optional<StoredSecret> SecretRepository::find(ReadTransaction& tx, const std::string& name) {
    if (has_nul(name)) return std::nullopt;
    const auto rows = tx.sql().exec_prepared("secret_find", name);
    if (rows.empty()) return std::nullopt;
    return checked_secret(tx, rows.front());
}

std::optional<StoredSecret> SecretRepository::lock(WriteTransaction& tx, const std::string& name,
                                                   const StoredSecret* known) {
    if (has_nul(name)) return std::nullopt;
    auto rows = tx.sql().exec_prepared("secret_lock", name);
    if (rows.empty()) return std::nullopt;
    const auto row = rows.front();
    // When the lock had to be waited for, PostgreSQL returns the secret's newest row but the versions and
    // labels of the statement's older snapshot (READ COMMITTED). The second look has both from one snapshot.
    constexpr unsigned kLockedRevision = 12;
    const bool waited = row[kLockedRevision] != row[row.size() - 1];
    if (waited) rows = tx.sql().exec_prepared("secret_lock", name);
    if (rows.empty()) return std::nullopt;
    auto secret = checked_secret(tx, rows.front(), known);
    tx.remember_locked(secret);
    return secret;
}

std::optional<StoredPayload> SecretRepository::payload(ReadTransaction& tx, SecretId secret,
                                                       const VersionId& version) {
    if (has_nul(version.value())) return std::nullopt;
    const auto rows = tx.sql().exec_prepared("secret_payload", secret.value().text(), version.value());
    if (rows.empty()) return std::nullopt;
    const auto id = secret.value().text();
    return in_row({"secret_versions", {id.c_str(), version.value().c_str()}},
                  [&] { return read_payload(rows.front(), 0); });
}

bool SecretRepository::insert(WriteTransaction& tx, const StoredSecret& secret, const Payloads& payloads) {
    check_texts(secret);
    if (secret.rotation) throw std::logic_error("a secret is created without rotation");
    auto stored = secret;
    sort_versions(stored);
    const auto id = stored.id.value().text();
    stored.seal = make_seal(tx, stored);
    const auto deleted = millis_text(stored.deleted);
    const auto purge_due = millis_text(stored.purge_due);
    const auto tags = tags_json(stored.tags);
    const auto principals = principals_json(stored.policy_principals);
    const auto labels = labels_json(labels_of(stored));

    // The usual single version goes along in the first statement; labels have to wait for all versions.
    const bool single = stored.versions.size() == 1 && payloads.size() == 1;
    const auto p =
        single ? VersionParameters(stored.versions.front(), payloads.front().second) : VersionParameters();
    const auto rows = tx.sql().exec_prepared(
        "secret_insert", id, stored.name, stored.arn, nullable(stored.description),
        nullable(stored.kms_key_id), stored.created.millis(), stored.last_changed.millis(), nullable(deleted),
        nullable(purge_due), nullable(tags), stored.revision, binary(stored.seal), nullable(p.id),
        nullable(p.created), nullable(p.kind), nullable(p.master_key), nullable(p.generation), p.wrapped_key,
        p.ciphertext, single ? labels : std::string("[]"), nullable(stored.resource_policy),
        nullable(stored.creation_token), binary(secret_part_digests(stored)), nullable(principals));
    if (rows.empty()) return false;
    if (!single && !stored.versions.empty()) {
        for (const auto& version : stored.versions)
            add_version(tx, id, version, find_payload(payloads, version.id));
        tx.sql().exec_prepared("secret_add_labels", id, labels);
    }
    tx.secret_changed(stored.name);
    tx.row_sealed({"secrets", id, stored.revision, stored.seal});
    tx.remember_locked(stored);
    return true;
}

namespace {

/// The first new version with a value goes along in the last statement; the others, and values that replace
/// others, want statements of their own before it.
struct VersionChanges {
    VersionParameters along;
    std::vector<std::pair<const StoredVersion*, const StoredPayload*>> added;
    std::vector<std::pair<const StoredVersion*, const StoredPayload*>> replaced;
    std::vector<std::string> gone;
    [[nodiscard]] bool one_statement() const { return added.empty() && replaced.empty(); }
};

VersionChanges version_changes(const StoredSecret& before, const StoredSecret& changed,
                               const Payloads& payloads) {
    VersionChanges changes;
    for (const auto& version : changed.versions) {
        const auto* payload = find_payload(payloads, version.id);
        const bool is_new = find_version(before, version.id) == nullptr;
        if (is_new && payload != nullptr && !changes.along.id) {
            changes.along = VersionParameters(version, *payload);
        } else if (is_new) {
            changes.added.emplace_back(&version, payload);
        } else if (payload != nullptr) {
            changes.replaced.emplace_back(&version, payload);
        }
    }
    for (const auto& version : before.versions) {
        if (find_version(changed, version.id) == nullptr) changes.gone.push_back(version.id.value());
    }
    return changes;
}

struct LabelChanges {
    Labels placed;
    std::vector<std::string> gone;
};

LabelChanges label_changes(const StoredSecret& before, const StoredSecret& changed) {
    LabelChanges changes{labels_of(changed), {}};
    for (const auto& [label, place] : labels_of(before)) {
        const auto now = changes.placed.find(label);
        if (now == changes.placed.end()) {
            changes.gone.push_back(label.value());
        } else if (now->second == place) {
            changes.placed.erase(now);  // where it was
        }
    }
    return changes;
}

void require_change(const StoredSecret& before, const StoredSecret& changed) {
    if (changed.name != before.name || changed.arn != before.arn || changed.created != before.created ||
        changed.creation_token != before.creation_token) {
        throw std::logic_error("a secret's name, ARN and creation never change");
    }
    check_texts(changed);
}

/// A version that had no value yet leaves nothing to be destroyed.
void note_destroyed(WriteTransaction& tx, const StoredSecret& secret, const StoredVersion& version) {
    if (version.kind) tx.version_destroyed({secret.arn, version.id.value()});
}

/// Writes `changed` over `before`. False, and nothing written by the last statement, when the row has another
/// revision.
bool write_update(WriteTransaction& tx, const StoredSecret& before, StoredSecret& changed,
                  const VersionChanges& versions) {
    const auto id = changed.id.value().text();
    for (const auto& [version, payload] : versions.added) add_version(tx, id, *version, payload);
    for (const auto& [version, payload] : versions.replaced) replace_payload(tx, id, *version, *payload);

    const auto labels = label_changes(before, changed);
    changed.revision = before.revision + 1;
    changed.seal = make_seal(tx, changed);
    const auto deleted = millis_text(changed.deleted);
    const auto purge_due = millis_text(changed.purge_due);
    const auto tags = tags_json(changed.tags);
    const auto rotation = rotation_json(changed.rotation);
    const auto principals = principals_json(changed.policy_principals);
    const auto& p = versions.along;
    const auto rows = tx.sql().exec_prepared(
        "secret_update", id, before.revision, nullable(changed.description), nullable(changed.kms_key_id),
        changed.last_changed.millis(), nullable(deleted), nullable(purge_due), nullable(tags),
        binary(changed.seal), nullable(p.id), nullable(p.created), nullable(p.kind), nullable(p.master_key),
        nullable(p.generation), p.wrapped_key, p.ciphertext, labels_json(labels.placed),
        nullable(changed.resource_policy), nullable(rotation), binary(secret_part_digests(changed)),
        nullable(principals));
    if (rows.empty()) return false;
    // After the labels have moved: a version that goes takes those that are still on it along.
    if (!labels.gone.empty()) tx.sql().exec_prepared("secret_remove_labels", id, json_list(labels.gone));
    if (!versions.gone.empty()) {
        tx.sql().exec_prepared("secret_remove_versions", id, json_list(versions.gone));
        for (const auto& gone : versions.gone)
            note_destroyed(tx, before, *find_version(before, VersionId(gone)));
    }
    tx.secret_changed(changed.name);
    tx.row_sealed({"secrets", id, changed.revision, changed.seal});
    tx.remember_locked(changed);
    return true;
}

}  // namespace

void SecretRepository::update(WriteTransaction& tx, StoredSecret changed, const Payloads& payloads) {
    const StoredSecret* locked = tx.locked(changed.id);
    if (locked == nullptr || locked->revision != changed.revision) {
        throw std::logic_error("update() of a secret that was not got from lock() in this transaction");
    }
    const auto before = *locked;
    require_change(before, changed);
    sort_versions(changed);
    if (!write_update(tx, before, changed, version_changes(before, changed, payloads))) {
        throw std::logic_error("a locked secret's row is gone");
    }
}

bool SecretRepository::update_as_seen(WriteTransaction& tx, const StoredSecret& seen, StoredSecret changed,
                                      const Payloads& payloads) {
    require_change(seen, changed);
    sort_versions(changed);
    const auto versions = version_changes(seen, changed, payloads);
    return versions.one_statement() && write_update(tx, seen, changed, versions);
}

std::vector<Bytes> SecretRepository::wrapped_keys(ReadTransaction& tx, SecretId secret) {
    std::vector<Bytes> keys;
    for (const auto& row : tx.sql().exec_prepared("secret_wrapped_keys", secret.value().text())) {
        keys.push_back(bytes_of(row[0]));
    }
    return keys;
}

void SecretRepository::purge(WriteTransaction& tx, const StoredSecret& locked) {
    const auto id = locked.id.value().text();
    tx.sql().exec_prepared("secret_purge", id);
    tx.secret_changed(locked.name);
    tx.row_sealed({"secrets", id, locked.revision + 1, {}});
    for (const auto& version : locked.versions) note_destroyed(tx, locked, version);
}

std::vector<std::string> SecretRepository::due_for_purge(ReadTransaction& tx, Timestamp now,
                                                         std::size_t limit) {
    std::vector<std::string> names;
    for (const auto& row : tx.sql().exec_prepared("secret_due", now.millis(), limit)) {
        names.emplace_back(row[0].c_str());
    }
    return names;
}

std::int64_t SecretRepository::count(ReadTransaction& tx) {
    return number_of<std::int64_t>(tx.sql().exec_prepared1("secret_count")[0]);
}

}  // namespace coffer::storage
