#include "storage/iam_repository.hpp"

#include <fmt/format.h>

#include <array>
#include <boost/json.hpp>
#include <pqxx/result>
#include <pqxx/transaction_base>
#include <utility>

#include "storage/sql_values.hpp"
#include "storage/statements.hpp"

namespace coffer::storage {

namespace {

constexpr std::array<std::pair<IamKind, std::string_view>, 6> kKinds{{
    {IamKind::account, "account"},
    {IamKind::group, "group"},
    {IamKind::listener, "listener"},
    {IamKind::policy, "policy"},
    {IamKind::role, "role"},
    {IamKind::user, "user"},
}};

constexpr std::string_view kSealDomain = "coffer/seal/iam/v1";
constexpr const char* kBroken =
    "table iam_manifest: the seal over the list of users, groups, roles and policies does not match";

}  // namespace

std::vector<Statement> iam_statements() {
    return {
        // Both tables in one statement, so that rows and manifest are of one snapshot.
        {"iam_all",
         "SELECT NULL AS kind, NULL AS name, revision, entries AS text, seal FROM iam_manifest "
         "UNION ALL SELECT kind, name, revision, document, seal FROM iam_entities"},
        {"iam_lock", "SELECT 1 FROM iam_manifest FOR UPDATE"},
        {"iam_put",
         "INSERT INTO iam_entities (kind, name, revision, document, seal) "
         "VALUES ($1, $2, $3::bigint, $4, $5::bytea) ON CONFLICT (kind, name) DO UPDATE "
         "SET revision = excluded.revision, document = excluded.document, seal = excluded.seal"},
        {"iam_delete", "DELETE FROM iam_entities WHERE kind = $1 AND name = $2"},
        {"iam_manifest_put", "UPDATE iam_manifest SET revision = $1::bigint, entries = $2, seal = $3::bytea"},
    };
}

namespace {

using Listed = std::map<IamKey, IamListing>;

Bytes row_message(const IamKey& key, std::int64_t revision, std::string_view document) {
    CanonicalEncoder encoder(kSealDomain);
    encoder.text("row").text(iam_kind_name(key.kind)).text(key.name).number(revision).text(document);
    return encoder.take();
}

Bytes manifest_message(std::int64_t revision, const Listed& listed) {
    CanonicalEncoder encoder(kSealDomain);
    encoder.text("manifest").number(revision).list(listed.size());
    for (const auto& [key, listing] : listed) {
        encoder.text(iam_kind_name(key.kind)).text(key.name).number(listing.revision).bytes(listing.seal);
        encoder.text(listing.claims);
    }
    return encoder.take();
}

std::string entries_text(const Listed& listed) {
    boost::json::array entries;
    for (const auto& [key, listing] : listed) {
        const auto kind = iam_kind_name(key.kind);
        entries.emplace_back(boost::json::array{boost::json::string(kind.data(), kind.size()), key.name,
                                                listing.revision, to_hex(listing.seal), listing.claims});
    }
    return boost::json::serialize(entries);
}

/// Throws when `text` is nothing that entries_text() writes.
Listed read_entries(const std::string& text) {
    Listed listed;
    const auto document = boost::json::parse(text);
    for (const auto& entry : document.as_array()) {
        const auto& fields = entry.as_array();
        const auto& kind_text = fields.at(0).as_string();
        const auto kind = find_iam_kind({kind_text.data(), kind_text.size()});
        if (!kind) throw IntegrityError(kBroken);
        const auto& seal = fields.at(3).as_string();
        listed.emplace(IamKey{*kind, std::string(fields.at(1).as_string())},
                       IamListing{fields.at(2).as_int64(), from_hex({seal.data(), seal.size()}),
                                  std::string(fields.at(4).as_string())});
    }
    return listed;
}

/// Both tables as they stand, not believed yet.
struct Raw {
    std::optional<StoredIam> manifest;
    std::map<IamKey, StoredIamEntity> rows;
};

StoredIam read_manifest(const pqxx::row& row) {
    StoredIam manifest;
    manifest.revision = number_of<std::int64_t>(row[2]);
    if (!row[4].is_null()) manifest.seal = bytes_of(row[4]);
    try {
        manifest.listed = read_entries(row[3].c_str());
    } catch (const std::exception&) {
        throw IntegrityError(kBroken);
    }
    return manifest;
}

Raw read_all(ReadTransaction& tx) {
    Raw raw;
    for (const auto& row : tx.sql().exec_prepared("iam_all")) {
        if (row[0].is_null()) {
            if (raw.manifest) throw IntegrityError(kBroken);
            raw.manifest = read_manifest(row);
            continue;
        }
        const auto kind = find_iam_kind(row[0].c_str());
        if (!kind) throw IntegrityError("table iam_entities: a row is of no known kind");
        StoredIamEntity entity{
            {*kind, row[1].c_str()}, number_of<std::int64_t>(row[2]), row[3].c_str(), bytes_of(row[4])};
        raw.rows.emplace(entity.key, std::move(entity));
    }
    return raw;
}

void check_manifest(ReadTransaction& tx, const StoredIam& manifest, const StoredIam* known) {
    // What nothing was ever stored in needs no seal: it lists nothing.
    if (manifest.seal.empty() && manifest.revision == 0 && manifest.listed.empty()) return;
    if (manifest.seal.empty()) throw IntegrityError(kBroken);
    if (known != nullptr && known->revision == manifest.revision && known->seal == manifest.seal &&
        known->listed == manifest.listed) {
        return;
    }
    if (!tx.seals().check(manifest_message(manifest.revision, manifest.listed), manifest.seal,
                          tx.deadline())) {
        throw IntegrityError(kBroken);
    }
}

/// The rows that are the ones listed, as far as can be told without the token; faults for all others.
std::vector<StoredIamEntity> compare(StoredIam& iam, std::map<IamKey, StoredIamEntity> rows) {
    std::vector<StoredIamEntity> candidates;
    for (const auto& [key, listing] : iam.listed) {
        const auto row = rows.find(key);
        if (row == rows.end()) {
            iam.faults.emplace(key, IamFault::missing);
        } else if (row->second.revision != listing.revision || row->second.seal != listing.seal) {
            iam.faults.emplace(key, IamFault::altered);
        } else {
            candidates.push_back(std::move(row->second));
        }
    }
    for (const auto& [key, row] : rows) {
        if (!iam.listed.contains(key)) iam.faults.emplace(key, IamFault::unlisted);
    }
    return candidates;
}

/// The same row of `known`, which was checked before; null when it is another.
StoredIamEntityPtr known_row(const StoredIam* known, const StoredIamEntity& row) {
    if (known == nullptr) return nullptr;
    const auto found = known->entities.find(row.key);
    if (found == known->entities.end()) return nullptr;
    const auto& was = *found->second;
    return was.revision == row.revision && was.seal == row.seal && was.document == row.document
               ? found->second
               : nullptr;
}

void check_rows(ReadTransaction& tx, StoredIam& iam, std::vector<StoredIamEntity> candidates,
                const StoredIam* known) {
    std::vector<StoredIamEntity> unchecked;
    std::vector<Sealed> sealed;
    for (auto& row : candidates) {
        if (auto same = known_row(known, row)) {
            iam.entities.emplace(row.key, std::move(same));
            continue;
        }
        sealed.push_back({row_message(row.key, row.revision, row.document), row.seal});
        unchecked.push_back(std::move(row));
    }
    if (unchecked.empty()) return;
    const auto good = tx.seals().check_all(std::move(sealed), tx.deadline());
    for (std::size_t i = 0; i < unchecked.size(); ++i) {
        const auto key = unchecked[i].key;
        if (good[i]) {
            iam.entities.emplace(key, std::make_shared<const StoredIamEntity>(std::move(unchecked[i])));
        } else {
            iam.faults.emplace(key, IamFault::altered);
        }
    }
}

}  // namespace

std::string_view iam_kind_name(IamKind kind) noexcept {
    for (const auto& [known, name] : kKinds) {
        if (known == kind) return name;
    }
    return "?";
}

std::optional<IamKind> find_iam_kind(std::string_view name) noexcept {
    for (const auto& [kind, known] : kKinds) {
        if (known == name) return kind;
    }
    return std::nullopt;
}

std::string describe(const IamKey& key) {
    return fmt::format("{} '{}'", iam_kind_name(key.kind), key.name);
}

std::string_view describe(IamFault fault) noexcept {
    switch (fault) {
        case IamFault::missing:
            return "is gone from the database";
        case IamFault::altered:
            return "was altered in the database";
        case IamFault::unlisted:
            return "was inserted into the database";
    }
    return "";
}

StoredIam IamRepository::load(ReadTransaction& tx, const StoredIam* known) {
    auto raw = read_all(tx);
    if (!raw.manifest) throw IntegrityError("table iam_manifest: its row is gone");
    StoredIam iam = std::move(*raw.manifest);
    check_manifest(tx, iam, known);
    check_rows(tx, iam, compare(iam, std::move(raw.rows)), known);
    for (const auto& [key, fault] : iam.faults) {
        const bool told = known != nullptr && known->faults.contains(key) && known->faults.at(key) == fault;
        if (!told) {
            tx.report_integrity_failure(fmt::format("table iam_entities: {} {} by somebody else than Coffer",
                                                    describe(key), describe(fault)));
        }
    }
    return iam;
}

StoredIam IamRepository::lock(WriteTransaction& tx, const StoredIam* known) {
    tx.sql().exec_prepared("iam_lock");
    return load(tx, known);
}

namespace {

void take_out(StoredIam& stored, const IamKey& key) {
    stored.entities.erase(key);
    stored.faults.erase(key);
    stored.listed.erase(key);
}

void put_in(StoredIam& stored, StoredIamEntity row, const std::string& claims) {
    const auto key = row.key;
    stored.listed.emplace(key, IamListing{row.revision, row.seal, claims});
    stored.entities.emplace(key, std::make_shared<const StoredIamEntity>(std::move(row)));
}

}  // namespace

StoredIam IamRepository::preview(StoredIam stored, const std::vector<IamChange>& changes) {
    ++stored.revision;
    for (const auto& [key, document, claims] : changes) {
        take_out(stored, key);
        if (document) put_in(stored, {key, stored.revision, storable("document", *document), {}}, claims);
    }
    return stored;
}

StoredIam IamRepository::store(WriteTransaction& tx, StoredIam locked,
                               const std::vector<IamChange>& changes) {
    ++locked.revision;
    std::vector<SealedRow> rows;
    for (const auto& [key, document, claims] : changes) {
        const std::string kind(iam_kind_name(key.kind));
        take_out(locked, key);
        if (!document) {
            tx.sql().exec_prepared("iam_delete", kind, key.name);
            rows.push_back({"iam_entities", kind + "/" + key.name, locked.revision, {}});
            continue;
        }
        StoredIamEntity row{key, locked.revision, storable("document", *document), {}};
        row.seal = tx.seals().make(row_message(key, row.revision, row.document), tx.deadline());
        tx.sql().exec_prepared("iam_put", kind, storable("name", key.name), row.revision, row.document,
                               binary(row.seal));
        rows.push_back({"iam_entities", kind + "/" + key.name, row.revision, row.seal});
        put_in(locked, std::move(row), claims);
    }
    locked.seal = tx.seals().make(manifest_message(locked.revision, locked.listed), tx.deadline());
    tx.sql().exec_prepared("iam_manifest_put", locked.revision, entries_text(locked.listed),
                           binary(locked.seal));
    // The manifest first: it covers the others.
    tx.row_sealed({"iam_manifest", "manifest", locked.revision, locked.seal});
    for (auto& row : rows) tx.row_sealed(std::move(row));
    return locked;
}

}  // namespace coffer::storage
