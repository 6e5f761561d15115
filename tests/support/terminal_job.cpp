#include "tests/support/terminal_job.hpp"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <stdexcept>

namespace coffer::testing {

namespace {

constexpr int kPatienceMillis = 60'000;

/// The process that a terminal belongs to; when it ends, the terminal is gone. Between fork and exec.
[[noreturn]] void lead(int terminal, int changes, char* const* command) {
    ::setsid();
    ::ioctl(terminal, TIOCSCTTY, 0);
    for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::dup2(terminal, standard);
    if (terminal > STDERR_FILENO) ::close(terminal);
    const auto job = ::fork();
    if (job == 0) {
        ::signal(SIGTTOU, SIG_IGN);  // NOLINT(performance-no-int-to-ptr): the system's macro
        ::setpgid(0, 0);
        ::tcsetpgrp(STDIN_FILENO, ::getpid());
        ::signal(SIGTTOU, SIG_DFL);
        ::execvp(command[0], command);
        ::_exit(127);
    }
    bool told = ::write(changes, &job, sizeof job) == sizeof job;
    int status = 0;
    while (told && ::waitpid(job, &status, WUNTRACED) == job) {
        told = ::write(changes, &status, sizeof status) == sizeof status;
    }
    ::pause();
    ::_exit(0);
}

}  // namespace

TerminalJob::TerminalJob(std::vector<std::string> command) {
    std::vector<char*> words;
    for (auto& word : command) words.push_back(word.data());
    words.push_back(nullptr);
    int inner = -1;
    const winsize size{.ws_row = 24, .ws_col = 1000, .ws_xpixel = 0, .ws_ypixel = 0};  // no line is broken
    std::array<int, 2> pipe{};
    if (::openpty(&terminal_, &inner, nullptr, nullptr, &size) != 0 || ::pipe2(pipe.data(), O_CLOEXEC) != 0) {
        throw std::runtime_error("no terminal");
    }
    ::fcntl(terminal_, F_SETFD, FD_CLOEXEC);
    leader_ = ::fork();
    if (leader_ == 0) lead(inner, pipe[1], words.data());
    ::close(inner);
    ::close(pipe[1]);
    changes_ = pipe[0];
    job_ = await_number();
}

TerminalJob::~TerminalJob() {
    if (job_ > 0) ::kill(job_, SIGKILL);
    ::kill(leader_, SIGKILL);
    ::waitpid(leader_, nullptr, 0);
    ::close(terminal_);
    ::close(changes_);
}

bool TerminalJob::take(int descriptor) {
    std::array<pollfd, 2> waited{{{terminal_, POLLIN, 0}, {descriptor, POLLIN, 0}}};
    if (::poll(waited.data(), waited.size(), kPatienceMillis) <= 0) {
        throw std::runtime_error("nothing comes; the terminal has shown: " + shown_);
    }
    if ((waited[0].revents & POLLIN) != 0) {
        std::array<char, 4096> chunk{};
        const auto got = ::read(terminal_, chunk.data(), chunk.size());
        if (got > 0) shown_.append(chunk.data(), static_cast<std::size_t>(got));
    }
    return descriptor != terminal_ && waited[1].revents != 0;
}

void TerminalJob::await(std::string_view text) {
    std::size_t at = 0;
    while ((at = shown_.find(text, awaited_)) == std::string::npos) take(terminal_);
    awaited_ = at + text.size();
}

void TerminalJob::type(std::string_view text) const {
    if (::write(terminal_, text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
        throw std::runtime_error("the terminal takes no more");
    }
}

void TerminalJob::signal(int number) const {
    ::kill(job_, number);
}

pid_t TerminalJob::await_number() {
    while (!take(changes_)) {
    }
    pid_t number = 0;
    if (::read(changes_, &number, sizeof number) != sizeof number) {
        throw std::runtime_error("the job is gone; the terminal has shown: " + shown_);
    }
    return number;
}

int TerminalJob::await_change() {
    const int status = await_number();
    if (!WIFSTOPPED(status)) job_ = -1;
    return status;
}

bool TerminalJob::is_as_before() const {
    termios modes{};
    ::tcgetattr(terminal_, &modes);
    return (modes.c_lflag & ECHO) != 0 && (modes.c_lflag & ICANON) != 0;
}

void TerminalJob::set_as_before() const {
    termios modes{};
    ::tcgetattr(terminal_, &modes);
    modes.c_lflag |= ECHO | ICANON;
    ::tcsetattr(terminal_, TCSANOW, &modes);
}

}  // namespace coffer::testing
