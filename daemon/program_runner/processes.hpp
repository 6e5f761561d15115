#pragma once
// The processes that a program leaves behind.

#include <sys/types.h>

#include <chrono>
#include <set>

namespace coffer::program_runner {

/// From now on processes whose parent ended become children of this one, and not of the system's first
/// process. Throws Error.
void adopt_orphans();

/// Kills the children of this process that are not among `known`, once, without waiting for them.
void kill_orphans(const std::set<pid_t>& known);

/// Kills all children of this process, and what they leave behind in turn, and waits for them; for at most
/// `patience`. True when none is left.
[[nodiscard]] bool kill_children(std::chrono::milliseconds patience);

}  // namespace coffer::program_runner
