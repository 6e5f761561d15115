// coffer-runner: the command line.

#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <string>

#include "daemon/base/standard_streams.hpp"
#include "daemon/exit_codes.hpp"
#include "daemon/program_runner/child.hpp"
#include "daemon/program_runner/config.hpp"
#include "daemon/program_runner/server.hpp"
#include "daemon/service_manager.hpp"

namespace {

using namespace coffer;
using namespace coffer::daemon;

constexpr const char* kExamples = R"(Examples:
  coffer-runner check-config /etc/coffer-runner/runner.toml   find mistakes, and programs that cannot be started
  coffer-runner run --config /etc/coffer-runner/runner.toml   (or: coffer-runner --config ...)
  kill -TERM PID                                              kill the programs that run, then stop

Exit codes: 0 done, 1 failed while running, 64 wrong command line, 69 the socket or a folder cannot be used,
70 internal fault, 77 started as root, 78 wrong configuration.)";

void complain(const std::string& what) {
    fmt::print(stderr, "coffer-runner: {}\n", what);
}

bool is_root() {
    if (::geteuid() != 0 && ::getuid() != 0) return false;
    complain(
        "does not run as root: its programs would. Start it as a user of its own (User=coffer-runner in the "
        "systemd "
        "unit)");
    return true;
}

/// No core dumps, no looks from outside, private files, and no way back to other users.
void harden() {
    const rlimit none{0, 0};
    if (::setrlimit(RLIMIT_CORE, &none) != 0 || ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 ||
        ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        throw Error("the process cannot give up what it has to");
    }
    ::umask(S_IRWXG | S_IRWXO);
}

/// The socket that systemd made, where its unit says so (sd_listen_fds(3)).
Fd inherited_listener() {
    const int count = ::sd_listen_fds(1);
    if (count == 0) return Fd();
    if (count != 1 || ::sd_is_socket_unix(SD_LISTEN_FDS_START, SOCK_STREAM, 1, nullptr, 0) <= 0) {
        throw Error("systemd has to hand over one Unix socket (ListenStream=)");
    }
    return Fd(SD_LISTEN_FDS_START);
}

int run(const std::string& file) {
    if (is_root()) return kExitNoPermission;
    const auto config = program_runner::load_runner_config(file);
    harden();
    const ServiceManager service_manager;
    program_runner::serve_all(
        config, [](const std::string& line) { complain(line); },
        [&] {
            complain(fmt::format("listens at {}, with {} programs", config.socket.string(),
                                 config.programs.size()));
            service_manager.ready("serving");
        },
        inherited_listener());
    complain("stopped");
    return kExitDone;
}

int check_config(const std::string& file) {
    const auto config = program_runner::load_runner_config(file);
    int code = kExitDone;
    for (const auto& program : config.programs) {
        auto trouble = trouble_with_files(program);
        if (trouble.empty() && program.network == program_runner::Network::none) {
            if (const int error = program_runner::namespaces_refused(); error != 0) {
                trouble = program_runner::words_for({program_runner::Report::What::not_started,
                                                     program_runner::Report::Stage::namespaces, error});
            }
        }
        if (trouble.empty()) continue;
        complain(fmt::format("{}: program \"{}\": {}", file, program.name, trouble));
        code = kExitConfig;
    }
    if (code == kExitDone) fmt::print("{}: OK, {} programs\n", file, config.programs.size());
    return code;
}

template <class Command>
int guarded(Command command) {
    try {
        return command();
    } catch (const program_runner::RunnerConfigError& error) {
        complain(error.what());
        return kExitConfig;
    } catch (const Error& error) {
        complain(error.what());
        return kExitUnavailable;
    } catch (const std::exception& error) {
        complain(std::string("internal fault: ") + error.what());
        return kExitInternal;
    }
}

}  // namespace

int main(int argc, char** argv) {
    coffer::reserve_standard_streams();
    std::signal(SIGPIPE, SIG_IGN);
    CLI::App app{"coffer-runner: starts the programs that Coffer's rotation functions are", "coffer-runner"};
    app.footer(kExamples);
    app.require_subcommand(0, 1);
    std::string config;
    const auto add_config = [&config](CLI::App& command, const std::string& names) {
        return command.add_option(names, config, "The configuration file (required)")->type_name("FILE");
    };
    add_config(app, "-c,--config");
    add_config(*app.add_subcommand("run", "Serve (what is done when no command is given)"), "-c,--config");
    auto* check_command =
        app.add_subcommand("check-config", "Check the configuration, and the programs that it names");
    auto* named = add_config(*check_command, "-c,--config");
    add_config(*check_command, "FILE")->excludes(named);
    auto* version_command = app.add_subcommand("version", "Print the version");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? kExitDone : kExitUsage;
    }
    if (version_command->parsed()) {
        fmt::print("coffer-runner {}\n", COFFER_VERSION);
        return kExitDone;
    }
    if (config.empty()) {
        complain(check_command->parsed() ? "FILE is missing (try check-config --help)"
                                         : "--config FILE is missing (try --help)");
        return kExitUsage;
    }
    if (check_command->parsed()) return guarded([&] { return check_config(config); });
    return guarded([&] { return run(config); });
}
