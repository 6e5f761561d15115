#pragma once
// The runner's Unix socket, and who may connect to it.

#include <sys/types.h>

#include <filesystem>
#include <optional>

#include "daemon/base/fd.hpp"

namespace coffer::program_runner {

/// Listens at `path`, with mode 0660, for the owner's group. A socket that nobody listens at any more is
/// replaced. Throws Error, also when another runner is there or the folder is open to others.
[[nodiscard]] Fd listen_at(const std::filesystem::path& path);

/// The user of the process at the other end (SO_PEERCRED), as it was when it connected.
[[nodiscard]] std::optional<uid_t> peer_user(const Fd& connection);

}  // namespace coffer::program_runner
