#pragma once
// Asks coffer-runner to run a program: one connection for each. cofferd itself may not start any.

#include <filesystem>
#include <string>

#include "daemon/program_runner/request.hpp"
#include "daemon/rotation/function.hpp"

namespace coffer::rotation {

/// What became of a program.
struct ProgramRun {
    program_runner::Answer answer;
    /// What it printed.
    crypto::SecretBytes output;
    /// What it said on standard error; may hold secrets.
    crypto::SecretBytes notes;
};

/// Thread-safe.
class RunnerClient {
public:
    /// `socket` is where the runner listens.
    explicit RunnerClient(std::filesystem::path socket) : socket_(std::move(socket)) {}

    /// Blocks until the program has ended, or until the step's deadline and a little more: the runner kills
    /// the program then. `request.timeout` is set to what is left until then. Throws StepFailed (retry) when
    /// the runner cannot be reached or does not answer, in words that say what to do, and RotationLost when
    /// `context.ended` is set: the runner kills the program then as well, which is waited for, three seconds
    /// at most.
    [[nodiscard]] ProgramRun ask(program_runner::Request request, crypto::SecretBytes input,
                                 const StepContext& context) const;

private:
    const std::filesystem::path socket_;
};

}  // namespace coffer::rotation
