#include "storage/access_key_uses.hpp"

#include <boost/json.hpp>
#include <pqxx/result>
#include <pqxx/transaction_base>

#include "storage/sql_values.hpp"
#include "storage/statements.hpp"

namespace coffer::storage {

std::vector<Statement> access_key_use_statements() {
    // Rows are written in the order of their keys, so that two nodes that flush at once do not deadlock.
    return {{"access_key_use_record",
             fmt::format("INSERT INTO access_key_uses AS a (access_key_id, used, service, region) "
                         "SELECT j.k, {}, j.s, j.r FROM json_to_recordset($1::json) "
                         "AS j(k text, t bigint, s text, r text) ORDER BY 1 "
                         "ON CONFLICT (access_key_id) DO UPDATE SET used = excluded.used, "
                         "service = excluded.service, region = excluded.region WHERE a.used < excluded.used "
                         "OR a.used = 'infinity'",
                         sql_time("j.t"))},
            {"access_key_use_find",
             fmt::format("SELECT {}, service, region FROM access_key_uses WHERE access_key_id = $1",
                         sql_unsealed_millis("used"))}};
}

std::optional<AccessKeyUse> AccessKeyUses::find(ReadTransaction& tx, const std::string& access_key_id) {
    const auto rows = tx.sql().exec_prepared("access_key_use_find", storable("access key id", access_key_id));
    if (rows.empty()) return std::nullopt;
    return AccessKeyUse{access_key_id, time_of(rows[0][0]), rows[0][1].c_str(), rows[0][2].c_str()};
}

void AccessKeyUses::record(WriteTransaction& tx, const std::vector<AccessKeyUse>& uses) {
    if (uses.empty()) return;
    boost::json::array entries;
    for (const auto& use : uses) {
        entries.push_back(boost::json::object{{"k", storable("access key id", use.access_key_id)},
                                              {"t", use.used.millis()},
                                              {"s", storable("service", use.service)},
                                              {"r", storable("region", use.region)}});
    }
    tx.sql().exec_prepared("access_key_use_record", boost::json::serialize(entries));
}

}  // namespace coffer::storage
