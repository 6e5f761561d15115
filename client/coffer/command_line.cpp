#include "client/coffer/command_line.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <iterator>

#include "client/coffer/argument_checks.hpp"
#include "client/coffer/completion_tree.hpp"
#include "client/coffer/failure.hpp"
#include "client/version.hpp"
#include "daemon/base/edit_distance.hpp"

namespace coffer::cli {

namespace {

constexpr const char* kForHands = "Verbs for hands";
constexpr double kTimeoutSecondsMin = 0.001;
constexpr double kTimeoutSecondsMax = 86'400;

/// What CLI11 shows of a value that is wrong; empty when it is not.
std::string timeout_problem(const std::string& text) {
    double seconds = 0;
    const auto* end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, seconds);
    const bool in_range = seconds >= kTimeoutSecondsMin && seconds <= kTimeoutSecondsMax;  // false for NaN
    if (error == std::errc{} && rest == end && in_range) return {};
    return fmt::format("must be a number of seconds from {} to {}, not '{}'", kTimeoutSecondsMin,
                       kTimeoutSecondsMax, text);
}

void add_global_options(CLI::App& app, GlobalOptions& options) {
    const std::string group = "Options of every verb";
    app.add_option("--output", options.output, "how to show the answer")
        ->check(CLI::IsMember({"json", "text", "table"}))
        ->group(group);
    app.add_option("--timeout", options.timeout_seconds, "seconds to wait for an answer, retries included")
        ->check(timeout_problem)
        ->type_name("SECONDS")
        ->group(group);
    app.add_flag("--no-paginate", options.no_paginate, "of a list: one page only")->group(group);
    app.add_option("--config", options.config_file, "configuration (~/.config/coffer/client.toml)")
        ->type_name(kTypeFile)
        ->group(group);
    app.add_option("--endpoint", options.endpoint, "HOST:PORT of the daemon (COFFER_ENDPOINT)")->group(group);
    app.add_option("--server-name", options.server_name, "name in its certificate (COFFER_SERVER_NAME)")
        ->group(group);
    app.add_option("--ca-file", options.ca_file, "authority of its certificate (COFFER_CA_FILE)")
        ->type_name(kTypeFile)
        ->group(group);
    app.add_option("--cert-file", options.cert_file, "our certificate (COFFER_CERT_FILE)")
        ->type_name(kTypeFile)
        ->group(group);
    app.add_option("--key-file", options.key_file, "our key (COFFER_KEY_FILE)")
        ->type_name(kTypeFile)
        ->group(group);
    auto* role =
        app.add_option("--role", options.role, "ARN of a role to act as (COFFER_ROLE)")->group(group);
    app.add_option("--session", options.session_file, "what assume-role printed, to act in that session")
        ->type_name(kTypeFile)
        ->group(group)
        ->excludes(role);
}

/// "--name=" as two arguments, since CLI11 would take the next argument for the value.
std::vector<std::string> with_empty_values(std::vector<std::string> arguments) {
    std::vector<std::string> split;
    bool options = true;
    for (auto& argument : arguments) {
        options = options && argument != "--";
        const auto equals = argument.find('=');
        if (options && argument.starts_with("--") && equals != std::string::npos &&
            equals + 1 == argument.size()) {
            argument.pop_back();
            split.push_back(std::move(argument));
            split.emplace_back();
        } else {
            split.push_back(std::move(argument));
        }
    }
    return split;
}

std::string did_you_mean(const std::string& unknown, const std::vector<std::string>& known) {
    const auto nearest = nearest_word(unknown, known);
    return nearest.empty() ? "." : "; did you mean '" + std::string(nearest) + "'?";
}

/// The first of `arguments` that looks like an option; empty when none does.
std::string option_of(const std::vector<std::string>& arguments) {
    const auto found = std::ranges::find_if(arguments, [](const auto& argument) {
        return argument.size() > 1 && argument.starts_with('-') && argument != "--";
    });
    return found == arguments.end() ? std::string() : *found;
}

std::vector<std::string> option_names(const CLI::App& app) {
    std::vector<std::string> names;
    for (const auto* option : app.get_options()) {
        for (const auto& name : option->get_lnames()) names.push_back("--" + name);
    }
    return names;
}

}  // namespace

CommandLine::CommandLine()
    : app_(
          "Coffer's command: read, store and manage secrets.\n"
          "Short verbs are for hands; the others are those of `aws secretsmanager`, with its options and its "
          "JSON.",
          "coffer") {
    app_.require_subcommand(1);
    name_parts(*app_.get_formatter());  // every verb has this formatter from here
    app_.set_version_flag("--version", "coffer " + std::string(client::version()));
    app_.footer(
        "Examples:\n"
        "  printf 's3cret' | coffer put app/db\n"
        "  coffer get app/db\n"
        "  coffer get-secret-value --secret-id app/db --version-stage AWSPREVIOUS\n"
        "\nHelp of a verb: coffer VERB --help. The manual is docs/coffer.md.");
    add_global_options(app_, options_);
    add_get(app_, commands_);
    add_put(app_, commands_);
    add_list_secrets(app_, commands_);
    add_history(app_, commands_);
    add_remove(app_, commands_);
    add_restore(app_, commands_);
    add_exec(app_, commands_);
    add_usage(app_, commands_);
    add_unused(app_, commands_);
    add_whoami(app_, commands_);
    add_ping(app_, commands_);
    add_aws_credentials(app_, commands_);
    add_completion(app_, commands_);
    for (const auto& command : commands_) command.app->group(kForHands);
    add_iam(app_, commands_);
    add_sts(app_, commands_);
    add_audit(app_, commands_);
    add_keys(app_, commands_);
    add_rotation(app_, commands_);
    add_certificate(app_, commands_);
    add_damaged(app_, commands_);
    add_aws_verbs(app_, commands_);
    check_arguments(app_);
    for (const auto& command : commands_) check_arguments(*command.app);
}

bool CommandLine::is_verb(const CLI::App& app, const std::string& name) {
    const auto verbs = app.get_subcommands(nullptr);
    return std::any_of(verbs.begin(), verbs.end(),
                       [&](const CLI::App* verb) { return verb->get_name() == name; });
}

std::size_t CommandLine::verb_position(const std::vector<std::string>& arguments, std::size_t from) const {
    for (std::size_t i = from; i < arguments.size(); ++i) {
        if (!arguments[i].starts_with('-')) return i;
        const auto* option = app_.get_option_no_throw(arguments[i]);
        if (option != nullptr && option->get_items_expected_max() > 0) ++i;  // its value
    }
    return arguments.size();
}

void CommandLine::require_verb_of_group(const std::vector<std::string>& arguments, std::size_t verb) const {
    const auto& name = arguments[verb];
    const auto& group = *app_.get_subcommand(name);
    if (group.get_subcommands(nullptr).empty()) return;
    const auto second = verb_position(arguments, verb + 1);
    if (second >= arguments.size() || is_verb(group, arguments[second])) return;
    throw UsageError("'" + arguments[second] + "' is not a verb of coffer " + name +
                     did_you_mean(arguments[second], verb_names(group)) + " coffer " + name +
                     " --help lists them");
}

void CommandLine::parse(std::vector<std::string> arguments) {
    const auto verb = verb_position(arguments, 0);
    const auto arguments_given = arguments.size();
    if (verb < arguments.size() && !is_verb(app_, arguments[verb])) {
        throw UsageError("'" + arguments[verb] + "' is not a verb of coffer" +
                         did_you_mean(arguments[verb], verb_names(app_)) + " coffer --help lists them");
    }
    if (verb < arguments.size()) require_verb_of_group(arguments, verb);
    const bool exec = verb < arguments.size() && arguments[verb] == "exec";
    const bool dashes_given = std::find(arguments.begin(), arguments.end(), "--") != arguments.end();
    if (exec) {
        // What follows is another program's command line, in which CLI11 must not look for options.
        const auto dashes = std::find(arguments.begin(), arguments.end(), "--");
        if (dashes != arguments.end()) options_.after_dashes.assign(dashes + 1, arguments.end());
        arguments.erase(dashes, arguments.end());
    }
    auto split = with_empty_values(std::move(arguments));
    std::reverse(split.begin(), split.end());  // CLI11 takes them from the back
    try {
        app_.parse(std::move(split));
    } catch (const CLI::ExtrasError&) {
        if (exec && !dashes_given) {
            throw UsageError(
                "the program to run goes after --, so that its options are not taken for coffer's:\n"
                "  coffer exec --secret NAME -- PROGRAM [ARGUMENTS]");
        }
        throw UsageError(unexpected());
    } catch (const CLI::RequiredError&) {
        if (verb < arguments_given) {
            // CLI11 finds what is missing before what is unknown, and that may be the cause.
            const auto option = option_of(app_.remaining(true));
            if (option.empty() || (exec && !dashes_given)) throw;
            throw UsageError(unexpected() + (option.starts_with("--") || dashes_given
                                                 ? ""
                                                 : ". A name that begins with - goes after --"));
        }
        if (!app_.remaining(true).empty()) throw UsageError(unexpected());
        throw UsageError("a verb is missing; coffer --help lists them");
    }
}

std::string CommandLine::unexpected() const {
    const auto option = option_of(app_.remaining(true));
    const auto verb = std::find_if(commands_.begin(), commands_.end(),
                                   [](const Command& command) { return command.app->parsed(); });
    const std::string help =
        verb == commands_.end() ? " (coffer --help)" : " (coffer " + path_of(*verb->app) + " --help)";
    // What stands there may be a secret that was meant for standard input; only what looks like an option is
    // shown.
    if (option.empty()) return "there is an argument too many" + help;
    const auto name = option.substr(0, option.find('='));
    auto known = option_names(app_);
    if (verb != commands_.end()) std::ranges::move(option_names(*verb->app), std::back_inserter(known));
    if (std::ranges::find(known, name) != known.end()) {
        return "'" + name + "' stands after --, where nothing is an option; put options before it" + help;
    }
    return "there is no option '" + name + "'" + did_you_mean(name, known) + help;
}

std::vector<std::string> CommandLine::verb_names(const CLI::App& app) {
    std::vector<std::string> names;
    for (const auto* verb : app.get_subcommands(nullptr)) names.push_back(verb->get_name());
    return names;
}

std::string CommandLine::verbs_with_output() const {
    std::vector<std::string> verbs;
    std::vector<std::pair<const CLI::App*, std::string>> groups;  // and their verbs that do not have it
    for (const auto& command : commands_) {
        const auto* parent = command.app->get_parent();
        if (parent == &app_) {
            if (command.shows && command.app->get_group() == kForHands)
                verbs.push_back(path_of(*command.app));
            continue;
        }
        if (groups.empty() || groups.back().first != parent) groups.emplace_back(parent, "");
        auto& without = groups.back().second;
        if (!command.shows) without += (without.empty() ? " (but " : ", ") + command.app->get_name();
    }
    for (const auto& [group, without] : groups) {
        verbs.push_back("coffer " + group->get_name() + without + (without.empty() ? "" : ")"));
    }
    return fmt::format("{}", fmt::join(verbs, ", "));
}

void CommandLine::run() {
    Context context(options_);
    for (const auto& command : commands_) {
        if (!command.app->parsed()) continue;
        if (!options_.output.empty() && !command.shows) {
            throw UsageError("--output has no meaning for coffer " + path_of(*command.app) +
                             "; it is for the verbs of aws secretsmanager, " + verbs_with_output());
        }
        return command.run(context);
    }
    throw UsageError("no verb was given (coffer --help)");
}

}  // namespace coffer::cli
