#include "storage/damage_repository.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <pqxx/result>
#include <pqxx/transaction_base>
#include <span>

#include "storage/secret_rows.hpp"
#include "storage/secret_seal.hpp"
#include "storage/sql_values.hpp"
#include "storage/statements.hpp"

namespace coffer::storage {

std::vector<Statement> damage_statements() {
    const auto columns = secret_columns() + ", s.part_digests, seal_generation(s.seal)";
    // As in a listing: the page is cut first and the versions are gathered for its rows alone.
    const auto page = [&](const char* behind) {
        return fmt::format(
            "WITH page AS MATERIALIZED (SELECT s.* FROM secrets s {} ORDER BY s.id LIMIT $1::bigint) "
            "SELECT {} FROM page s ORDER BY s.id",
            behind, columns);
    };
    return {
        {"damage_scan", page("")},
        {"damage_scan_after", page("WHERE s.id > $2::uuid")},
        {"damage_look", fmt::format("SELECT {} FROM secrets s WHERE s.id = $1::uuid", columns)},
        {"damage_lock", "SELECT 1 FROM secrets WHERE id = $1::uuid FOR UPDATE"},
    };
}

namespace {

/// Calls of the token that one page spends on finding out which version was added.
constexpr std::size_t kTriesPerPage = 256;
/// Seals that wait for the token together: a read of somebody else does not wait behind a whole page.
constexpr std::size_t kSealsAtOnce = 64;
/// Longer ones cannot be asked for, so that no cache has them, and PostgreSQL notifies of none over 8,000
/// bytes.
constexpr std::size_t kLongestName = 2048;

enum class Verdict : std::uint8_t { good, broken, not_judged };

/// Throws Unavailable when the token is away.
void require_token(ReadTransaction& tx) {
    constexpr std::size_t kSealBytes = 32;
    static_cast<void>(tx.seals().check({0}, Bytes(kSealBytes), tx.deadline()));
}

Verdict verdict_of(bool good) noexcept {
    return good ? Verdict::good : Verdict::broken;
}

Verdict judge_one(ReadTransaction& tx, const Sealed& sealed) {
    try {
        return verdict_of(tx.seals().check(sealed.message, sealed.seal, tx.deadline()));
    } catch (const Unavailable&) {
        require_token(tx);
        return Verdict::not_judged;
    }
}

void judge_some(ReadTransaction& tx, std::span<const Sealed> sealed, std::vector<Verdict>& verdicts) {
    const auto before = verdicts.size();
    try {
        for (const bool good : tx.seals().check_all({sealed.begin(), sealed.end()}, tx.deadline())) {
            verdicts.push_back(verdict_of(good));
        }
    } catch (const Unavailable&) {
        // The token is away, or one seal names a generation that it lacks: the others are to be judged.
        require_token(tx);
        verdicts.resize(before);
        for (const auto& each : sealed) verdicts.push_back(judge_one(tx, each));
    }
}

std::vector<Verdict> judge(ReadTransaction& tx, const std::vector<Sealed>& sealed) {
    std::vector<Verdict> verdicts;
    verdicts.reserve(sealed.size());
    for (auto rest = std::span(sealed); !rest.empty();) {
        const auto count = std::min(rest.size(), kSealsAtOnce);
        judge_some(tx, rest.first(count), verdicts);
        rest = rest.subspan(count);
    }
    return verdicts;
}

/// A row on its way to a finding.
struct Row {
    DamagedSecret finding;
    std::optional<StoredSecret> secret;
    Bytes digests;
};

Row read_row(const pqxx::row& row) {
    Row read;
    read.finding.id = SecretId(uuid_of(row["id"]));
    read.finding.name = row["name"].c_str();
    read.finding.arn = row["arn"].c_str();
    read.finding.seal_generation = number_of<std::int64_t>(row[row.size() - 1]);
    try {
        read.secret = unchecked_secret(row);
        const auto digests = row[row.size() - 2];
        if (!digests.is_null()) read.digests = bytes_of(digests);
    } catch (const IntegrityError&) {
        read.finding.kind = DamagedSecret::Kind::unreadable;
        if (const auto part = unreadable_part(row)) read.finding.parts = std::vector{*part};
    }
    return read;
}

bool may_have_more_versions(const DamagedSecret& finding) {
    return !finding.parts || std::ranges::find(*finding.parts, SecretPart::versions) != finding.parts->end();
}

/// Tries whether the seal matches when one version is left out; spends from `tries`.
std::optional<VersionId> find_added_version(ReadTransaction& tx, const StoredSecret& secret,
                                            std::size_t& tries) {
    const auto count = secret.versions.size();
    if (count == 0 || count > tries) return std::nullopt;
    tries -= count;
    std::vector<Sealed> sealed;
    for (std::size_t i = 0; i < count; ++i) {
        auto without = secret;
        without.versions.erase(without.versions.begin() + static_cast<std::ptrdiff_t>(i));
        sealed.push_back({secret_seal_message(without), secret.seal});
    }
    const auto good = tx.seals().check_all(std::move(sealed), tx.deadline());
    const auto found = std::find(good.begin(), good.end(), true);
    if (found == good.end()) return std::nullopt;
    return secret.versions[static_cast<std::size_t>(found - good.begin())].id;
}

std::vector<DamagedSecret> damaged_of(ReadTransaction& tx, std::vector<Row> rows) {
    std::vector<Sealed> sealed;
    for (const auto& row : rows) {
        if (row.secret) sealed.push_back({secret_seal_message(*row.secret), row.secret->seal});
    }
    const auto verdicts = judge(tx, sealed);
    auto verdict = verdicts.begin();
    std::size_t tries = kTriesPerPage;
    std::vector<DamagedSecret> damaged;
    for (auto& row : rows) {
        if (row.secret) {
            const auto judged = *verdict++;
            if (judged == Verdict::good) continue;
            if (judged == Verdict::not_judged) {
                row.finding.kind = DamagedSecret::Kind::not_judged;
            } else {
                row.finding.parts = parts_that_differ(*row.secret, row.digests);
                if (may_have_more_versions(row.finding)) {
                    row.finding.added_version = find_added_version(tx, *row.secret, tries);
                }
            }
        }
        damaged.push_back(std::move(row.finding));
    }
    return damaged;
}

}  // namespace

DamageRepository::Page DamageRepository::scan(ReadTransaction& tx, const std::optional<SecretId>& after,
                                              std::size_t limit) {
    const auto found = after ? tx.sql().exec_prepared("damage_scan_after", limit, after->value().text())
                             : tx.sql().exec_prepared("damage_scan", limit);
    std::vector<Row> rows;
    rows.reserve(static_cast<std::size_t>(found.size()));
    for (const auto& row : found) rows.push_back(read_row(row));
    Page page;
    page.looked_at = rows.size();
    if (rows.size() == limit) page.next = rows.back().finding.id;
    page.damaged = damaged_of(tx, std::move(rows));
    return page;
}

std::optional<DamageLook> DamageRepository::look(ReadTransaction& tx, SecretId id) {
    const auto found = tx.sql().exec_prepared("damage_look", id.value().text());
    if (found.empty()) return std::nullopt;
    std::vector<Row> rows;
    rows.push_back(read_row(found.front()));
    auto damaged = damaged_of(tx, std::move(rows));
    DamageLook look;
    if (!damaged.empty()) look.damage = std::move(damaged.front());
    return look;
}

std::optional<DamageLook> DamageRepository::lock(WriteTransaction& tx, SecretId id) {
    // A statement of its own: what comes after it sees what was committed while the lock was waited for.
    if (tx.sql().exec_prepared("damage_lock", id.value().text()).empty()) return std::nullopt;
    return look(tx, id);
}

void DamageRepository::discard(WriteTransaction& tx, const DamagedSecret& locked) {
    const auto id = locked.id.value().text();
    tx.sql().exec_prepared("secret_purge", id);
    if (locked.name.size() <= kLongestName) tx.secret_changed(locked.name);
    tx.row_sealed({"secrets", id, 0, {}, true});
}

}  // namespace coffer::storage
