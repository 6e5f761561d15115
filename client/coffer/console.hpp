#pragma once
// The terminal: output, questions, passwords, and a word when something takes long.

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "client/coffer/visible.hpp"
#include "crypto/secret_bytes.hpp"

namespace coffer::cli {

[[nodiscard]] bool stdin_is_terminal();
[[nodiscard]] bool stdout_is_terminal();
[[nodiscard]] bool stderr_is_terminal();

/// Who reads standard output, a terminal or a program.
[[nodiscard]] Reader reader_of_output();

/// Writes lines to standard output; when that is a terminal, without what would steer it (visible_lines).
/// Throws Failure when that is not possible (a full disk).
void print(std::string_view text);

/// Writes bytes to standard output as they are. Throws Failure like print().
void print_bytes(std::string_view bytes);

/// Writes lines to standard error, without what would steer a terminal; what goes wrong there is lost.
void say(std::string_view text);

/// Asks on the terminal, without showing what is typed, twice until both are the same. Throws Error as
/// crypto::HiddenTerminal does.
[[nodiscard]] crypto::SecretBytes ask_hidden_twice(const std::string& prompt);

/// Asks for a yes on the terminal.
[[nodiscard]] bool confirm(const std::string& question);

/// As long as it lives, and after two seconds: a line on standard error that says what is waited for and
/// since when. Nothing when that is no terminal.
class Progress {
public:
    explicit Progress(std::string what);
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;
    ~Progress();
    void set(std::string what);

private:
    void watch();

    std::mutex mutex_;
    std::condition_variable changed_;
    std::string what_;
    bool done_ = false;
    std::thread thread_;
};

}  // namespace coffer::cli
