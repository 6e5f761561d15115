#pragma once
// Runs a program and gathers what it prints.

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace coffer::testing {

struct ProgramResult {
    int exit_code = -1;
    std::string out;
    std::string err;
};

/// `environment` is added to this process's. `input` is the program's standard input. Scratch files go to
/// `directory`. Throws when the program cannot be started or is killed.
[[nodiscard]] ProgramResult run_program(const std::vector<std::string>& command,
                                        const std::vector<std::pair<std::string, std::string>>& environment,
                                        const std::string& input, const std::filesystem::path& directory);

}  // namespace coffer::testing
