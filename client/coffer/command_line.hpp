#pragma once
// The whole tree of verbs and options.

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "client/coffer/command.hpp"
#include "client/coffer/context.hpp"

namespace coffer::cli {

class CommandLine {
public:
    CommandLine();
    CommandLine(const CommandLine&) = delete;
    CommandLine& operator=(const CommandLine&) = delete;

    /// Parses the arguments (without the program's name). Throws UsageError, CLI::ParseError, the latter also
    /// for
    /// --help and --version.
    void parse(std::vector<std::string> arguments);
    /// Does what was parsed. Throws.
    void run();

    [[nodiscard]] CLI::App& app() noexcept { return app_; }

private:
    CLI::App app_;
    [[nodiscard]] static std::vector<std::string> verb_names(const CLI::App& app);
    /// What to say of the arguments that nobody took.
    [[nodiscard]] std::string unexpected() const;
    [[nodiscard]] static bool is_verb(const CLI::App& app, const std::string& name);
    /// Throws UsageError when `verb` is a group (iam, audit) and what follows is none of its verbs.
    void require_verb_of_group(const std::vector<std::string>& arguments, std::size_t verb) const;
    /// Where the next verb is among the arguments; their number when there is none.
    [[nodiscard]] std::size_t verb_position(const std::vector<std::string>& arguments,
                                            std::size_t from) const;

    /// In words: those that take --output, but for the verbs of aws secretsmanager.
    [[nodiscard]] std::string verbs_with_output() const;

    GlobalOptions options_;
    Commands commands_;
};

}  // namespace coffer::cli
