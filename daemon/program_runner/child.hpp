#pragma once
// What happens between the fork and the program: a process of its own that keeps the program ("keeper"), in
// namespaces of its own where the program has no network, and the program, which gives up what it may not
// have before it is executed. Only for processes of one thread.

#include <sys/types.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "daemon/base/fd.hpp"
#include "daemon/program_runner/config.hpp"

namespace coffer::program_runner {

/// What the keeper and the program tell through the report pipe, each in one write.
struct Report {
    enum class What : std::uint8_t {
        /// Something before the program's first instruction failed: `value` is errno, `stage` says what.
        not_started,
        /// The program ended: `value` is what waitpid(2) says.
        ended,
    };
    enum class Stage : std::uint8_t { none, namespaces, maps, limits, folder, descriptors, execute, fork };
    What what = What::not_started;
    Stage stage = Stage::none;
    int value = 0;
};

/// For people: why a program was not started.
[[nodiscard]] std::string words_for(const Report& report);

/// Whether `error` (an errno) says that there is too little of something for the moment: processes,
/// descriptors, memory, space, namespaces, or that somebody is writing the program's file.
[[nodiscard]] bool is_shortage(int error) noexcept;

/// The ends of the pipes that the program gets, and the report pipe's.
struct ChildPipes {
    Fd input;
    Fd output;
    Fd errors;
    Fd report;
};

/// Starts the keeper, which starts the program. The keeper dies with the calling process; in a namespace of
/// processes everything dies with the keeper. SIGTERM to the keeper is handed on to the program (in a
/// namespace: to all processes in it). Returns the keeper's process id; -1 with errno when there is none.
///
/// `before` is called in the new process first: to wipe what the program must not see.
template <class Before>
[[nodiscard]] pid_t start_keeper(const Program& program, const std::filesystem::path& folder,
                                 const ChildPipes& pipes, Before before);

/// Who the process is. In a new namespace it cannot be asked before it is said.
struct Ids {
    uid_t user = 0;
    gid_t group = 0;
};

/// What start_keeper does in the new process. Does not return.
[[noreturn]] void be_keeper(const Program& program, const std::filesystem::path& folder,
                            const ChildPipes& pipes, Ids ids);

/// fork(2), with namespaces where the program is to have some.
[[nodiscard]] pid_t fork_keeper(const Program& program);

template <class Before>
pid_t start_keeper(const Program& program, const std::filesystem::path& folder, const ChildPipes& pipes,
                   Before before) {
    const Ids ids{::geteuid(), ::getegid()};
    const pid_t keeper = fork_keeper(program);
    if (keeper != 0) return keeper;
    before();
    be_keeper(program, folder, pipes, ids);
}

/// Whether the kernel gives this user namespaces, as a program without network needs them; 0, or the errno.
/// Tries it in a process that ends at once.
[[nodiscard]] int namespaces_refused();

}  // namespace coffer::program_runner
