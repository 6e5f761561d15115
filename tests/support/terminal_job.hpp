#pragma once
// A program in the foreground of a terminal of its own, as a shell runs it: it can be typed to, interrupted,
// stopped and continued, and the terminal outlives it.

#include <sys/types.h>
#include <termios.h>

#include <string>
#include <string_view>
#include <vector>

namespace coffer::testing {

class TerminalJob {
public:
    /// Throws std::runtime_error when it cannot be started, as all others do when nothing comes for a minute.
    explicit TerminalJob(std::vector<std::string> command);
    TerminalJob(const TerminalJob&) = delete;
    TerminalJob& operator=(const TerminalJob&) = delete;
    ~TerminalJob();

    /// Until the terminal has shown `text` after what was awaited before.
    void await(std::string_view text);
    void type(std::string_view text) const;
    void signal(int number) const;
    /// Waits until it ends or stops: what waitpid says.
    [[nodiscard]] int await_change();
    /// All that the terminal has shown so far.
    [[nodiscard]] const std::string& shown() const noexcept { return shown_; }
    /// Whether the terminal shows what is typed, and puts lines together.
    [[nodiscard]] bool is_as_before() const;
    /// Has it do so.
    void set_as_before() const;

private:
    [[nodiscard]] pid_t await_number();
    /// False when nothing more can come from `descriptor`.
    bool take(int descriptor);

    int terminal_ = -1;
    int changes_ = -1;  ///< pid, then each status
    pid_t leader_ = -1;
    pid_t job_ = -1;
    std::string shown_;
    std::size_t awaited_ = 0;
};

}  // namespace coffer::testing
