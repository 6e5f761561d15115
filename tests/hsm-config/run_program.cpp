#include "run_program.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <system_error>

extern char** environ;

namespace coffer::testing {
namespace {

std::string content(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

std::vector<std::string> merged(const std::vector<std::pair<std::string, std::string>>& more) {
    std::vector<std::string> all;
    for (const auto& [name, value] : more) all.push_back(name + "=" + value);
    for (char** entry = environ; *entry != nullptr; ++entry) {
        const std::string text(*entry);
        const auto name = text.substr(0, text.find('='));
        bool replaced = false;
        for (const auto& [other, value] : more) replaced = replaced || other == name;
        if (!replaced) all.push_back(text);
    }
    return all;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
    std::vector<char*> out;
    for (auto& text : texts) out.push_back(text.data());
    out.push_back(nullptr);
    return out;
}

class FileActions {
public:
    FileActions() { ::posix_spawn_file_actions_init(&actions_); }
    ~FileActions() { ::posix_spawn_file_actions_destroy(&actions_); }
    FileActions(const FileActions&) = delete;
    FileActions& operator=(const FileActions&) = delete;
    void open(int descriptor, const std::filesystem::path& file, int flags) {
        ::posix_spawn_file_actions_addopen(&actions_, descriptor, file.c_str(), flags, 0600);
    }
    [[nodiscard]] const posix_spawn_file_actions_t* get() const { return &actions_; }

private:
    posix_spawn_file_actions_t actions_{};
};

}  // namespace

ProgramResult run_program(const std::vector<std::string>& command,
                          const std::vector<std::pair<std::string, std::string>>& environment,
                          const std::string& input, const std::filesystem::path& directory) {
    const auto in = directory / "run.in";
    const auto out = directory / "run.out";
    const auto err = directory / "run.err";
    std::ofstream(in, std::ios::binary | std::ios::trunc) << input;
    FileActions actions;
    actions.open(STDIN_FILENO, in, O_RDONLY);
    actions.open(STDOUT_FILENO, out, O_WRONLY | O_CREAT | O_TRUNC);
    actions.open(STDERR_FILENO, err, O_WRONLY | O_CREAT | O_TRUNC);
    auto words = command;
    auto variables = merged(environment);
    pid_t child = 0;
    const int error = ::posix_spawn(&child, command.front().c_str(), actions.get(), nullptr,
                                    pointers(words).data(), pointers(variables).data());
    if (error != 0) throw std::system_error(error, std::generic_category(), command.front());
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (!WIFEXITED(status))
        throw std::runtime_error(command.front() + " was killed; it said: " + content(err));
    return {.exit_code = WEXITSTATUS(status), .out = content(out), .err = content(err)};
}

}  // namespace coffer::testing
