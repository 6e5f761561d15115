#pragma once
// The one rule on who else may use a file that holds a PIN or a private key. It reads no file.

#include <sys/stat.h>

#include <filesystem>
#include <optional>
#include <string>

namespace coffer {

/// What is wrong with `file`, whose status is `status`, as the rest of a sentence ("has mode 0640: ...");
/// nothing when it is a regular file that its owner alone may use, and the owner is this process's user or
/// root. Root, who may look at another user's file for that user, is not asked for the owner.
///
/// A file that lies directly in $CREDENTIALS_DIRECTORY may be readable by its group: systemd gives its
/// credentials (systemd.exec(5), LoadCredential=) to one user by an access list, whose mask is what the mode
/// shows as the group's rights (acl(5)).
[[nodiscard]] std::optional<std::string> privacy_problem(const std::filesystem::path& file,
                                                         const struct stat& status);

}  // namespace coffer
