// cofferd: the command line.

#include <fmt/format.h>
#include <google/protobuf/stubs/logging.h>
#include <openssl/crypto.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "daemon/accept_command.hpp"
#include "daemon/appliance.hpp"
#include "daemon/base/standard_streams.hpp"
#include "daemon/bootstrap_command.hpp"
#include "daemon/config_checks.hpp"
#include "daemon/exit_codes.hpp"
#include "daemon/hardening.hpp"
#include "daemon/listener_policy_command.hpp"
#include "daemon/private_files.hpp"
#include "daemon/rotation_functions.hpp"
#include "daemon/server/config.hpp"
#include "storage/migrations.hpp"

namespace {

using namespace coffer;
using namespace coffer::daemon;

constexpr const char* kExamples = R"(Examples:
  cofferd check-config /etc/coffer/cofferd.toml    find mistakes before a restart does
  cofferd migrate --config /etc/coffer/cofferd.toml
  cofferd bootstrap --config /etc/coffer/cofferd.toml --identity spiffe://bank.example/ops --name ops
  cofferd accept-principals --config /etc/coffer/cofferd.toml   after a backup was restored: what would be accepted
  cofferd run --config /etc/coffer/cofferd.toml    (or: cofferd --config ...)
  kill -HUP PID                                    read certificates, client CAs and CRLs again
  kill -TERM PID                                   answer what is in flight, then stop

Exit codes: 0 done, 1 failed while running, 64 wrong command line, 69 token, database or address not
available, 70 internal fault, 77 started as root, 78 wrong configuration, 79 the token refused the PIN.)";

void complain(const std::string& what) {
    fmt::print(stderr, "cofferd: {}\n", what);
}

/// What the start refuses, as far as it can be found out without a connection.
std::vector<std::string> problems_of(const server::Config& config) {
    auto problems = file_problems(config);
    for (auto& problem : rotation_problems(config, SystemClock().now())) {
        problems.push_back(std::move(problem));
    }
    return problems;
}

int run(const std::string& file) {
    refuse_root();
    const server::Config config = server::load_config(file);
    auto problems = problems_of(config);
    for (auto& absent : absent_credentials(config)) problems.push_back(std::move(absent));
    for (const auto& problem : problems) complain(file + ": " + problem);
    if (!problems.empty()) return kExitConfig;
    const auto warnings = harden_process(
        {config.process.syscall_filter, config.process.lock_memory, config.process.secure_heap});
    return Appliance(config, warnings).run();
}

int migrate(const std::string& file) {
    const server::Config config = server::load_config(file);
    const auto report =
        storage::migrate(config.database.conninfo, [](const std::string& line) { fmt::print("{}\n", line); });
    if (report.from_version == report.to_version) {
        fmt::print("version {}, nothing to do\n", report.to_version);
    } else {
        fmt::print("version {}, was {}\n", report.to_version, report.from_version);
    }
    return kExitDone;
}

int check_config(const std::string& file) {
    const server::Config config = server::load_config(file);
    auto problems = problems_of(config);
    if (problems.empty()) problems = content_problems(config);
    for (const auto& problem : problems) complain(file + ": " + problem);
    if (!problems.empty()) return kExitConfig;
    const auto absent = absent_credentials(config);
    for (const auto& line : absent) complain(file + ": " + line);
    fmt::print("{}: OK{}\n", file, absent.empty() ? "" : ", but for what was not looked at");
    return kExitDone;
}

/// For the commands that open the token.
server::Config protected_config(const std::string& file) {
    auto config = server::load_config(file);
    // Before root is sent away: the line says how root has it run as the right user, with the PIN.
    if (const auto absent = absent_pin(config)) throw server::ConfigError(file + ": " + *absent);
    refuse_root();
    protect_memory(config.process.secure_heap);
    return config;
}

int bootstrap_first(const std::string& file, const BootstrapOptions& options) {
    bootstrap(protected_config(file), options);
    return kExitDone;
}

int accept(const std::string& file, std::optional<std::int64_t> revision) {
    accept_principals(protected_config(file), revision);
    return kExitDone;
}

int remove_policy_of(const std::string& file, const std::string& listener) {
    remove_listener_policy(protected_config(file), listener);
    return kExitDone;
}

/// Runs `command` and makes exit codes of what it throws.
template <class Command>
int guarded(Command command) {
    try {
        return command();
    } catch (const server::ConfigError& error) {
        complain(error.what());
        return kExitConfig;
    } catch (const HardeningError& error) {
        complain(error.what());
        return kExitNoPermission;
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
    std::signal(SIGXFSZ, SIG_IGN);  // a limit on files (ulimit -f) is the audit journal's full disk
    // What is wrong with a peer's message is said by us, to the log, and not by the library, to standard
    // error.
    google::protobuf::SetLogHandler(nullptr);

    CLI::App app{"cofferd: secrets behind a PKCS#11 token, over mutual TLS", "cofferd"};
    app.footer(kExamples);
    app.require_subcommand(0, 1);
    std::string config;
    const auto add_config = [&config](CLI::App& command, const std::string& names) {
        return command.add_option(names, config, "The configuration file (required)")->type_name("FILE");
    };
    // Before or after the command: each has the option, so that its --help shows it.
    add_config(app, "-c,--config");
    auto* run_command = app.add_subcommand("run", "Serve (what is done when no command is given)");
    add_config(*run_command, "-c,--config");
    auto* migrate_command = app.add_subcommand("migrate", "Bring the database's schema up to date");
    add_config(*migrate_command, "-c,--config");
    auto* check_command =
        app.add_subcommand("check-config", "Check the configuration and the files that it names");
    auto* named = add_config(*check_command, "-c,--config");
    add_config(*check_command, "FILE")->excludes(named);
    BootstrapOptions first;
    auto* bootstrap_command =
        app.add_subcommand("bootstrap", "Make the first user, who may do everything; once");
    add_config(*bootstrap_command, "-c,--config");
    bootstrap_command
        ->add_option(
            "--identity", first.identity,
            "Name of its client certificate: spiffe://..., or KIND:VALUE with dns, email, cn or subject")
        ->type_name("NAME")
        ->required();
    bootstrap_command
        ->add_option("--issuer", first.issuer, "Distinguished name of the certificate's issuer (RFC 2253)")
        ->type_name("DN");
    bootstrap_command->add_option("--name", first.name, "Name of the user (admin)")->type_name("NAME");
    bootstrap_command->add_flag(
        "--recover", first.recover,
        "Make an administrator although there are principals: when none is left who may");
    std::optional<std::int64_t> revision;
    auto* accept_command = app.add_subcommand("accept-principals",
                                              "Take users, groups, roles and policies that are older than "
                                              "what this node has seen: after a backup was "
                                              "restored on purpose");
    add_config(*accept_command, "-c,--config");
    accept_command
        ->add_option("--revision", revision,
                     "What the database has, as shown without this option; nothing is changed without it")
        ->check(CLI::NonNegativeNumber)
        ->type_name("N");
    std::string listener;
    auto* remove_command = app.add_subcommand(
        "remove-listener-policy",
        "Remove the policy that is stored for a listener: when it closes the only one that there is");
    add_config(*remove_command, "-c,--config");
    remove_command->add_option("--listener-name", listener, "Name of the listener")
        ->type_name("NAME")
        ->required();
    auto* version_command = app.add_subcommand("version", "Print the version");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        const int code = app.exit(error);
        return code == 0 ? kExitDone : kExitUsage;
    }
    if (version_command->parsed()) {
        fmt::print("cofferd {}\n", COFFER_VERSION);
        return kExitDone;
    }
    if (config.empty()) {
        complain(check_command->parsed() ? "FILE is missing (try check-config --help)"
                                         : "--config FILE is missing (try --help)");
        return kExitUsage;
    }
    if (check_command->parsed()) return guarded([&] { return check_config(config); });
    if (migrate_command->parsed()) return guarded([&] { return migrate(config); });
    if (bootstrap_command->parsed()) return guarded([&] { return bootstrap_first(config, first); });
    if (accept_command->parsed()) return guarded([&] { return accept(config, revision); });
    if (remove_command->parsed()) return guarded([&] { return remove_policy_of(config, listener); });
    (void)run_command;
    return guarded([&] { return run(config); });
}
