#pragma once
// Whether the files that hold secrets are as they must be, before anything is started.

#include <optional>
#include <string>
#include <vector>

#include "daemon/server/config.hpp"

namespace coffer::daemon {

/// The private files that are named as systemd credentials while nobody has set $CREDENTIALS_DIRECTORY, one
/// line each: not there to be looked at, which is a fault for a daemon that starts and none for somebody who
/// checks a configuration by hand.
[[nodiscard]] std::vector<std::string> absent_credentials(const server::Config& config);

/// The line of these for the PIN file; nothing when it is there to be read, or can be looked for.
[[nodiscard]] std::optional<std::string> absent_pin(const server::Config& config);

/// What is wrong with the files that `config` names, one line each: files that are missing; PIN and PEM key
/// files that are not as private as daemon/base/private_file_rule.hpp wants them, or that this user (who is
/// not root) cannot open; files of identity providers that others may write
/// (daemon/base/public_file_rule.hpp). Absent credentials are not among them. The content is not read.
[[nodiscard]] std::vector<std::string> file_problems(const server::Config& config);

}  // namespace coffer::daemon
