#include "daemon/program_runner/child.hpp"

#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace coffer::program_runner {

namespace {

constexpr int kNamespaces = CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWPID | CLONE_NEWIPC;
constexpr rlim_t kMostDescriptors = 256;
/// Of the report pipe in the program, until it is executed.
constexpr int kReportFd = 3;

/// A fork that begins namespaces. The C library's own bookkeeping of threads and ids does not see it, which a
/// process of one thread that soon executes another program does not need.
pid_t raw_clone(int flags) {
    return static_cast<pid_t>(::syscall(SYS_clone, flags | SIGCHLD, nullptr, nullptr, nullptr, nullptr));
}

class Reporter {
public:
    explicit Reporter(int fd) : fd_(fd) {}
    void ended(int status) const { write({Report::What::ended, Report::Stage::none, status}); }
    [[noreturn]] void failed(Report::Stage stage) const {
        write({Report::What::not_started, stage, errno});
        ::_exit(127);
    }
    void require(bool done, Report::Stage stage) const {
        if (!done) failed(stage);
    }

private:
    void write(const Report& report) const {
        while (::write(fd_, &report, sizeof report) < 0 && errno == EINTR) {
        }
    }
    int fd_;
};

bool write_file(const char* file, const std::string& text) {
    const Fd fd(::open(file, O_WRONLY | O_CLOEXEC));
    return fd && ::write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

/// The same user and group within as without. The kernel shows these files to root alone while the process
/// must not be looked at; what was secret in it is wiped by now.
bool map_ids(uid_t user, gid_t group) {
    ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
    const auto line = [](auto id) { return std::to_string(id) + " " + std::to_string(id) + " 1\n"; };
    const bool done = write_file("/proc/self/setgroups", "deny") &&
                      write_file("/proc/self/gid_map", line(group)) &&
                      write_file("/proc/self/uid_map", line(user));
    const int error = errno;
    ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    errno = error;
    return done;
}

bool set_limit(int what, rlim_t most) {
    rlimit now{};
    if (::getrlimit(static_cast<__rlimit_resource>(what), &now) != 0) return false;
    if (now.rlim_max != RLIM_INFINITY && now.rlim_max < most) most = now.rlim_max;
    const rlimit limit{most, most};
    return ::setrlimit(static_cast<__rlimit_resource>(what), &limit) == 0;
}

bool set_limits(const ProgramLimits& limits) {
    // The kernel counts the time of all threads of a process together.
    const auto processors = std::max(::sysconf(_SC_NPROCESSORS_ONLN), 1L);
    const auto seconds = (std::chrono::ceil<std::chrono::seconds>(limits.time).count() + 1) * processors;
    return set_limit(RLIMIT_CORE, 0) && set_limit(RLIMIT_FSIZE, limits.file) &&
           set_limit(RLIMIT_AS, limits.memory) && set_limit(RLIMIT_NOFILE, kMostDescriptors) &&
           set_limit(RLIMIT_CPU, static_cast<rlim_t>(seconds)) && set_limit(RLIMIT_NPROC, limits.processes);
}

/// Standard input, output and error, and the report pipe, which the program itself does not get; nothing
/// else.
bool set_descriptors(const ChildPipes& pipes) {
    // First out of the way of 0 to 3, so that none is closed before it is duplicated.
    std::array<int, 4> fds{pipes.input.get(), pipes.output.get(), pipes.errors.get(), pipes.report.get()};
    for (auto& fd : fds) {
        fd = ::fcntl(fd, F_DUPFD_CLOEXEC, 16);
        if (fd < 0) return false;
    }
    for (int i = 0; i < 4; ++i) {
        if (::dup3(fds[static_cast<std::size_t>(i)], i, i == kReportFd ? O_CLOEXEC : 0) < 0) return false;
    }
    return ::syscall(SYS_close_range, kReportFd + 1, ~0U, 0) == 0;
}

void reset_signals() {
    for (int signal = 1; signal < NSIG; ++signal) {
        if (signal != SIGKILL && signal != SIGSTOP) ::signal(signal, SIG_DFL);
    }
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

std::vector<std::string> environment_of(const Program& program, const std::filesystem::path& folder) {
    std::vector<std::string> environment{"PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8",
                                         "HOME=" + folder.string(), "TMPDIR=" + folder.string()};
    for (const auto& variable : program.environment) {
        const auto name = variable.substr(0, variable.find('=') + 1);
        std::erase_if(environment, [&](const std::string& each) { return each.starts_with(name); });
        environment.push_back(variable);
    }
    return environment;
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
    std::vector<char*> pointers;
    for (auto& text : texts) pointers.push_back(text.data());
    pointers.push_back(nullptr);
    return pointers;
}

[[noreturn]] void become_program(const Program& program, const std::filesystem::path& folder,
                                 const ChildPipes& pipes) {
    const Reporter early(pipes.report.get());
    auto arguments = program.command;
    auto environment = environment_of(program, folder);
    auto argument_pointers = pointers_to(arguments);
    auto environment_pointers = pointers_to(environment);
    ::setsid();
    ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    early.require(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, Report::Stage::limits);
    early.require(::chdir(folder.c_str()) == 0, Report::Stage::folder);
    ::umask(077);
    early.require(set_descriptors(pipes), Report::Stage::descriptors);
    const Reporter late(kReportFd);
    late.require(set_limits(program.limits), Report::Stage::limits);
    reset_signals();
    ::execve(arguments.front().c_str(), argument_pointers.data(), environment_pointers.data());
    late.failed(Report::Stage::execute);
}

/// Waits for the program's end, whatever else becomes of others, and hands SIGTERM on.
int await_program(pid_t program, bool alone, const sigset_t& signals) {
    while (true) {
        int status = 0;
        pid_t ended = 0;
        while ((ended = ::waitpid(-1, &status, WNOHANG)) > 0) {
            if (ended == program) return status;
        }
        const int signal = ::sigwaitinfo(&signals, nullptr);
        // In a namespace of its own the keeper is the first process, and -1 is everybody else.
        if (signal == SIGTERM) ::kill(alone ? -1 : -program, SIGTERM);
    }
}

}  // namespace

bool is_shortage(int error) noexcept {
    static constexpr std::array kShortages{EAGAIN, EMFILE, ENFILE, ENOMEM, ENOSPC, ETXTBSY};
    return std::ranges::find(kShortages, error) != kShortages.end();
}

std::string words_for(const Report& report) {
    const auto why = std::generic_category().message(report.value);
    switch (report.stage) {
        case Report::Stage::namespaces:
        case Report::Stage::maps:
            return "this kernel gives the runner's user no namespaces (" + why +
                   "), so a program cannot be kept from the network: allow them (user.max_user_namespaces, "
                   "kernel.apparmor_restrict_unprivileged_userns, RestrictNamespaces= of the service), or "
                   "set network = "
                   "\"host\" for the program";
        case Report::Stage::limits:
            return "its limits cannot be set: " + why;
        case Report::Stage::folder:
            return "its working folder cannot be entered: " + why;
        case Report::Stage::descriptors:
            return "its descriptors cannot be set: " + why;
        case Report::Stage::execute:
            return "it cannot be executed: " + why;
        case Report::Stage::fork:
        case Report::Stage::none:
            break;
    }
    return "no process could be made for it: " + why;
}

pid_t fork_keeper(const Program& program) {
    if (program.network == Network::none) return raw_clone(kNamespaces);
    return ::fork();
}

void be_keeper(const Program& program, const std::filesystem::path& folder, const ChildPipes& pipes,
               Ids ids) {
    const Reporter report(pipes.report.get());
    ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    ::setsid();
    const bool alone = program.network == Network::none;
    if (alone) report.require(map_ids(ids.user, ids.group), Report::Stage::maps);
    sigset_t signals;
    ::sigemptyset(&signals);
    ::sigaddset(&signals, SIGTERM);
    ::sigaddset(&signals, SIGCHLD);
    ::sigprocmask(SIG_BLOCK, &signals, nullptr);
    const pid_t child = ::fork();
    if (child == 0) become_program(program, folder, pipes);
    report.require(child > 0, Report::Stage::fork);
    // The program's ends are its own: whoever reads them sees when it closes them.
    ::syscall(SYS_close_range, 0U, static_cast<unsigned>(pipes.report.get()) - 1, 0);
    ::syscall(SYS_close_range, static_cast<unsigned>(pipes.report.get()) + 1, ~0U, 0);
    report.ended(await_program(child, alone, signals));
    ::_exit(0);
}

int namespaces_refused() {
    const pid_t child = raw_clone(kNamespaces);
    if (child == 0) ::_exit(0);
    if (child < 0) return errno;
    while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
    }
    return 0;
}

}  // namespace coffer::program_runner
