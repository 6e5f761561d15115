#pragma once
// Certificates in the configuration: [[certificate_authority]], and [[rotation_function]] of the kind
// "certificate".

#include "daemon/server/config.hpp"
#include "daemon/server/toml_reader.hpp"

namespace coffer::server {

/// Reads the authorities. Problems are reported as everywhere in the file.
void read_certificate_authorities(TableReader& root, Config& config, ConfigProblems& problems);

/// The keys that only functions of this kind have.
[[nodiscard]] CertificateFunctionSection read_certificate_function(TableReader& reader);

/// Reports functions that name an authority that is not there, or more days than it issues for.
void require_known_authorities(TableReader& root, const Config& config, ConfigProblems& problems);

}  // namespace coffer::server
