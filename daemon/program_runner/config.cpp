#include "daemon/program_runner/config.hpp"

#include <pwd.h>
#include <sys/stat.h>
#include <toml++/toml.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <set>
#include <system_error>

#include "daemon/server/toml_reader.hpp"
#include "daemon/server/units.hpp"

namespace coffer::program_runner {

namespace fs = std::filesystem;
using server::ConfigProblems;
using server::TableReader;
using Need = TableReader::Need;

namespace {

constexpr std::size_t kMostPrograms = 1'000;
constexpr std::size_t kMostArguments = 64;
constexpr std::size_t kMostVariables = 64;
constexpr std::size_t kMostCharacters = 4'096;
constexpr std::size_t kSocketPathMost = 107;  // sockaddr_un
constexpr std::size_t kPasswordBufferBytes = 16'384;

std::optional<uid_t> user_number(const std::string& user) {
    uid_t number = 0;
    const auto parsed = std::from_chars(user.data(), user.data() + user.size(), number);
    if (parsed.ec == std::errc{} && parsed.ptr == user.data() + user.size()) return number;
    std::vector<char> room(kPasswordBufferBytes);
    passwd entry{};
    passwd* found = nullptr;
    if (::getpwnam_r(user.c_str(), &entry, room.data(), room.size(), &found) != 0 || found == nullptr) {
        return std::nullopt;
    }
    return entry.pw_uid;
}

void read_users(TableReader& reader, RunnerConfig& config) {
    std::vector<std::string> users{"coffer"};
    reader.read_text_or_texts("allowed_users", users, Need::optional);
    for (const auto& user : users) {
        const auto number = user_number(user);
        if (!number) {
            reader.complain("allowed_users", "there is no user \"" + user + "\" on this machine");
        } else if (*number == 0) {
            reader.complain("allowed_users", "root is not allowed: cofferd does not run as root");
        } else {
            config.allowed_users.push_back(*number);
        }
    }
}

bool is_variable_name(std::string_view name) {
    return !name.empty() && !(name.front() >= '0' && name.front() <= '9') &&
           name.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") ==
               std::string_view::npos;
}

/// Everybody who may look at a process sees its environment, and so does every program that it starts.
bool sounds_secret(std::string_view name) {
    static constexpr std::array<std::string_view, 6> kWords{
        "PASSWORD", "PASSWD", "SECRET_ACCESS_KEY", "SESSION_TOKEN", "PRIVATE_KEY", "SECRET_KEY"};
    std::string upper(name);
    std::ranges::transform(upper, upper.begin(),
                           [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
    return std::ranges::any_of(kWords,
                               [&](std::string_view word) { return upper.find(word) != std::string::npos; });
}

void read_environment(TableReader& reader, ConfigProblems& problems, Program& program) {
    const auto* table = reader.find_table("environment", Need::optional);
    if (table == nullptr) return;
    if (table->size() > kMostVariables) {
        reader.complain("environment", "has more than " + std::to_string(kMostVariables) + " variables");
    }
    TableReader variables(*table, "the 'environment' of a [[program]]", problems);
    for (const auto& [key, node] : *table) {
        const std::string variable(key.str());
        std::string value;
        if (!variables.read_text(variable, value)) continue;
        if (!is_variable_name(variable)) {
            variables.complain(variable, "is no name of a variable");
        } else if (sounds_secret(variable)) {
            variables.complain(
                variable,
                "sounds like a secret: an environment is no place for one. What the program needs to "
                "know is in the event on its standard input, or in a secret that it reads");
        } else if (value.find('\0') != std::string::npos || value.size() > kMostCharacters) {
            variables.complain(variable, "must be at most 4096 characters, none of them 0");
        } else {
            program.environment.push_back(variable + "=" + value);
        }
    }
}

void read_command(TableReader& reader, Program& program) {
    if (!reader.read_text_or_texts("command", program.command, Need::required)) return;
    const bool sound =
        !program.command.empty() && program.command.size() <= kMostArguments &&
        std::ranges::none_of(program.command, [](const std::string& argument) {
            return argument.size() > kMostCharacters || argument.find('\0') != std::string::npos;
        });
    if (!sound) {
        reader.complain("command", "must have 1 to 64 parts of at most 4096 characters");
    } else if (!program.command.front().starts_with('/')) {
        reader.complain("command",
                        "must begin with the absolute path of a program; there is no shell and no PATH");
    } else {
        program.files.emplace_back(program.command.front());
    }
}

bool is_handler_name(std::string_view name) {
    return is_variable_name(name);  // the same alphabet as Python's identifiers in ASCII
}

struct PythonFiles {
    fs::path python = "/usr/bin/python3";
    fs::path helper = COFFER_LAMBDA_RUNNER;
};

void read_python(TableReader& reader, const PythonFiles& python, Program& program) {
    fs::path file;
    std::string handler = "lambda_handler";
    if (reader.read_path("file", file, Need::required) && !file.is_absolute()) {
        reader.complain("file", "must be an absolute path");
    }
    if (reader.read_text("handler", handler) && !is_handler_name(handler)) {
        reader.complain("handler", "must be the name of a function in 'file', such as \"lambda_handler\"");
    }
    program.files = {python.python, python.helper, file};
    // -I: neither the environment nor the user's folders have a say in what is imported; -B: nothing is
    // written.
    program.command = {python.python.string(),
                       "-I",
                       "-B",
                       python.helper.string(),
                       file.string(),
                       handler,
                       std::to_string(program.limits.memory / (1024 * 1024))};
}

void read_limits(TableReader& reader, ProgramLimits& limits) {
    reader.read_duration("time_limit", limits.time, std::chrono::milliseconds(100), kLongestRun);
    reader.read_size("memory_limit", limits.memory, 16 * server::kMiB, 64 * server::kGiB);
    reader.read_size("file_limit", limits.file, 0, 16 * server::kGiB);
    reader.read_integer("processes", limits.processes, 1, 100'000);
}

void read_program(TableReader& reader, const PythonFiles& python, ConfigProblems& problems,
                  Program& program) {
    if (reader.read_text("name", program.name, Need::required) && !is_program_name(program.name)) {
        reader.complain("name",
                        "must be 1 to 64 of A-Z, a-z, 0-9, '-', '_' and '.', a letter or digit first");
    }
    read_limits(reader, program.limits);
    std::string network;
    if (reader.read_text("network", network, Need::required)) {
        if (network == "host") {
            program.network = Network::host;
        } else if (network != "none") {
            reader.complain("network", "\"" + network + "\" is not known; choose one of \"none\", \"host\"");
        }
    }
    std::string kind = "exec";
    reader.read_text("kind", kind);
    if (kind == "exec") {
        read_command(reader, program);
    } else if (kind == "python") {
        program.kind = ProgramKind::python;
        read_python(reader, python, program);
        if (network == "none") {
            reader.complain(
                "network", "must be \"host\" for a Python handler, which has to reach Coffer's AWS endpoint");
        }
    } else {
        reader.complain("kind", "\"" + kind + "\" is not known; choose one of \"exec\", \"python\"");
    }
    read_environment(reader, problems, program);
    reader.finish();
}

void read_root(TableReader& root, ConfigProblems& problems, RunnerConfig& config) {
    root.read_path("socket", config.socket);
    if (config.socket.native().size() > kSocketPathMost) {
        root.complain("socket", "is longer than the 107 characters that the path of a socket may have");
    }
    if (!root.read_path("work_directory", config.work_directory)) {
        // systemd's RuntimeDirectory=, where there is one.
        const char* given = std::getenv("RUNTIME_DIRECTORY");
        config.work_directory = given != nullptr ? fs::path(given) : config.socket.parent_path() / "work";
    }
    root.read_integer("programs_at_a_time", config.programs_at_a_time, 1, 256);
    read_users(root, config);
    PythonFiles python;
    root.read_path("python", python.python);
    root.read_path("lambda_runner", python.helper);
    std::set<std::string> names;
    for (const toml::table* table : root.find_tables("program")) {
        TableReader reader(*table, "[[program]]", problems);
        Program program;
        read_program(reader, python, problems, program);
        if (!program.name.empty() && !names.insert(program.name).second) {
            reader.complain("name", "\"" + program.name + "\" names another program as well");
        }
        config.programs.push_back(std::move(program));
    }
    if (config.programs.size() > kMostPrograms) {
        problems.add(0, "there are more than " + std::to_string(kMostPrograms) + " [[program]]");
    }
    root.finish();
}

std::string trouble_with(const fs::path& path, bool executable) {
    struct stat status {};
    const auto say = [&](const std::string& what) { return path.string() + " " + what; };
    if (::stat(path.c_str(), &status) != 0) {
        return say("cannot be used: " + std::generic_category().message(errno));
    }
    if (!S_ISREG(status.st_mode)) return say("is no regular file");
    if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        return say("can be written by others than its owner: chmod go-w " + path.string());
    }
    if (::access(path.c_str(), executable ? X_OK : R_OK) != 0) {
        return say(executable ? "is not executable for the runner's user"
                              : "is not readable for the runner's user");
    }
    std::error_code unresolved;
    for (auto folder = fs::canonical(path, unresolved).parent_path();
         !unresolved && folder != folder.root_path(); folder = folder.parent_path()) {
        struct stat above {};
        if (::stat(folder.c_str(), &above) != 0) return say("lies in a folder that cannot be looked at");
        // In a folder with the sticky bit nobody can put another file in the place of somebody else's.
        if ((above.st_mode & (S_IWGRP | S_IWOTH)) != 0 && (above.st_mode & S_ISVTX) == 0) {
            return say("lies in " + folder.string() +
                       ", where others could put another file in its place: chmod go-w " + folder.string());
        }
    }
    return "";
}

}  // namespace

const Program* RunnerConfig::find(std::string_view name) const noexcept {
    const auto found = std::ranges::find(programs, name, &Program::name);
    return found == programs.end() ? nullptr : &*found;
}

RunnerConfig parse_runner_config(std::string_view text, const fs::path& file) {
    ConfigProblems problems(file);
    RunnerConfig config;
    try {
        const auto root = toml::parse(text, file.string());
        TableReader reader(root, "the file", problems);
        read_root(reader, problems, config);
    } catch (const toml::parse_error& error) {
        problems.add(error.source().begin.line, std::string(error.description()));
    }
    if (!problems.empty()) throw RunnerConfigError(problems.text());
    return config;
}

RunnerConfig load_runner_config(const fs::path& file) {
    std::ifstream in(file, std::ios::binary);
    if (!in)
        throw RunnerConfigError(file.string() +
                                ": cannot be read: " + std::generic_category().message(errno));
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    return parse_runner_config(text, file);
}

std::string trouble_with_files(const Program& program) {
    for (const auto& file : program.files) {
        auto trouble = trouble_with(file, &file == &program.files.front());
        if (!trouble.empty()) return trouble;
    }
    return "";
}

}  // namespace coffer::program_runner
