#pragma once
// The heads of messages between cofferd and coffer-runner: what is asked for, and what became of it. cofferd
// names a program of the runner's configuration; it cannot say how that is started.

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "daemon/program_runner/message.hpp"

namespace coffer::program_runner {

/// How a program is written: one that reads the event itself, or a Python file with a handler in the shape of
/// AWS Lambda's.
enum class ProgramKind : std::uint8_t { exec, python };

/// "exec", "python".
[[nodiscard]] std::string_view kind_name(ProgramKind kind) noexcept;

enum class Operation : std::uint8_t {
    run,
    /// Everything but the start: is the program there, and could it be started?
    look,
};

/// A program's name: 1 to 64 of A-Z, a-z, 0-9, '-', '_' and '.', a letter or digit first.
[[nodiscard]] bool is_program_name(std::string_view name) noexcept;

/// Letters alone, at most 32: "createSecret".
[[nodiscard]] bool is_step_name(std::string_view name) noexcept;

/// The longest that a program may take.
inline constexpr std::chrono::milliseconds kLongestRun{15 * 60 * 1'000};

struct Request {
    Operation operation = Operation::run;
    ProgramKind kind = ProgramKind::exec;
    std::string program;
    /// For the runner's log.
    std::string step;
    /// What the caller leaves the program; the runner's configuration may leave it less.
    std::chrono::milliseconds timeout{0};
};

enum class Outcome : std::uint8_t {
    /// The program ended by itself, with `code`.
    exited,
    /// A signal ended it: `code` is its number.
    signalled,
    /// It was killed: it took longer than it may.
    timed_out,
    /// It was killed: it wrote more than it may.
    flooded,
    /// Looked at, and nothing in the way.
    ready,
    /// The runner has too much to do at the moment, or too little of something; `detail` says what.
    busy,
    /// It was not started; `detail` says why.
    refused,
};

struct Answer {
    Outcome outcome = Outcome::refused;
    int code = 0;
    /// For people; nothing secret is in it.
    std::string detail{};
    /// The notes are the end of what the program said: what was before is left out.
    bool notes_cut = false;
};

[[nodiscard]] std::string head_of(const Request& request);
[[nodiscard]] std::string head_of(const Answer& answer);

/// Take a head apart. Every member must be there, be known, and keep its limits. Throw MessageError, whose
/// words repeat nothing of the text.
[[nodiscard]] Request parse_request(std::string_view head);
[[nodiscard]] Answer parse_answer(std::string_view head);

}  // namespace coffer::program_runner
