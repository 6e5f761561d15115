#pragma once
// Access that nobody used: principals that asked for nothing, and actions that somebody's policies allow and
// that it was never served, by the counts of daemon/usage.

#include <cstdint>

#include "coffer/v1/iam.pb.h"
#include "daemon/iam/work.hpp"

namespace coffer::iam {

/// Adds a finding for each user and role that did nothing in the last `days` days (UTC), and one for each
/// that may do what it did not. Those that were made since are left out. Says since when there are counts,
/// where that is not as long ago. Reads the database.
void find_unused_access(Work& work, std::int64_t days, v1::LintPoliciesResponse& response);

}  // namespace coffer::iam
