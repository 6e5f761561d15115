#pragma once
// The terminal: output, questions, passwords, and a word when something takes long.

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "crypto/secret_bytes.hpp"

namespace coffer::cli {

[[nodiscard]] bool stdin_is_terminal();
[[nodiscard]] bool stdout_is_terminal();
[[nodiscard]] bool stderr_is_terminal();

/// Writes all of `text` to standard output. Throws Failure when that is not possible (a full disk).
void print(std::string_view text);

/// Writes to standard error; what goes wrong there is lost.
void say(std::string_view text);

/// Asks on the terminal, without echo. Throws Failure at the end of input.
[[nodiscard]] crypto::SecretBytes ask_hidden(const std::string& prompt);

/// Asks twice until both are the same.
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
