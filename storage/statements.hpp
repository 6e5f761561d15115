#pragma once
// The prepared statements of the repositories, which every connection registers. Internal to storage/.

#include <vector>

#include "storage/pqxx_connection.hpp"

namespace coffer::storage {

[[nodiscard]] std::vector<Statement> secret_statements();
[[nodiscard]] std::vector<Statement> listing_statements();
[[nodiscard]] std::vector<Statement> loading_statements();
[[nodiscard]] std::vector<Statement> damage_statements();
[[nodiscard]] std::vector<Statement> access_statements();
[[nodiscard]] std::vector<Statement> master_key_statements();
[[nodiscard]] std::vector<Statement> rewrap_statements();
[[nodiscard]] std::vector<Statement> token_key_statements();
[[nodiscard]] std::vector<Statement> seal_key_statements();
[[nodiscard]] std::vector<Statement> reseal_statements();
[[nodiscard]] std::vector<Statement> iam_statements();
[[nodiscard]] std::vector<Statement> outbox_statements();
[[nodiscard]] std::vector<Statement> audit_event_statements();
[[nodiscard]] std::vector<Statement> usage_statements();
[[nodiscard]] std::vector<Statement> access_key_use_statements();
[[nodiscard]] std::vector<Statement> rotation_statements();
[[nodiscard]] std::vector<Statement> certificate_statements();

/// All of them.
[[nodiscard]] const std::vector<Statement>& all_statements();

}  // namespace coffer::storage
