#pragma once
// Listens, and gives each request a process of its own.

#include <functional>
#include <string>

#include "daemon/base/fd.hpp"
#include "daemon/program_runner/config.hpp"

namespace coffer::program_runner {

/// Told about each request, and about what was refused; called in the process of a request as well.
using Say = std::function<void(const std::string& line)>;

/// Serves until SIGTERM or SIGINT, then kills the programs that run. For a process of one thread. `ready` is
/// called once connections are taken. `listener` is a socket that somebody else made; without one, the
/// configuration's is made, and removed at the end. Throws Error when it cannot begin.
void serve_all(const RunnerConfig& config, const Say& say, const std::function<void()>& ready,
               Fd listener = Fd());

}  // namespace coffer::program_runner
