#pragma once
// A secret as one row of a result: the columns that every query of secrets selects, and how such a row
// becomes a checked record. Internal to storage/.

#include <pqxx/row>
#include <string>

#include "storage/records.hpp"
#include "storage/secret_repository.hpp"
#include "storage/transaction.hpp"

namespace coffer::storage {

/// The select list over `secrets s`: one row has the whole aggregate, so that it is read in one round trip
/// and from one snapshot.
[[nodiscard]] std::string secret_columns();

/// The secret in `row`, whose first columns are secret_columns(), not believed yet. Throws IntegrityError
/// when the row is nothing that this service writes.
[[nodiscard]] StoredSecret unchecked_secret(const pqxx::row& row);

/// Checks the seal in `row` over `secret`, which was read from it. Throws IntegrityError.
void check_seal(ReadTransaction& tx, const StoredSecret& secret, const pqxx::row& row);

/// Both.
[[nodiscard]] StoredSecret checked_secret(ReadTransaction& tx, const pqxx::row& row);

/// Where a listing goes on behind the secret in `row`.
[[nodiscard]] ListCursor cursor_behind(const pqxx::row& row, SortKey sort_by);

/// Tags as the column `tags` has them: [[key, value], ...].
[[nodiscard]] std::optional<std::string> tags_json(const std::optional<std::vector<Tag>>& tags);

}  // namespace coffer::storage
