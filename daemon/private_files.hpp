#pragma once
// Whether the files that hold secrets are as they must be, before anything is started.

#include <string>
#include <vector>

#include "daemon/server/config.hpp"

namespace coffer::daemon {

/// What is wrong with the files that `config` names, one line each: files that are missing; PIN and PEM key
/// files that are not as private as daemon/base/private_file_rule.hpp wants them. The content is not read.
[[nodiscard]] std::vector<std::string> file_problems(const server::Config& config);

}  // namespace coffer::daemon
