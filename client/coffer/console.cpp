#include "client/coffer/console.hpp"

#include <fmt/format.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "client/coffer/failure.hpp"
#include "client/coffer/visible.hpp"

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

/// The terminal does not show what is typed as long as this lives.
class EchoOff {
public:
    EchoOff() {
        if (::tcgetattr(STDIN_FILENO, &before_) != 0) return;
        termios hidden = before_;
        hidden.c_lflag &= ~static_cast<tcflag_t>(ECHO);
        hidden.c_lflag |= ECHONL;
        changed_ = ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden) == 0;
    }
    EchoOff(const EchoOff&) = delete;
    EchoOff& operator=(const EchoOff&) = delete;
    ~EchoOff() {
        if (changed_) ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
    }

private:
    termios before_{};
    bool changed_ = false;
};

constexpr std::size_t kLineBytesMax = 64 * 1024;

/// A line of standard input without its end.
crypto::SecretBytes read_line() {
    crypto::SecretBytes line(kLineBytesMax);
    std::size_t size = 0;
    while (size < line.size()) {
        std::uint8_t& c = line.writable()[size];
        const auto got = ::read(STDIN_FILENO, &c, 1);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) throw Failure("the input ended before an answer was given");
        if (c == '\n') break;
        ++size;
    }
    line.truncate(size);
    return line;
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
        throw Failure("the output could not be written: " + std::generic_category().message(errno));
    }
}

void say(std::string_view text) {
    static_cast<void>(write_all(STDERR_FILENO, view(visible_lines(text))));
}

crypto::SecretBytes ask_hidden(const std::string& prompt) {
    const EchoOff hidden;  // before the prompt: what is typed on it is neither shown nor thrown away
    say(prompt);
    return read_line();
}

crypto::SecretBytes ask_hidden_twice(const std::string& prompt) {
    while (true) {
        auto first = ask_hidden(prompt + ": ");
        const auto second = ask_hidden(prompt + ", again: ");
        if (crypto::constant_time_equal(first.view(), second.view())) return first;
        say("The two are not the same. Once more.\n");
    }
}

bool confirm(const std::string& question) {
    say(question + " [y/N] ");
    const auto answer = read_line();
    return answer.text() == "y" || answer.text() == "Y" || answer.text() == "yes";
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
