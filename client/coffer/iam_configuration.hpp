#pragma once
// Access as files: one JSON or TOML file for each user, group, role and policy, or for several of them.

#include <filesystem>
#include <string>

#include "coffer/v1/iam.pb.h"

namespace coffer::cli {

/// The files of `folder` as one configuration, and its errors: see AccessFiles.
[[nodiscard]] v1::AccessConfiguration read_configuration(const std::filesystem::path& folder);

/// Writes one JSON file for each entity: users/NAME.json and so on. Throws Failure when `folder` has
/// something in it already, unless `over`: then files of the same name are replaced.
void write_configuration(const v1::AccessConfiguration& configuration, const std::filesystem::path& folder,
                         bool over);

/// The changes for people: a line for each entity, and below it the statements that a policy loses and gains.
[[nodiscard]] std::string worded(const v1::ApplyAccessConfigurationResponse& response);

}  // namespace coffer::cli
