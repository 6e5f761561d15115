#include "daemon/program_runner/processes.hpp"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <system_error>
#include <thread>

#include "daemon/base/errors.hpp"

namespace coffer::program_runner {

namespace {

constexpr std::chrono::milliseconds kBetweenLooks{5};

/// The fourth field of /proc/PID/stat; the second, in parentheses, may have anything in it.
std::optional<pid_t> parent_of(const std::filesystem::path& process) {
    std::ifstream in(process / "stat");
    std::string line;
    if (!std::getline(in, line)) return std::nullopt;
    const auto name_end = line.rfind(')');
    if (name_end == std::string::npos || line.size() < name_end + 5) return std::nullopt;
    pid_t parent = 0;
    const auto* const begin = line.data() + name_end + 4;
    if (std::from_chars(begin, line.data() + line.size(), parent).ec != std::errc{}) return std::nullopt;
    return parent;
}

void kill_all_but(const std::set<pid_t>& known) {
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
        const auto name = entry.path().filename().string();
        pid_t process = 0;
        const auto parsed = std::from_chars(name.data(), name.data() + name.size(), process);
        if (parsed.ec != std::errc{} || parsed.ptr != name.data() + name.size()) continue;
        if (!known.contains(process) && parent_of(entry.path()) == ::getpid()) ::kill(process, SIGKILL);
    }
}

}  // namespace

void adopt_orphans() {
    if (::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0) {
        throw Error("orphans cannot be adopted: " + std::generic_category().message(errno));
    }
}

void kill_orphans(const std::set<pid_t>& known) {
    kill_all_but(known);
}

bool kill_children(std::chrono::milliseconds patience) {
    const auto until = std::chrono::steady_clock::now() + patience;
    while (true) {
        kill_all_but({});
        while (::waitpid(-1, nullptr, WNOHANG) > 0) {
        }
        if (::waitpid(-1, nullptr, WNOHANG) < 0 && errno == ECHILD) return true;
        if (std::chrono::steady_clock::now() >= until) return false;
        std::this_thread::sleep_for(kBetweenLooks);
    }
}

}  // namespace coffer::program_runner
