#include "daemon/rotation/runner_client.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "daemon/base/fd.hpp"

namespace coffer::rotation {

using std::chrono::milliseconds;

namespace {

/// For the runner to kill a program that is over its time, and to say so.
constexpr milliseconds kAnswerMargin{10'000};
constexpr milliseconds kSendPatience{10'000};
constexpr milliseconds kBetweenLooks{200};
/// For the runner to end a program that nobody waits for: two seconds after SIGTERM it kills it.
constexpr milliseconds kEndPatience{3'000};

[[noreturn]] void retry(const std::string& what) {
    throw StepFailed(StepFailed::Kind::retry, what);
}

/// The runner has not heard of the program.
[[noreturn]] void retry_unstarted(const std::string& what) {
    throw StepFailed(StepFailed::Kind::retry, what).before_any_effect();
}

Fd connect_to(const std::filesystem::path& path) {
    const auto away = [&](int error) {
        retry_unstarted(
            "coffer-runner, which starts programs, cannot be reached at " + path.string() + ": " +
            std::generic_category().message(error) +
            ". Start it on this node (systemctl start coffer-runner), let cofferd's user connect (its "
            "group, and "
            "'allowed_users' of runner.toml), or set [rotation] runner to where it listens");
    };
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.native().size() >= sizeof address.sun_path) away(ENAMETOOLONG);
    std::memcpy(address.sun_path, path.c_str(), path.native().size() + 1);
    Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket ||
        ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        if (errno == EAGAIN) {
            retry_unstarted(
                "coffer-runner at " + path.string() +
                " does not take connections at the moment: too many wait already. Look whether it hangs "
                "(journalctl -u coffer-runner)");
        }
        away(errno);
    }
    return socket;
}

/// Has the runner kill the program, and waits for that: another node may begin with the same step as soon as
/// this one lets go of it.
void give_up(const Fd& socket) {
    ::shutdown(socket.get(), SHUT_WR);
    const auto until = std::chrono::steady_clock::now() + kEndPatience;
    crypto::SecretBytes unwanted(4'096);
    while (std::chrono::steady_clock::now() < until) {
        pollfd ready{socket.get(), POLLIN, 0};
        if (::poll(&ready, 1, static_cast<int>(kBetweenLooks.count())) <= 0) continue;
        const auto room = unwanted.writable();
        const auto got = ::recv(socket.get(), room.data(), room.size(), MSG_DONTWAIT);
        if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) return;
    }
}

/// Until there is something to read. Looks every now and then whether anybody still wants to know.
void wait_for_answer(const Fd& socket, const StepContext& context, Deadline deadline) {
    while (std::chrono::steady_clock::now() < deadline) {
        if (context.ended != nullptr && *context.ended) {
            give_up(socket);
            throw RotationLost("the node stops, or was not heard of for too long");
        }
        pollfd ready{socket.get(), POLLIN, 0};
        if (::poll(&ready, 1, static_cast<int>(kBetweenLooks.count())) > 0) return;
    }
}

}  // namespace

ProgramRun RunnerClient::ask(program_runner::Request request, crypto::SecretBytes input,
                             const StepContext& context) const {
    const auto deadline = context.deadline;
    const auto left = std::chrono::floor<milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) retry_unstarted("there is no time left for the program");
    request.timeout = std::min(left, program_runner::kLongestRun);
    const auto socket = connect_to(socket_);
    bool sent = true;
    try {
        program_runner::send_message(socket.get(), {program_runner::head_of(request), std::move(input)},
                                     std::min(deadline, std::chrono::steady_clock::now() + kSendPatience));
    } catch (const program_runner::MessageError&) {
        // A runner that has too much to do answers without having listened.
        sent = false;
    }
    try {
        wait_for_answer(socket, context, deadline + kAnswerMargin);
        auto message = program_runner::receive_message(socket.get(), deadline + kAnswerMargin);
        return {program_runner::parse_answer(message.head), std::move(message.body),
                std::move(message.notes)};
    } catch (const program_runner::MessageError& error) {
        retry("coffer-runner did not say what became of program \"" + request.program + "\" (" +
              (sent ? error.what()
                    : "it ended the connection, as it does with users that it does not know: see "
                      "'allowed_users' of runner.toml") +
              "); its log says more (journalctl -u coffer-runner)");
    }
}

}  // namespace coffer::rotation
