#include "storage/usage_repository.hpp"

#include <boost/json.hpp>
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

std::string sum_by(const char* column) {
    return fmt::format(
        "SELECT {0}, sum(count)::bigint, sum(errors)::bigint FROM usage_requests WHERE {1} "
        "GROUP BY {0} ORDER BY 2 DESC, {0} LIMIT $3::bigint",
        column, kRange);
}

Statement snapshot_statement() {
    return {"usage_snapshot",
            "WITH counted AS MATERIALIZED (SELECT t.tag->>0 AS tag_key, t.tag->>1 AS tag_value, "
            "count(*) FILTER (WHERE s.deleted IS NULL) AS secrets, "
            "count(*) FILTER (WHERE s.deleted IS NOT NULL) AS scheduled "
            "FROM secrets s CROSS JOIN LATERAL jsonb_array_elements(s.tags) AS t(tag) "
            "WHERE jsonb_typeof(s.tags) = 'array' GROUP BY 1, 2), "
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
    return {
        "usage_unused",
        fmt::format("SELECT s.name, s.arn, {}, nullif(a.day, '-infinity') - date '1970-01-01', a.principal "
                    "FROM secrets s LEFT JOIN last_access a ON a.secret_id = s.id "
                    "WHERE s.deleted IS NULL AND s.name > $2 "
                    "AND s.created < (date '1970-01-01' + $1::int)::timestamp AT TIME ZONE 'UTC' "
                    "AND coalesce(a.day, '-infinity') < date '1970-01-01' + $1::int "
                    "ORDER BY s.name LIMIT $3::bigint",
                    sql_millis("s.created"))};
}

std::vector<UsageSum> request_sums(const pqxx::result& rows) {
    std::vector<UsageSum> sums;
    for (const auto& row : rows) {
        sums.push_back({.key = row[0].c_str(),
                        .requests = row[1].as<std::int64_t>(),
                        .errors = row[2].as<std::int64_t>()});
    }
    return sums;
}

}  // namespace

std::vector<Statement> usage_statements() {
    // Rows are written in the order of their keys, so that two flushes at once do not deadlock.
    return {
        {"usage_add",
         "INSERT INTO usage_requests AS u (day, node, principal, operation, count, errors) "
         "SELECT date '1970-01-01' + j.d, $1, j.p, j.o, sum(j.c), sum(j.e) "
         "FROM json_to_recordset($2::json) AS j(d int, p text, o text, c bigint, e bigint) "
         "GROUP BY j.d, j.p, j.o ORDER BY j.d, j.p, j.o "
         "ON CONFLICT (day, node, principal, operation) "
         "DO UPDATE SET count = u.count + excluded.count, errors = u.errors + excluded.errors"},
        {"usage_claim_day",
         "INSERT INTO usage_days (day, node) VALUES (date '1970-01-01' + $1::int, $2) "
         "ON CONFLICT (day) DO NOTHING"},
        snapshot_statement(),
        {"usage_forget",
         "WITH d AS (DELETE FROM usage_days WHERE day < date '1970-01-01' + $1::int) "
         "DELETE FROM usage_requests WHERE day < date '1970-01-01' + $1::int"},
        {"usage_total",
         fmt::format(
             "SELECT r.count, r.errors, s.days, s.secrets, s.scheduled FROM "
             "(SELECT coalesce(sum(count), 0)::bigint AS count, coalesce(sum(errors), 0)::bigint AS errors "
             "FROM usage_requests WHERE {0}) r, "
             "(SELECT count(*) AS days, coalesce(sum(secrets), 0)::bigint AS secrets, "
             "coalesce(sum(scheduled), 0)::bigint AS scheduled "
             "FROM usage_secrets WHERE tag_key = '' AND {0}) s",
             kRange)},
        {"usage_by_principal", sum_by("principal")},
        {"usage_by_operation", sum_by("operation")},
        {"usage_by_tag",
         fmt::format("SELECT tag_value, sum(secrets)::bigint, sum(scheduled)::bigint FROM usage_secrets "
                     "WHERE {} AND tag_key = $4 GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT $3::bigint",
                     kRange)},
        unused_statement(),
        // min() reads one entry of the primary key.
        {"usage_since", "SELECT min(day) - date '1970-01-01' FROM usage_requests"},
        {"usage_operations",
         "SELECT DISTINCT regexp_replace(principal, '^(arn:aws:sts::[0-9]+:assumed-role/[^/]+)/.*$', '\\1'), "
         "operation FROM usage_requests WHERE day >= date '1970-01-01' + $1::int AND count > errors"},
    };
}

void UsageRepository::add_requests(WriteTransaction& tx, const std::string& node,
                                   const std::vector<RequestCount>& counts) {
    if (counts.empty()) return;
    boost::json::array entries;
    for (const auto& count : counts) {
        entries.push_back(boost::json::object{{"d", days_of(count.day)},
                                              {"p", storable("principal", count.principal)},
                                              {"o", storable("operation", count.operation)},
                                              {"c", count.count},
                                              {"e", count.errors}});
    }
    tx.sql().exec_prepared("usage_add", node, boost::json::serialize(entries));
}

bool UsageRepository::take_snapshot(WriteTransaction& tx, const std::string& node, Timestamp day) {
    // A second node waits here until the first one's count is committed, and then has nothing to do.
    const auto claimed = tx.sql().exec_prepared("usage_claim_day", days_of(day), node);
    if (claimed.affected_rows() == 0) return false;
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(tx.deadline() -
                                                                            std::chrono::steady_clock::now());
    tx.sql().exec(fmt::format("SET LOCAL statement_timeout = {}", std::max<std::int64_t>(left.count(), 1)));
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
    total.sum.requests = row[0].as<std::int64_t>();
    total.sum.errors = row[1].as<std::int64_t>();
    total.counted_days = row[2].as<std::int64_t>();
    total.sum.secret_days = row[3].as<std::int64_t>();
    total.sum.scheduled_days = row[4].as<std::int64_t>();
    return total;
}

std::vector<UsageSum> UsageRepository::requests_by(ReadTransaction& tx, By by, const DayRange& days,
                                                   std::size_t most) {
    return request_sums(
        tx.sql().exec_prepared(by == By::principal ? "usage_by_principal" : "usage_by_operation",
                               days_of(days.from), days_of(days.until), most));
}

std::vector<UsageSum> UsageRepository::secrets_by_tag(ReadTransaction& tx, const std::string& tag_key,
                                                      const DayRange& days, std::size_t most) {
    std::vector<UsageSum> sums;
    for (const auto& row : tx.sql().exec_prepared("usage_by_tag", days_of(days.from), days_of(days.until),
                                                  most, storable("tag key", tag_key))) {
        sums.push_back({.key = row[0].c_str(),
                        .secret_days = row[1].as<std::int64_t>(),
                        .scheduled_days = row[2].as<std::int64_t>()});
    }
    return sums;
}

UsedOperations UsageRepository::used_operations(ReadTransaction& tx, Timestamp from) {
    UsedOperations used;
    const auto since = tx.sql().exec_prepared("usage_since");
    if (since.front()[0].is_null()) return used;
    used.since = Timestamp::from_millis(since.front()[0].as<std::int64_t>() * kMillisPerDay);
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
            secret.last_accessed = Timestamp::from_millis(row[3].as<std::int64_t>() * kMillisPerDay);
            secret.last_principal = optional_text(row[4]);
        }
        secrets.push_back(std::move(secret));
    }
    return secrets;
}

}  // namespace coffer::storage
