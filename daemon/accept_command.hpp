#pragma once
// cofferd accept-principals: takes principals that are older than what this node has seen, from the machine
// itself.

#include <cstdint>
#include <optional>

#include "daemon/server/config.hpp"

namespace coffer::daemon {

/// Opens the token and the database. Without `revision`: says what the database has and what this node has
/// seen. With it: accepts what the database has, if that is its revision. Throws Error that says what to do.
void accept_principals(const server::Config& config, std::optional<std::int64_t> revision);

}  // namespace coffer::daemon
