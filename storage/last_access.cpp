// SecretRepository::record_accesses: statistics beside the sealed rows.

#include <algorithm>
#include <boost/json.hpp>
#include <pqxx/result>
#include <pqxx/transaction_base>

#include "storage/secret_repository.hpp"
#include "storage/sql_values.hpp"
#include "storage/statements.hpp"

namespace coffer::storage {

std::vector<Statement> access_statements() {
    // Rows are written in the order of their keys, so that two nodes that flush at once do not deadlock.
    return {
        {"access_record",
         "WITH input AS MATERIALIZED (SELECT j.s AS secret_id, j.v AS version_id, "
         "date '1970-01-01' + max(j.d) AS day, (array_agg(j.p ORDER BY j.d DESC))[1] AS principal "
         "FROM json_to_recordset($1::json) AS j(s uuid, v text, d int, p text) "
         "JOIN secret_versions sv ON sv.secret_id = j.s AND sv.version_id = j.v GROUP BY 1, 2), "
         "versions AS (INSERT INTO version_last_access AS a (secret_id, version_id, day) "
         "SELECT secret_id, version_id, day FROM input ORDER BY 1, 2 "
         "ON CONFLICT (secret_id, version_id) DO UPDATE SET day = excluded.day WHERE a.day < excluded.day "
         "OR a.day = 'infinity') "
         "INSERT INTO last_access AS a (secret_id, day, principal) "
         "SELECT secret_id, max(day), (array_agg(principal ORDER BY day DESC))[1] "
         "FROM input GROUP BY 1 ORDER BY 1 "
         "ON CONFLICT (secret_id) DO UPDATE SET day = excluded.day, principal = excluded.principal "
         "WHERE a.day < excluded.day OR a.day = 'infinity'"}};
}

void SecretRepository::record_accesses(WriteTransaction& tx, const std::vector<Access>& accesses) {
    if (accesses.empty()) return;
    boost::json::array entries;
    for (const auto& access : accesses) {
        boost::json::object entry{{"s", access.secret.value().text()},
                                  {"v", storable("version id", access.version.value())},
                                  {"d", access.day.day().millis() / kMillisPerDay}};
        if (!access.principal.empty()) entry["p"] = storable("principal", access.principal);
        entries.push_back(std::move(entry));
    }
    tx.sql().exec_prepared("access_record", boost::json::serialize(entries));
}

}  // namespace coffer::storage
