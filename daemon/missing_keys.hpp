#pragma once
// What an operator is told when the token lacks Coffer's keys: a new token, or the wrong one?

#include <string>

#include "crypto/hsm.hpp"
#include "daemon/server/config.hpp"

namespace coffer::daemon {

/// Looks in the database, for some seconds at most, whether anything was ever stored; `missing.what()`, which
/// has both cases, when it cannot be told.
[[nodiscard]] std::string explain(const crypto::KeysMissing& missing,
                                  const server::DatabaseSection& database);

}  // namespace coffer::daemon
