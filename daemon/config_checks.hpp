#pragma once
// What only the parts that use it can judge of a configuration, looked at before anything is connected to.

#include <string>
#include <vector>

#include "daemon/server/config.hpp"

namespace coffer::daemon {

/// Files that are there and cannot be used, or are not there: the profile, certificates and keys, revocation
/// lists, keys of identity providers. For `check-config`: the start meets them when it opens them. Keys in
/// the token, and systemd's credentials outside of systemd, are not looked at. To be called when there are no
/// file_problems() (private_files.hpp).
[[nodiscard]] std::vector<std::string> content_problems(const server::Config& config);

}  // namespace coffer::daemon
