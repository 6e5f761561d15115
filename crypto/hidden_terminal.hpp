#pragma once
// A secret that somebody types: asked for on the terminal, not shown there, and taken whole or not at all.

#include <termios.h>

#include <array>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "crypto/secret_bytes.hpp"

namespace coffer::crypto {

/// Standard input, a terminal, as long as this lives: it shows nothing of what is typed, and gives each byte
/// as it comes. (Where the terminal puts lines together itself they end at 4,096 bytes, and it drops the
/// rest.) The terminal's own characters for erasing a character, a word and the line, for the next character
/// as it is and for the end of input have their meaning. A signal that ends or stops the program finds the
/// terminal as it was; after a stop the question is asked anew. One at a time in a process.
class HiddenTerminal {
public:
    /// What was typed and not read yet is thrown away. Throws Error when the terminal cannot be made to hide.
    HiddenTerminal();
    ~HiddenTerminal();
    HiddenTerminal(const HiddenTerminal&) = delete;
    HiddenTerminal& operator=(const HiddenTerminal&) = delete;

    /// Writes `prompt` to standard error and reads a line, which is returned without its end. Throws Error
    /// when the input ends, when the line is longer than `bytes_max`, and when more follows it at once, as
    /// the lines of a paste do: nothing of it is left to be read then.
    [[nodiscard]] SecretBytes ask(const std::string& prompt, std::size_t bytes_max);

    /// Asks `question` until it was answered twice in the same way.
    [[nodiscard]] SecretBytes ask_twice(const std::string& question, std::size_t bytes_max);

private:
    enum class Read { byte, signal, end };
    static constexpr std::array kSignals{SIGHUP,  SIGINT,  SIGQUIT, SIGPIPE,
                                         SIGALRM, SIGTERM, SIGTSTP, SIGCONT};

    void enter();
    void leave() noexcept;
    /// Lets the signals that came do what they would have done.
    void give_way();
    /// Nothing when a signal came.
    [[nodiscard]] std::optional<SecretBytes> read_line(std::size_t bytes_max);
    [[nodiscard]] Read read_byte(std::uint8_t& byte) const;
    [[nodiscard]] bool is(std::size_t control, std::uint8_t byte) const noexcept;

    termios before_{};
    std::array<struct sigaction, kSignals.size()> actions_before_{};
    int woken_ = -1;  ///< an eventfd
    bool hidden_ = false;
};

}  // namespace coffer::crypto
