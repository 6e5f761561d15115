#pragma once
// Access as files: one JSON or TOML file for each user, group, role and policy, or for several of them.

#include <filesystem>

#include "coffer/v1/iam.pb.h"

namespace coffer::cli {

/// Reads all *.json and *.toml files of `folder` and the folders in it. A file holds one entity (an object
/// with UserName, GroupName, RoleName, PolicyName or ListenerName) or several (an object with the lists
/// Users, Groups, Roles, Policies, Listeners). Policy documents may be objects. Throws UsageError that names
/// the file and the member, and Failure for files that cannot be read.
[[nodiscard]] v1::AccessConfiguration read_configuration(const std::filesystem::path& folder);

/// Writes one JSON file for each entity: users/NAME.json and so on. Throws Failure when `folder` has
/// something in it already, unless `over`: then files of the same name are replaced.
void write_configuration(const v1::AccessConfiguration& configuration, const std::filesystem::path& folder,
                         bool over);

}  // namespace coffer::cli
