#include "client/coffer/console.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "client/coffer/failure.hpp"
#include "client/coffer/visible.hpp"
#include "crypto/hidden_terminal.hpp"

namespace coffer::cli {

namespace {

/// Writes all; false on an error, with errno.
bool write_all(int fd, std::string_view text) {
    while (!text.empty()) {
        const auto written = ::write(fd, text.data(), text.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return false;
        text.remove_prefix(static_cast<std::size_t>(written));
    }
    return true;
}

/// The last line of the terminal is `text` from now on.
void rewrite_line(std::string_view text) {
    write_all(STDERR_FILENO, "\r\033[K");
    say(text);
}

/// What docs/coffer.md says of a value's length.
constexpr std::size_t kValueBytesMax = 64 * 1024;

/// A line of standard input without its end, as far as it is of interest.
std::string read_answer() {
    constexpr std::size_t kAnswerBytesMax = 16;
    std::string line;
    while (true) {
        char c = 0;
        const auto got = ::read(STDIN_FILENO, &c, 1);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) throw Failure("the input ended before an answer was given");
        if (c == '\n') return line;
        if (line.size() < kAnswerBytesMax) line += c;
    }
}

}  // namespace

bool stdin_is_terminal() {
    return ::isatty(STDIN_FILENO) == 1;
}
bool stdout_is_terminal() {
    return ::isatty(STDOUT_FILENO) == 1;
}
bool stderr_is_terminal() {
    return ::isatty(STDERR_FILENO) == 1;
}

Reader reader_of_output() {
    return stdout_is_terminal() ? Reader::terminal : Reader::program;
}

void print(std::string_view text) {
    if (stdout_is_terminal()) return print_bytes(view(visible_lines(text)));
    print_bytes(text);
}

void print_bytes(std::string_view bytes) {
    if (!write_all(STDOUT_FILENO, bytes)) {
        const auto why =
            errno == EBADF ? "standard output is closed" : std::generic_category().message(errno);
        throw Failure("the output could not be written: " + why);
    }
}

void say(std::string_view text) {
    static_cast<void>(write_all(STDERR_FILENO, view(visible_lines(text))));
}

crypto::SecretBytes ask_hidden_twice(const std::string& prompt) {
    return crypto::HiddenTerminal().ask_twice(std::string(view(visible_lines(prompt))), kValueBytesMax);
}

bool confirm(const std::string& question) {
    say(question + " [y/N] ");
    const auto answer = read_answer();
    return answer == "y" || answer == "Y" || answer == "yes";
}

Progress::Progress(std::string what) : what_(std::move(what)) {
    if (stderr_is_terminal()) thread_ = std::thread([this] { watch(); });
}

Progress::~Progress() {
    {
        const std::lock_guard lock(mutex_);
        done_ = true;
    }
    changed_.notify_all();
    if (thread_.joinable()) thread_.join();
}

void Progress::set(std::string what) {
    const std::lock_guard lock(mutex_);
    what_ = std::move(what);
}

void Progress::watch() {
    using namespace std::chrono_literals;
    std::unique_lock lock(mutex_);
    int seconds = 2;
    if (changed_.wait_for(lock, 2s, [this] { return done_; })) return;
    do {
        rewrite_line(fmt::format("{} ({} s)", what_, seconds++));
    } while (!changed_.wait_for(lock, 1s, [this] { return done_; }));
    rewrite_line({});
}

}  // namespace coffer::cli
