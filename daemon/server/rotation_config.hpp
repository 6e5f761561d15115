#pragma once
// The tables [rotation] and [[rotation_function]] of the configuration.

#include "daemon/server/config.hpp"
#include "daemon/server/toml_reader.hpp"

namespace coffer::server {

/// Reads both. Problems are reported as everywhere in the file.
void read_rotation(TableReader& root, RotationSection& rotation, ConfigProblems& problems);

}  // namespace coffer::server
