#pragma once
// A secret as one row of a result: the columns that every query of secrets selects, and how such a row
// becomes a checked record. Internal to storage/.

#include <pqxx/row>
#include <string>
#include <vector>

#include "daemon/base/outcome.hpp"
#include "storage/records.hpp"
#include "storage/secret_parts.hpp"
#include "storage/secret_repository.hpp"
#include "storage/transaction.hpp"

namespace coffer::storage {

/// The select list over `secrets s`: one row has the whole aggregate, so that it is read in one round trip
/// and from one snapshot.
[[nodiscard]] std::string secret_columns();

/// The secret in `row`, whose first columns are secret_columns(), not believed yet. Throws IntegrityError
/// when the row is nothing that this service writes.
[[nodiscard]] StoredSecret unchecked_secret(const pqxx::row& row);

/// The part of a row because of which unchecked_secret() throws, as far as that can be told.
[[nodiscard]] std::optional<SecretPart> unreadable_part(const pqxx::row& row);

/// Checks the seals of secrets that came from unchecked_secret(), all in one go. Each secret, or the
/// IntegrityError that names it, which is reported as well, in their order.
[[nodiscard]] std::vector<Outcome<StoredSecret>> check_seals(ReadTransaction& tx,
                                                             std::vector<StoredSecret> secrets);

/// The secret in `row`, its seal checked. Throws IntegrityError. `known` is what the caller has checked
/// before: while the row says the very same under the same seal, the token is not asked again.
[[nodiscard]] StoredSecret checked_secret(ReadTransaction& tx, const pqxx::row& row,
                                          const StoredSecret* known = nullptr);

/// The payload in the four columns master_key, key_generation, wrapped_key, ciphertext from `first` on, which
/// no seal covers. Throws UnreadableColumn.
[[nodiscard]] StoredPayload read_payload(const pqxx::row& row, pqxx::row::size_type first);

/// Where a listing goes on behind the secret in `row`.
[[nodiscard]] ListCursor cursor_behind(const pqxx::row& row, SortKey sort_by);

/// Tags as the column `tags` has them: [[key, value], ...].
[[nodiscard]] std::optional<std::string> tags_json(const std::optional<std::vector<Tag>>& tags);

/// As the column `policy_principals` has it: [[ARN, unique id], ...], by ARN.
[[nodiscard]] std::optional<std::string> principals_json(const PrincipalIds& ids);

/// As the column `rotation` has it.
[[nodiscard]] std::optional<std::string> rotation_json(const std::optional<StoredRotation>& rotation);

}  // namespace coffer::storage
