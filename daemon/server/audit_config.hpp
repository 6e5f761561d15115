#pragma once
// The table [audit] of the configuration.

#include "daemon/server/config.hpp"
#include "daemon/server/toml_reader.hpp"

namespace coffer::server {

/// Reads [audit] with its sinks into `audit`. Problems are reported as everywhere in the file.
void read_audit(TableReader& root, AuditConfig& audit, ConfigProblems& problems);

}  // namespace coffer::server
