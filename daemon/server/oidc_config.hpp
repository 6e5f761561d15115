#pragma once
// The tables [[oidc_provider]] of the configuration.

#include <vector>

#include "daemon/server/config.hpp"
#include "daemon/server/toml_reader.hpp"

namespace coffer::server {

/// Reads all of them into `providers`. Problems are reported as everywhere in the file.
void read_oidc_providers(TableReader& root, std::vector<OidcProviderConfig>& providers,
                         ConfigProblems& problems);

}  // namespace coffer::server
