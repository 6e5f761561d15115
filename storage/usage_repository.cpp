#include "storage/usage_repository.hpp"

#include <boost/json.hpp>
#include <limits>
#include <pqxx/result>
#include <pqxx/transaction_base>

#include "storage/sql_values.hpp"
#include "storage/statements.hpp"

namespace coffer::storage {

namespace {

std::int64_t days_of(Timestamp time) {
    return time.day().millis() / kMillisPerDay;
}

constexpr const char* kRange = "day >= date '1970-01-01' + $1::int AND day < date '1970-01-01' + $2::int";

// The secrets are counted without their seals being checked, and statistics decide nothing: what somebody
// altered by hand is left out, and must not end the count of all others.

/// A secret's tags, where they are a list.
const std::string kTagsOfSecret =
    "jsonb_array_elements(CASE WHEN jsonb_typeof(s.tags) = 'array' THEN s.tags END)";
/// Both texts, of AWS's lengths: longer ones have no room in an index.
const std::string kIsTag =
    "jsonb_typeof(t.tag) = 'array' AND length(t.tag->>0) BETWEEN 1 AND 128 AND length(t.tag->>1) <= 256";

/// SQL for a sum of counts, which fits whatever they are.
std::string sum_of(const char* column) {
    return fmt::format("greatest(least(coalesce(sum({}), 0), {}), 0)::bigint", column,
                       std::numeric_limits<std::int64_t>::max());
}

/// SQL that adds to the count in a row u; it stays far below what a bigint holds.
std::string added_to(const char* column) {
    return fmt::format("{0} = least(u.{0}, {1}) + excluded.{0}", column, std::int64_t{1'000'000'000'000'000});
}

/// Rows are written in the order of their keys, so that two flushes at once do not deadlock.
std::vector<Statement> adding_statements() {
    return {
        {"usage_add",
         "INSERT INTO usage_requests AS u (day, node, principal, operation, count, errors) "
         "SELECT date '1970-01-01' + j.d, $1, j.k, j.p, sum(j.c), sum(j.e) "
         "FROM json_to_recordset($2::json) AS j(d int, k text, p text, c bigint, e bigint) "
         "GROUP BY j.d, j.k, j.p ORDER BY j.d, j.k, j.p "
         "ON CONFLICT (day, node, principal, operation) "
         "DO UPDATE SET " +
             added_to("count") + ", " + added_to("errors")},
        {"usage_add_by_tag",
         "WITH counted AS MATERIALIZED (SELECT date '1970-01-01' + j.d AS day, j.k AS arn, sum(j.c) AS c, "
         "sum(j.e) AS e, sum(j.r) AS r "
         "FROM json_to_recordset($2::json) AS j(d int, k text, c bigint, e bigint, r bigint) GROUP BY 1, 2), "
         "kept AS (SELECT DISTINCT tag_key FROM usage_secrets "
         "WHERE tag_key <> '' AND day = (SELECT max(day) FROM usage_days)), "
         "added AS (SELECT c.day, t.tag->>0 AS tag_key, t.tag->>1 AS tag_value, c.c, c.e, c.r "
         "FROM counted c JOIN secrets s ON s.arn = c.arn "
         // The index is by name, which is in the ARN.
         "AND s.name = substring(c.arn FROM '^(?:[^:]*:){5}secret:(.+)-[^-]{6}$') "
         "CROSS JOIN LATERAL " +
             kTagsOfSecret + " AS t(tag) JOIN kept k ON k.tag_key = t.tag->>0 WHERE " + kIsTag +
             " UNION ALL SELECT day, '', '', c, e, r FROM counted) "
             "INSERT INTO usage_tags AS u (day, node, tag_key, tag_value, requests, errors, rotations) "
             "SELECT day, $1, tag_key, tag_value, sum(c), sum(e), sum(r) FROM added "
             "GROUP BY day, tag_key, tag_value ORDER BY day, tag_key, tag_value "
             "ON CONFLICT (day, node, tag_key, tag_value) DO UPDATE SET " +
             added_to("requests") + ", " + added_to("errors") + ", " + added_to("rotations")},
        {"usage_add_rotations",
         "INSERT INTO usage_rotations AS u (day, node, principal, count) "
         "SELECT date '1970-01-01' + j.d, $1, j.k, sum(j.r) "
         "FROM json_to_recordset($2::json) AS j(d int, k text, r bigint) GROUP BY j.d, j.k ORDER BY j.d, j.k "
         "ON CONFLICT (day, node, principal) DO UPDATE SET " +
             added_to("count")},
    };
}

/// Requests of an operation have no rotations: those are the functions'.
std::string sum_by_operation() {
    return fmt::format(
        "SELECT operation, {}, {}, 0::bigint FROM usage_requests WHERE {} "
        "GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT $3::bigint",
        sum_of("count"), sum_of("errors"), kRange);
}

/// Some have requests, some have rotations.
std::string sum_by_principal() {
    return fmt::format(
        "SELECT principal, coalesce(r.count, 0), coalesce(r.errors, 0), coalesce(o.count, 0) FROM "
        "(SELECT principal, {1} AS count, {2} AS errors FROM usage_requests WHERE {0} "
        "GROUP BY 1) r FULL JOIN "
        "(SELECT principal, {1} AS count FROM usage_rotations WHERE {0} GROUP BY 1) o "
        "USING (principal) ORDER BY 2 DESC, 4 DESC, 1 LIMIT $3::bigint",
        kRange, sum_of("count"), sum_of("errors"));
}

Statement snapshot_statement() {
    return {"usage_snapshot",
            "WITH counted AS MATERIALIZED (SELECT t.tag->>0 AS tag_key, t.tag->>1 AS tag_value, "
            "count(*) FILTER (WHERE s.deleted IS NULL) AS secrets, "
            "count(*) FILTER (WHERE s.deleted IS NOT NULL) AS scheduled "
            "FROM secrets s CROSS JOIN LATERAL " +
                kTagsOfSecret + " AS t(tag) WHERE " + kIsTag +
                " GROUP BY 1, 2), "
                "kept AS (SELECT tag_key FROM counted GROUP BY 1 HAVING count(*) <= $2::bigint "
                "ORDER BY sum(secrets + scheduled) DESC, 1 LIMIT $3::bigint) "
                "INSERT INTO usage_secrets (day, tag_key, tag_value, secrets, scheduled) "
                "SELECT date '1970-01-01' + $1::int, tag_key, tag_value, secrets, scheduled "
                "FROM counted JOIN kept USING (tag_key) WHERE tag_key <> '' "
                "UNION ALL SELECT date '1970-01-01' + $1::int, '', '', "
                "count(*) FILTER (WHERE deleted IS NULL), count(*) FILTER (WHERE deleted IS NOT NULL) "
                "FROM secrets"};
}

Statement unused_statement() {
    return {"usage_unused",
            fmt::format("SELECT s.name, s.arn, {}, {}, a.principal "
                        "FROM secrets s LEFT JOIN last_access a ON a.secret_id = s.id "
                        "WHERE s.deleted IS NULL AND s.name > $2 "
                        "AND s.created < (date '1970-01-01' + $1::int)::timestamp AT TIME ZONE 'UTC' "
                        "AND coalesce(a.day, '-infinity') < date '1970-01-01' + $1::int "
                        "ORDER BY s.name LIMIT $3::bigint",
                        sql_unsealed_millis("s.created"), sql_days("a.day"))};
}

std::vector<UsageSum> request_sums(const pqxx::result& rows) {
    std::vector<UsageSum> sums;
    for (const auto& row : rows) {
        sums.push_back({.key = row[0].c_str(),
                        .requests = number_of<std::int64_t>(row[1]),
                        .errors = number_of<std::int64_t>(row[2]),
                        .rotations = number_of<std::int64_t>(row[3])});
    }
    return sums;
}

void add(WriteTransaction& tx, const char* statement, const std::string& node,
         const std::vector<UsageCount>& counts) {
    if (counts.empty()) return;
    boost::json::array entries;
    for (const auto& count : counts) {
        entries.push_back(boost::json::object{{"d", days_of(count.day)},
                                              {"k", storable("key", count.key)},
                                              {"p", storable("part", count.part)},
                                              {"c", count.tally.requests},
                                              {"e", count.tally.errors},
                                              {"r", count.tally.rotations}});
    }
    tx.sql().exec_prepared(statement, node, boost::json::serialize(entries));
}

}  // namespace

std::vector<Statement> usage_statements() {
    auto statements = adding_statements();
    const std::vector<Statement> others{
        {"usage_claim_day",
         fmt::format(
             "INSERT INTO usage_days AS d (day, node, taken) VALUES (date '1970-01-01' + $1::int, $2, {}) "
             "ON CONFLICT (day) DO UPDATE SET node = excluded.node, taken = excluded.taken "
             "WHERE d.taken <= excluded.taken - interval '{} minutes'",
             sql_time("$3"), UsageRepository::kCountEvery.count())},
        {"usage_forget_count", "DELETE FROM usage_secrets WHERE day = date '1970-01-01' + $1::int"},
        snapshot_statement(),
        {"usage_forget",
         "WITH d AS (DELETE FROM usage_days WHERE day < date '1970-01-01' + $1::int) "
         ", t AS (DELETE FROM usage_tags WHERE day < date '1970-01-01' + $1::int) "
         ", r AS (DELETE FROM usage_rotations WHERE day < date '1970-01-01' + $1::int) "
         "DELETE FROM usage_requests WHERE day < date '1970-01-01' + $1::int"},
        {"usage_total",
         fmt::format("SELECT r.count, r.errors, s.days, s.secrets, s.scheduled, o.count FROM "
                     "(SELECT {1} AS count, {2} AS errors FROM usage_requests WHERE {0}) r, "
                     "(SELECT count(*) AS days, {3} AS secrets, {4} AS scheduled "
                     "FROM usage_secrets WHERE tag_key = '' AND {0}) s, "
                     "(SELECT {1} AS count FROM usage_rotations WHERE {0}) o",
                     kRange, sum_of("count"), sum_of("errors"), sum_of("secrets"), sum_of("scheduled"))},
        {"usage_total_of_secrets",
         fmt::format("SELECT {}, {}, {} FROM usage_tags WHERE tag_key = '' AND {}", sum_of("requests"),
                     sum_of("errors"), sum_of("rotations"), kRange)},
        {"usage_by_principal", sum_by_principal()},
        {"usage_by_operation", sum_by_operation()},
        {"usage_by_tag",
         fmt::format("SELECT tag_value, coalesce(s.secrets, 0), coalesce(s.scheduled, 0), "
                     "coalesce(r.requests, 0), coalesce(r.errors, 0), coalesce(r.rotations, 0) "
                     "FROM (SELECT tag_value, {1} AS secrets, {2} AS scheduled "
                     "FROM usage_secrets WHERE {0} AND tag_key = $4 GROUP BY 1) s "
                     "FULL JOIN (SELECT tag_value, {3} AS requests, {4} AS errors, "
                     "{5} AS rotations FROM usage_tags WHERE {0} AND tag_key = $4 GROUP BY 1) r "
                     "USING (tag_value) ORDER BY 2 DESC, 4 DESC, 1 LIMIT $3::bigint",
                     kRange, sum_of("secrets"), sum_of("scheduled"), sum_of("requests"), sum_of("errors"),
                     sum_of("rotations"))},
        unused_statement(),
        // min() reads one entry of the primary key.
        {"usage_since",
         fmt::format("SELECT {} FROM usage_requests WHERE day > '-infinity'", sql_days("min(day)"))},
        {"usage_operations",
         "SELECT DISTINCT principal, operation FROM usage_requests "
         "WHERE day >= date '1970-01-01' + $1::int AND count > errors"},
    };
    statements.insert(statements.end(), others.begin(), others.end());
    return statements;
}

void UsageRepository::add_requests(WriteTransaction& tx, const std::string& node,
                                   const std::vector<UsageCount>& counts) {
    add(tx, "usage_add", node, counts);
}

void UsageRepository::add_by_tag(WriteTransaction& tx, const std::string& node,
                                 const std::vector<UsageCount>& counts) {
    add(tx, "usage_add_by_tag", node, counts);
}

void UsageRepository::add_rotations(WriteTransaction& tx, const std::string& node,
                                    const std::vector<UsageCount>& counts) {
    add(tx, "usage_add_rotations", node, counts);
}

bool UsageRepository::take_snapshot(WriteTransaction& tx, const std::string& node, Timestamp now) {
    const auto day = now.day();
    // A second node waits here until the first one's count is committed, and then has nothing to do.
    const auto claimed = tx.sql().exec_prepared("usage_claim_day", days_of(day), node, now.millis());
    if (claimed.affected_rows() == 0) return false;
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(tx.deadline() -
                                                                            std::chrono::steady_clock::now());
    tx.sql().exec(fmt::format("SET LOCAL statement_timeout = {}", std::max<std::int64_t>(left.count(), 1)));
    tx.sql().exec_prepared("usage_forget_count", days_of(day));
    tx.sql().exec_prepared("usage_snapshot", days_of(day), kMostTagValues, kMostTagKeys);
    return true;
}

void UsageRepository::forget_before(WriteTransaction& tx, Timestamp day) {
    tx.sql().exec_prepared("usage_forget", days_of(day));
}

UsageTotal UsageRepository::total(ReadTransaction& tx, const DayRange& days) {
    const auto rows = tx.sql().exec_prepared("usage_total", days_of(days.from), days_of(days.until));
    const auto row = rows.front();
    UsageTotal total;
    total.sum.requests = number_of<std::int64_t>(row[0]);
    total.sum.errors = number_of<std::int64_t>(row[1]);
    total.counted_days = number_of<std::int64_t>(row[2]);
    total.sum.secret_days = number_of<std::int64_t>(row[3]);
    total.sum.scheduled_days = number_of<std::int64_t>(row[4]);
    total.sum.rotations = number_of<std::int64_t>(row[5]);
    return total;
}

UsageTally UsageRepository::total_of_secrets(ReadTransaction& tx, const DayRange& days) {
    const auto rows =
        tx.sql().exec_prepared("usage_total_of_secrets", days_of(days.from), days_of(days.until));
    const auto row = rows.front();
    return {number_of<std::int64_t>(row[0]), number_of<std::int64_t>(row[1]),
            number_of<std::int64_t>(row[2])};
}

std::vector<UsageSum> UsageRepository::requests_by(ReadTransaction& tx, By by, const DayRange& days,
                                                   std::size_t most) {
    return request_sums(
        tx.sql().exec_prepared(by == By::principal ? "usage_by_principal" : "usage_by_operation",
                               days_of(days.from), days_of(days.until), most));
}

std::vector<UsageSum> UsageRepository::sums_by_tag(ReadTransaction& tx, const std::string& tag_key,
                                                   const DayRange& days, std::size_t most) {
    std::vector<UsageSum> sums;
    for (const auto& row : tx.sql().exec_prepared("usage_by_tag", days_of(days.from), days_of(days.until),
                                                  most, storable("tag key", tag_key))) {
        sums.push_back({.key = row[0].c_str(),
                        .requests = number_of<std::int64_t>(row[3]),
                        .errors = number_of<std::int64_t>(row[4]),
                        .rotations = number_of<std::int64_t>(row[5]),
                        .secret_days = number_of<std::int64_t>(row[1]),
                        .scheduled_days = number_of<std::int64_t>(row[2])});
    }
    return sums;
}

UsedOperations UsageRepository::used_operations(ReadTransaction& tx, Timestamp from) {
    UsedOperations used;
    const auto since = tx.sql().exec_prepared("usage_since");
    if (since.front()[0].is_null()) return used;
    used.since = Timestamp::from_millis(number_of<std::int64_t>(since.front()[0]) * kMillisPerDay);
    for (const auto& row : tx.sql().exec_prepared("usage_operations", days_of(from))) {
        used.operations.push_back({row[0].c_str(), row[1].c_str()});
    }
    return used;
}

std::vector<UnusedSecret> UsageRepository::unused_since(ReadTransaction& tx, Timestamp day,
                                                        const std::string& after, std::size_t most) {
    std::vector<UnusedSecret> secrets;
    for (const auto& row :
         tx.sql().exec_prepared("usage_unused", days_of(day), storable("marker", after), most)) {
        UnusedSecret secret{.name = row[0].c_str(), .arn = row[1].c_str(), .created = time_of(row[2])};
        if (!row[3].is_null()) {
            secret.last_accessed = Timestamp::from_millis(number_of<std::int64_t>(row[3]) * kMillisPerDay);
            secret.last_principal = optional_text(row[4]);
        }
        secrets.push_back(std::move(secret));
    }
    return secrets;
}

}  // namespace coffer::storage
