#pragma once
// The tables [rotation] and [[rotation_function]] of the configuration.

#include "daemon/server/config.hpp"
#include "daemon/server/toml_reader.hpp"

namespace coffer::server {

/// Reads both. Problems are reported as everywhere in the file.
void read_rotation(TableReader& root, RotationSection& rotation, ConfigProblems& problems);

/// `program`, which is required: the name of a [[program]] of coffer-runner's configuration.
void read_program_name(TableReader& reader, std::string& program);

}  // namespace coffer::server
