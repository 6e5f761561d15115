// Many secrets in one statement: what reads of many that are not in the cache come down to.

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <pqxx/result>
#include <pqxx/transaction_base>

#include "storage/secret_repository.hpp"
#include "storage/secret_rows.hpp"
#include "storage/sql_values.hpp"
#include "storage/statements.hpp"

namespace coffer::storage {

namespace {

/// Behind secret_columns(): version_id and the payload's four.
constexpr pqxx::row::size_type kValueColumns = 5;

/// Nothing also where it cannot be read: it is said to whoever asks for this very version, and the secret's
/// other versions are served.
std::optional<std::pair<VersionId, StoredPayload>> read_value(const pqxx::row& row) {
    const auto first = row.size() - kValueColumns;
    if (row[first].is_null()) return std::nullopt;
    try {
        return std::pair(VersionId(row[first].c_str()), read_payload(row, first + 1));
    } catch (const UnreadableColumn&) {
        return std::nullopt;
    }
}

/// What a query of secrets with policies found.
std::vector<SecretRepository::WithPolicy> with_policies(ReadTransaction& tx, const pqxx::result& rows) {
    std::vector<SecretRepository::WithPolicy> secrets;
    std::vector<StoredSecret> unchecked;
    std::vector<std::size_t> places;
    secrets.reserve(static_cast<std::size_t>(rows.size()));
    for (const auto& row : rows) {
        secrets.push_back({row["name"].c_str(), std::exception_ptr()});
        try {
            unchecked.push_back(unchecked_secret(row));
            places.push_back(secrets.size() - 1);
        } catch (const IntegrityError& broken) {
            tx.report_integrity_failure(broken.what());
            secrets.back().secret = std::current_exception();
        }
    }
    auto checked = check_seals(tx, std::move(unchecked));
    for (std::size_t i = 0; i < checked.size(); ++i) secrets[places[i]].secret = std::move(checked[i]);
    return secrets;
}

}  // namespace

std::vector<Statement> loading_statements() {
    // Without a label ($2 is NULL) no version's value is looked for.
    return {
        {"secret_list_with_policy",
         fmt::format("WITH page AS MATERIALIZED (SELECT s.* FROM secrets s WHERE s.resource_policy IS NOT "
                     "NULL AND s.deleted IS NULL AND s.name > $1 ORDER BY s.name LIMIT $2::bigint) "
                     "SELECT {} FROM page s ORDER BY s.name",
                     secret_columns())},
        // What is written with an escape has a backslash, chr(92).
        {"secret_list_with_policy_about",
         fmt::format(
             "WITH page AS MATERIALIZED (SELECT s.* FROM secrets s WHERE s.resource_policy IS NOT "
             "NULL AND s.name > $1 AND (strpos(s.resource_policy, chr(92)) > 0 OR EXISTS (SELECT 1 "
             "FROM unnest($3::text[]) AS about (part) WHERE strpos(s.resource_policy, about.part) > "
             "0 OR strpos(s.policy_principals::text, about.part) > 0)) ORDER BY s.name LIMIT $2::bigint) "
             "SELECT {} FROM page s ORDER BY s.name",
             secret_columns())},
        {"secret_find_all",
         fmt::format("SELECT {}, v.version_id, v.master_key::text, v.key_generation, v.wrapped_key, "
                     "v.ciphertext FROM secrets s "
                     "LEFT JOIN staging_labels l ON l.secret_id = s.id AND l.label = $2 "
                     "LEFT JOIN secret_versions v ON v.secret_id = l.secret_id "
                     "AND v.version_id = l.version_id AND v.kind IS NOT NULL "
                     "AND octet_length(v.ciphertext) <= {} "
                     "WHERE s.name = ANY (ARRAY(SELECT json_array_elements_text($1::json)))",
                     secret_columns(), SecretRepository::kLongestValueAlong)}};
}

std::vector<Outcome<LoadedSecret>> SecretRepository::find_all(ReadTransaction& tx,
                                                              const std::vector<std::string>& names,
                                                              const std::optional<StagingLabel>& value_of) {
    std::vector<std::string> askable;
    std::copy_if(names.begin(), names.end(), std::back_inserter(askable),
                 [](const std::string& name) { return !has_nul(name); });
    const auto rows = tx.sql().exec_prepared("secret_find_all", json_list(askable),
                                             value_of ? value_of->value().c_str() : nullptr);

    std::map<std::string, Outcome<LoadedSecret>, std::less<>> found;
    std::vector<StoredSecret> unchecked;
    std::vector<LoadedSecret> loaded;
    for (const auto& row : rows) {
        try {
            auto secret = unchecked_secret(row);
            loaded.push_back({std::nullopt, read_value(row)});
            unchecked.push_back(std::move(secret));
        } catch (const IntegrityError& broken) {
            tx.report_integrity_failure(broken.what());
            found.insert_or_assign(row["name"].c_str(), std::current_exception());
        }
    }
    std::vector<std::string> names_read;
    for (const auto& secret : unchecked) names_read.push_back(secret.name);
    auto checked = check_seals(tx, std::move(unchecked));
    for (std::size_t i = 0; i < checked.size(); ++i) {
        found.insert_or_assign(std::move(names_read[i]), outcome_of([&] {
                                   loaded[i].secret = checked[i].take();
                                   return std::move(loaded[i]);
                               }));
    }

    std::vector<Outcome<LoadedSecret>> outcomes;
    outcomes.reserve(names.size());
    for (const auto& name : names) {
        const auto row = found.find(name);
        outcomes.push_back(row == found.end() ? Outcome<LoadedSecret>(LoadedSecret{}) : row->second);
    }
    return outcomes;
}

std::vector<SecretRepository::WithPolicy> SecretRepository::list_with_policy(ReadTransaction& tx,
                                                                             const std::string& after,
                                                                             std::size_t limit) {
    return with_policies(tx,
                         tx.sql().exec_prepared("secret_list_with_policy", storable("cursor", after), limit));
}

std::vector<SecretRepository::WithPolicy> SecretRepository::list_with_policy_about(
    ReadTransaction& tx, const std::vector<std::string>& texts, const std::string& after, std::size_t limit) {
    return with_policies(tx, tx.sql().exec_prepared("secret_list_with_policy_about",
                                                    storable("cursor", after), limit, text_array(texts)));
}

}  // namespace coffer::storage
