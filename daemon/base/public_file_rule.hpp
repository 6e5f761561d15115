#pragma once
// The one rule on who else may write a file that is no secret and yet decides whom the daemon believes. It
// reads no file.

#include <sys/stat.h>

#include <optional>
#include <string>

namespace coffer {

/// What is wrong with a file whose status is `status`, as the rest of a sentence ("has mode 0664: ...");
/// nothing when it is a regular file that its owner alone may write, and the owner is this process's user or
/// root. Root, who may look at another user's file for that user, is not asked for the owner.
[[nodiscard]] std::optional<std::string> trust_problem(const struct stat& status);

}  // namespace coffer
