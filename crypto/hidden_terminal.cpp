#include "crypto/hidden_terminal.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <string_view>
#include <system_error>
#include <utility>

#include "daemon/base/errors.hpp"

namespace coffer::crypto {

namespace {

constexpr std::string_view kOtherWay = "; give such a value through a pipe or a file";
/// The pieces of a paste are closer together than this, and keys that somebody presses are not.
constexpr int kPasteGapMillis = 100;
/// So long nothing must have come for a paste to be over; and when not even that helps.
constexpr int kQuietMillis = 300;
constexpr std::chrono::seconds kDrainMax{5};

// What signal handlers reach. Lock-free, so that a handler may touch them.
std::array<std::atomic<bool>, NSIG> arrived_signals;
std::atomic<int> wake_descriptor{-1};

void note_signal(int signal) {
    const int error_before = errno;
    arrived_signals[static_cast<std::size_t>(signal)] = true;
    const std::uint64_t one = 1;
    // It can only fail when it is full, and then it wakes as well.
    if (::write(wake_descriptor, &one, sizeof one) < 0) errno = error_before;
    errno = error_before;
}

void write_to_terminal(std::string_view text) noexcept {
    while (!text.empty()) {
        const auto written = ::write(STDERR_FILENO, text.data(), text.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return;
        text.remove_prefix(static_cast<std::size_t>(written));
    }
}

int set_terminal(const termios& wanted) noexcept {
    int result = 0;
    do {
        result = ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &wanted);
    } while (result != 0 && errno == EINTR);
    return result;
}

bool more_within(int millis) {
    pollfd input{STDIN_FILENO, POLLIN, 0};
    int count = 0;
    do {
        count = ::poll(&input, 1, millis);
    } while (count < 0 && errno == EINTR);
    return count > 0 && (input.revents & POLLIN) != 0;
}

/// Otherwise the rest of a paste would come to the shell, which shows it and runs it.
void drain() {
    SecretBytes scratch(256);
    const auto end = std::chrono::steady_clock::now() + kDrainMax;
    while (more_within(kQuietMillis) && std::chrono::steady_clock::now() < end) {
        if (::read(STDIN_FILENO, scratch.writable().data(), scratch.size()) <= 0) return;
    }
}

[[noreturn]] void refuse(const std::string& why) {
    drain();
    write_to_terminal("\n");
    throw Error(why);
}

/// How many bytes the last character has; of bytes that are not UTF-8, one.
std::size_t last_character(std::string_view text, bool utf8) noexcept {
    std::size_t bytes = 1;
    const auto continues = [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; };
    while (utf8 && bytes < 4 && bytes < text.size() && continues(text[text.size() - bytes])) ++bytes;
    return bytes;
}

std::size_t without_last_word(std::string_view text) noexcept {
    auto size = text.size();
    while (size > 0 && text[size - 1] == ' ') --size;
    while (size > 0 && text[size - 1] != ' ') --size;
    return size;
}

}  // namespace

HiddenTerminal::HiddenTerminal() {
    if (::tcgetattr(STDIN_FILENO, &before_) != 0) {
        throw Error("the terminal cannot be read from: " + std::generic_category().message(errno));
    }
    woken_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (woken_ < 0) throw Error("out of file descriptors: " + std::generic_category().message(errno));
    wake_descriptor = woken_;
    try {
        enter();
    } catch (...) {
        ::close(woken_);
        throw;
    }
}

HiddenTerminal::~HiddenTerminal() {
    leave();
    for (const int signal : kSignals) {
        const bool came = arrived_signals[static_cast<std::size_t>(signal)].exchange(false);
        if (came && signal != SIGCONT) ::raise(signal);
    }
    ::close(woken_);
}

/// Signals that come when the terminal is another job's (SIGTTIN, SIGTTOU) are left alone: there is nothing
/// to put back then, and what follows them is SIGCONT.
void HiddenTerminal::enter() {
    for (std::size_t i = 0; i < kSignals.size(); ++i) {
        struct sigaction noting {};
        noting.sa_handler = note_signal;
        sigemptyset(&noting.sa_mask);
        ::sigaction(kSignals.at(i), nullptr, &actions_before_.at(i));
        if (actions_before_.at(i).sa_handler != SIG_IGN) ::sigaction(kSignals.at(i), &noting, nullptr);
    }
    termios hidden = before_;
    hidden.c_lflag &= ~static_cast<tcflag_t>(ECHO | ECHONL | ICANON);
    hidden.c_cc[VMIN] = 1;
    hidden.c_cc[VTIME] = 0;
    hidden_ = true;
    if (set_terminal(hidden) == 0) return;
    const auto why = std::generic_category().message(errno);
    leave();
    throw Error("the terminal cannot be told to hide what is typed: " + why);
}

void HiddenTerminal::leave() noexcept {
    if (!hidden_) return;
    static_cast<void>(set_terminal(before_));
    for (std::size_t i = 0; i < kSignals.size(); ++i) ::sigaction(kSignals[i], &actions_before_[i], nullptr);
    hidden_ = false;
}

void HiddenTerminal::give_way() {
    write_to_terminal("\n");
    leave();
    for (const int signal : kSignals) {
        const bool came = arrived_signals[static_cast<std::size_t>(signal)].exchange(false);
        if (came && signal != SIGCONT) ::raise(signal);
    }
    enter();  // it was a stop, which is over
}

SecretBytes HiddenTerminal::ask(const std::string& prompt, std::size_t bytes_max) {
    while (true) {
        write_to_terminal(prompt);
        if (auto line = read_line(bytes_max)) {
            write_to_terminal("\n");
            return std::move(*line);
        }
        give_way();
    }
}

SecretBytes HiddenTerminal::ask_twice(const std::string& question, std::size_t bytes_max) {
    while (true) {
        auto first = ask(question + ": ", bytes_max);
        const auto second = ask(question + ", again: ", bytes_max);
        if (constant_time_equal(first.view(), second.view())) return first;
        write_to_terminal("The two are not the same. Once more.\n");
    }
}

HiddenTerminal::Read HiddenTerminal::read_byte(std::uint8_t& byte) const {
    while (true) {
        std::array<pollfd, 2> waited{{{STDIN_FILENO, POLLIN, 0}, {woken_, POLLIN, 0}}};
        if (::poll(waited.data(), waited.size(), -1) < 0) {
            if (errno == EINTR) continue;
            return Read::end;
        }
        if (waited[1].revents != 0) {
            std::uint64_t count = 0;
            if (::read(woken_, &count, sizeof count) == sizeof count) return Read::signal;
        }
        if (waited[0].revents == 0) continue;
        const auto got = ::read(STDIN_FILENO, &byte, 1);
        if (got == 1) return Read::byte;
        if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        return Read::end;
    }
}

bool HiddenTerminal::is(std::size_t control, std::uint8_t byte) const noexcept {
    return before_.c_cc[control] == byte && byte != _POSIX_VDISABLE;
}

std::optional<SecretBytes> HiddenTerminal::read_line(std::size_t bytes_max) {
    SecretBytes line(bytes_max);
    std::uint8_t too_many = 0;
    std::size_t size = 0;
    bool next_as_it_is = false;
    const bool extended = (before_.c_lflag & IEXTEN) != 0;
    while (true) {
        std::uint8_t& byte = size < bytes_max ? line.writable()[size] : too_many;
        const auto read = read_byte(byte);
        if (read == Read::signal) return std::nullopt;
        if (read == Read::end) throw Error("the input ended before an answer was given");
        const auto typed = line.text().substr(0, size);
        if (std::exchange(next_as_it_is, false)) {
            ++size;
        } else if (byte == '\n' || byte == '\r') {
            break;
        } else if (is(VERASE, byte)) {
            if (size > 0) size -= last_character(typed, (before_.c_iflag & IUTF8) != 0);
        } else if (is(VKILL, byte)) {
            size = 0;
        } else if (extended && is(VWERASE, byte)) {
            size = without_last_word(typed);
        } else if (extended && is(VLNEXT, byte)) {
            next_as_it_is = true;
        } else if (is(VEOF, byte)) {
            refuse("the input ended before an answer was given");
        } else {
            ++size;
        }
        if (size > bytes_max) {
            refuse("more than " + std::to_string(bytes_max) +
                   " bytes were typed or pasted, and none is taken" + std::string(kOtherWay));
        }
    }
    if (more_within(kPasteGapMillis)) {
        refuse("more than one line was typed or pasted, and none is taken" + std::string(kOtherWay));
    }
    line.truncate(size);
    return line;
}

}  // namespace coffer::crypto
