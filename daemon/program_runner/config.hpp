#pragma once
// coffer-runner's configuration (runner.toml): where it listens, who may connect, and which programs it may
// start. Read once, at the start. All keys: docs/coffer-runner.md.

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/errors.hpp"
#include "daemon/program_runner/request.hpp"

namespace coffer::program_runner {

/// `what()` has one line for each problem, with file and line.
class RunnerConfigError : public Error {
public:
    using Error::Error;
};

enum class Network : std::uint8_t {
    /// A network namespace of its own with nothing in it.
    none,
    /// The machine's.
    host,
};

/// What a program may use.
struct ProgramLimits {
    std::chrono::milliseconds time{30'000};
    /// Of address space, a process.
    std::size_t memory = 512U * 1024 * 1024;
    /// Of one file that it writes.
    std::size_t file = 16U * 1024 * 1024;
    /// Processes and threads of the runner's user, all together.
    unsigned processes = 64;
};

struct Program {
    std::string name;
    ProgramKind kind = ProgramKind::exec;
    /// What is started: an absolute path and its arguments. Of a Python handler: made from its file.
    std::vector<std::string> command;
    /// The files that nobody but their owner may be able to write: the program, or the handler.
    std::vector<std::filesystem::path> files;
    Network network = Network::none;
    ProgramLimits limits;
    /// "NAME=value", besides those that every program gets.
    std::vector<std::string> environment;
};

struct RunnerConfig {
    std::filesystem::path socket = "/run/coffer-runner/runner.sock";
    /// The users whose processes may connect.
    std::vector<uid_t> allowed_users;
    /// Where each program gets a folder of its own. Such folders are removed at the start.
    std::filesystem::path work_directory = "/run/coffer-runner/work";
    unsigned programs_at_a_time = 16;
    std::vector<Program> programs;

    /// Null when there is none of that name.
    [[nodiscard]] const Program* find(std::string_view name) const noexcept;
};

/// Throws RunnerConfigError.
[[nodiscard]] RunnerConfig load_runner_config(const std::filesystem::path& file);
/// The same for text; `file` stands in messages and its folder is what relative paths belong to.
[[nodiscard]] RunnerConfig parse_runner_config(std::string_view text, const std::filesystem::path& file);

/// Why the program cannot be started as it lies on the disk; empty when it can: each file is a regular file
/// that neither group nor others can write, in folders that the same holds for, and can be read or executed.
[[nodiscard]] std::string trouble_with_files(const Program& program);

}  // namespace coffer::program_runner
