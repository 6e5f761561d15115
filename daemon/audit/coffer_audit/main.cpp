// coffer-audit: looks at audit journals, with nothing but their files. docs/coffer-audit.md is its manual.

#include <CLI/CLI.hpp>
#include <exception>
#include <iostream>
#include <map>

#include "daemon/audit/coffer_audit/commands.hpp"
#include "daemon/base/event_outcome.hpp"
#include "daemon/base/standard_streams.hpp"

namespace {

using namespace coffer::audit::cli;

constexpr std::uint64_t kLimitMax = 1'000'000'000;

void add_output(CLI::App& command, Output& output) {
    static const std::map<std::string, Output> kOutputs{{"table", Output::table}, {"json", Output::json}};
    command.add_option("--output", output, "table (default) or json")
        ->transform(CLI::CheckedTransformer(kOutputs).description(""))
        ->type_name("FORMAT");
}

void add_directory(CLI::App& command, std::string& directory) {
    command.add_option("DIR", directory, "the journal's directory, or a copy of it")
        ->required()
        ->type_name("");
}

void add_verify(CLI::App& app, VerifyCommand& options) {
    auto& command = *app.add_subcommand("verify", "find what was changed, removed, reordered or cut off");
    add_directory(command, options.directory);
    command
        .add_option("--public-key", options.public_keys,
                    "public half of the audit key, in PEM: the oldest that signed what is there; newer ones "
                    "are followed. "
                    "May hold several, and be given several times")
        ->required()
        ->type_name("FILE")
        ->take_all()
        ->expected(1);
    command
        .add_option("--head", options.heads,
                    "a checkpoint kept elsewhere (a copy of the file head): the journal must hold it")
        ->type_name("FILE")
        ->take_all()
        ->expected(1);
    auto* database =
        command
            .add_option(
                "--against-database", options.conninfo,
                "also compare the sealed rows of this database with what the journal says was done last "
                "(libpq's connection string, without a password)")
            ->type_name("CONNINFO");
    command
        .add_option("--journal", options.more_journals,
                    "the journal of another node that writes to the database; again for each")
        ->type_name("DIR")
        ->take_all()
        ->expected(1)
        ->needs(database);
    command
        .add_option("--known", options.known,
                    "what an earlier verification found (its --output json): findings about rows that are in "
                    "it are not told again")
        ->type_name("FILE")
        ->needs(database);
    add_output(command, options.output);
    command.footer(
        "Exit codes: 0 good, 1 something is wrong, 2 wrong usage, 3 could not be read.\n"
        "Examples:\n"
        "  coffer-audit verify /var/lib/coffer/audit --public-key audit-public.pem\n"
        "  coffer-audit verify /var/lib/coffer/audit --public-key audit-public.pem \\\n"
        "      --against-database 'host=/run/postgresql dbname=coffer'\n"
        "  coffer-audit verify copy-of-audit --public-key audit-public.pem --head head-of-yesterday --output "
        "json");
}

/// An unset variable of the shell is not the wish for everything.
std::string empty_problem(const std::string& text) {
    return text.empty() ? "must not be empty; leave the option out" : "";
}

std::string outcome_problem(const std::string& text) {
    return text.empty() || coffer::event_outcome(text) ? "" : coffer::unknown_outcome(text);
}

void add_search(CLI::App& app, SearchCommand& options) {
    auto& command = *app.add_subcommand("search", "list events; * stands for any characters");
    add_directory(command, options.directory);
    command.add_option("--secret", options.filter.secret, "name or ARN")->type_name("PATTERN");
    command.add_option("--principal", options.filter.principal, "ARN, user name or id")->type_name("PATTERN");
    command.add_option("--action", options.filter.action, "e.g. GetSecretValue, 'Put*'")
        ->type_name("PATTERN");
    command
        .add_option("--outcome", options.filter.outcome,
                    "success, failure, denied, or an error code; of any case")
        ->check(outcome_problem)
        ->type_name("OUTCOME");
    command.add_option("--since", options.since, "a time (UTC), or 90m, 24h, 7d before now")
        ->type_name("TIME");
    command.add_option("--until", options.until, "the same; events at that time are left out")
        ->type_name("TIME");
    command.add_option("--limit", options.limit, "stop after so many")
        ->check(CLI::Range(std::uint64_t{1}, kLimitMax))
        ->type_name("N");
    for (auto* option : command.get_options()) {
        if (option->get_items_expected_max() > 0) option->check(empty_problem);
    }
    add_output(command, options.output);
    command.footer(
        "Exit codes: 0 found, 1 nothing matched, 2 wrong usage, 3 could not be read.\n"
        "Examples:\n"
        "  coffer-audit search /var/lib/coffer/audit --secret 'app/*' --outcome denied --since 24h\n"
        "  coffer-audit search DIR --principal app-a --action GetSecretValue --output json | jq "
        ".sourceIPAddress");
}

void add_show(CLI::App& app, ShowCommand& options) {
    auto& command = *app.add_subcommand("show", "show one record whole");
    add_directory(command, options.directory);
    command.add_option("--event-id", options.event_id, "the event's id")->type_name("UUID");
    command.add_option("--sequence", options.sequence, "the record's number")->type_name("N");
    add_output(command, options.output);
    command.footer(
        "Example:\n"
        "  coffer-audit show DIR --event-id 7116c6a1-5c3f-4b57-9d0e-2f1d6f0c9a11");
}

int run(int argc, char** argv) {
    CLI::App app{
        "Looks at Coffer's audit journals. Needs their files and, to verify, the public key; no daemon, "
        "no token, no database.",
        "coffer-audit"};
    app.require_subcommand(1);
    app.footer("coffer-audit COMMAND --help has each command's options and examples.");
    VerifyCommand verify;
    SearchCommand search;
    ShowCommand show;
    add_verify(app, verify);
    add_search(app, search);
    add_show(app, show);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? kExitGood : kExitUsage;
    }
    if (app.got_subcommand("verify")) return run_verify(verify);
    if (app.got_subcommand("search")) return run_search(search);
    return run_show(show);
}

}  // namespace

int main(int argc, char** argv) {
    coffer::reserve_standard_streams();
    try {
        return run(argc, argv);
    } catch (const UsageError& error) {
        std::cerr << "coffer-audit: " << error.what() << "\n";
        return kExitUsage;
    } catch (const std::exception& error) {
        std::cerr << "coffer-audit: " << error.what() << "\n";
        return kExitUnread;
    }
}
