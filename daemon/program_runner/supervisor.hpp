#pragma once
// One request, from its message to its answer: the program is started, fed, listened to within limits, and
// killed with everything that it started when its time is over or when nobody waits for it any more. For a
// process of one thread that does nothing else.

#include <string>
#include <string_view>

#include "daemon/base/errors.hpp"
#include "daemon/base/fd.hpp"
#include "daemon/program_runner/config.hpp"
#include "daemon/program_runner/message.hpp"
#include "daemon/program_runner/request.hpp"

namespace coffer::program_runner {

/// There is too little of something for the moment: the same may be asked for again, later.
class Shortage : public Error {
public:
    using Error::Error;
};

/// What a program may print at most: a secret's value, and a line end.
inline constexpr std::size_t kOutputMost = 65'536 + 2;
/// What it may say on standard error, of which the last kNotesMost bytes are kept.
inline constexpr std::size_t kErrorsMost = 1024U * 1024;

/// What the names of programs' folders in the work directory begin with.
inline constexpr std::string_view kFolderPrefix = "program-";

struct RunResult {
    Answer answer;
    /// What it printed, the first kOutputMost bytes of it, however it ended: so that whoever asked can find
    /// it in the notes.
    crypto::SecretBytes output{};
    crypto::SecretBytes notes{};
    /// Whoever asked went away, so the program was killed.
    bool abandoned = false;
};

/// Starts `program` with `input` on its standard input and waits for its end. `connection` is looked at all
/// the while: when it is closed, or says more, the program is killed. Children of the calling process are
/// killed at the end, whoever started them. Does not throw for what a program does. Throws Error when no
/// working folder or pipe can be made, Shortage when that may mend itself.
[[nodiscard]] RunResult run_program(const Program& program, const Request& request, crypto::SecretBytes input,
                                    int connection, const std::filesystem::path& work_directory);

/// Receives a request on `connection`, carries it out, and answers. Returns a line for the log; nothing in it
/// is a program's own words.
[[nodiscard]] std::string serve(const Fd& connection, const RunnerConfig& config);

}  // namespace coffer::program_runner
