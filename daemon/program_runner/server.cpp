#include "daemon/program_runner/server.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <set>
#include <system_error>
#include <utility>

#include "daemon/program_runner/processes.hpp"
#include "daemon/program_runner/socket.hpp"
#include "daemon/program_runner/supervisor.hpp"

namespace coffer::program_runner {

namespace fs = std::filesystem;

namespace {

constexpr std::chrono::milliseconds kEndPatience{10'000};
constexpr std::chrono::milliseconds kRefusalPatience{1'000};

/// What programs of a runner that was killed left behind goes; nothing else that is there.
void prepare_work_directory(const fs::path& directory) {
    std::error_code error;
    fs::create_directories(directory, error);
    if (error || ::chmod(directory.c_str(), S_IRWXU) != 0) {
        throw Error("the folder of programs' working folders cannot be made or is somebody else's: " +
                    directory.string() + (error ? ": " + error.message() : ""));
    }
    for (const auto& entry : fs::directory_iterator(directory, error)) {
        std::error_code ignored;
        if (entry.path().filename().string().starts_with(kFolderPrefix))
            fs::remove_all(entry.path(), ignored);
    }
}

Fd watch_signals() {
    sigset_t signals;
    ::sigemptyset(&signals);
    for (const int signal : {SIGCHLD, SIGTERM, SIGINT}) ::sigaddset(&signals, signal);
    ::sigprocmask(SIG_BLOCK, &signals, nullptr);
    Fd fd(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!fd) throw Error("signals cannot be waited for: " + std::generic_category().message(errno));
    return fd;
}

class Server {
public:
    Server(const RunnerConfig& config, const Say& say, Fd listener)
        : config_(config),
          say_(say),
          signals_(watch_signals()),
          own_(!listener),
          listener_(listener ? std::move(listener) : listen_at(config.socket)) {}

    void run() {
        while (!ending_) {
            std::array<pollfd, 2> ready{pollfd{listener_.get(), POLLIN, 0},
                                        pollfd{signals_.get(), POLLIN, 0}};
            if (::poll(ready.data(), ready.size(), -1) < 0 && errno != EINTR) {
                throw Error("poll: " + std::generic_category().message(errno));
            }
            if (ready[1].revents != 0) hear_signals();
            if (ready[0].revents != 0 && !ending_) take_connection();
        }
        listener_.reset();
        if (own_) ::unlink(config_.socket.c_str());
        if (!kill_children(kEndPatience)) say_("a program could not be killed");
    }

private:
    void hear_signals() {
        signalfd_siginfo info{};
        while (::read(signals_.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
            if (info.ssi_signo != SIGCHLD) ending_ = true;
        }
        // Also what a request's process left, that was killed or could not kill it: it became a child of this
        // one, and no request waits for it.
        pid_t ended = 0;
        bool served = false;
        while ((ended = ::waitpid(-1, nullptr, WNOHANG)) > 0) {
            served = serving_.erase(ended) > 0 || served;
        }
        if (served) kill_orphans(serving_);
    }

    void take_connection() {
        Fd connection(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
        if (!connection) return;
        const auto user = peer_user(connection);
        if (!user || std::ranges::find(config_.allowed_users, *user) == config_.allowed_users.end()) {
            say_(fmt::format("refused: a process of user {} connected, who is not among 'allowed_users'",
                             user ? std::to_string(*user) : "unknown"));
            return;
        }
        if (serving_.size() >= config_.programs_at_a_time) {
            refuse(connection, Outcome::busy,
                   "the runner has as many programs as it may (programs_at_a_time)");
            return;
        }
        const pid_t process = ::fork();
        if (process == 0) serve_in_child(std::move(connection));
        if (process < 0) {
            refuse(connection, Outcome::busy,
                   "no process could be made: " + std::generic_category().message(errno));
            return;
        }
        serving_.insert(process);
    }

    /// The request is not read: it need not be answered by name.
    void refuse(const Fd& connection, Outcome outcome, const std::string& why) const {
        try {
            send_message(connection.get(), {head_of(Answer{.outcome = outcome, .detail = why})},
                         std::chrono::steady_clock::now() + kRefusalPatience);
        } catch (const MessageError&) {
            // Whoever it was has gone already.
        }
        say_("refused: " + why);
    }

    [[noreturn]] void serve_in_child(Fd connection) {
        int code = 0;
        try {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
            listener_.reset();
            signals_.reset();
            sigset_t none;
            ::sigemptyset(&none);
            ::sigprocmask(SIG_SETMASK, &none, nullptr);
            adopt_orphans();
            say_(serve(connection, config_));
        } catch (const std::exception& error) {
            say_(std::string("a request failed: ") + error.what());
            code = 1;
        }
        ::_exit(code);
    }

    const RunnerConfig& config_;
    const Say& say_;
    Fd signals_;
    const bool own_;  ///< the socket was made here
    Fd listener_;
    std::set<pid_t> serving_;
    bool ending_ = false;
};

}  // namespace

void serve_all(const RunnerConfig& config, const Say& say, const std::function<void()>& ready, Fd listener) {
    Server server(config, say, std::move(listener));
    prepare_work_directory(config.work_directory);
    adopt_orphans();
    ready();
    server.run();
}

}  // namespace coffer::program_runner
