#pragma once
// Completion for shells, made from the tree of verbs.

#include <CLI/CLI.hpp>
#include <string>

namespace coffer::cli {

[[nodiscard]] std::string bash_completion(const CLI::App& app);
[[nodiscard]] std::string zsh_completion(const CLI::App& app);
[[nodiscard]] std::string fish_completion(const CLI::App& app);

}  // namespace coffer::cli
