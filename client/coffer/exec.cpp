// coffer exec --secret NAME -- CMD: a program with the fields of secrets as its environment variables.

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <system_error>

#include "client/coffer/command.hpp"
#include "client/coffer/environment.hpp"
#include "client/coffer/failure.hpp"
#include "client/coffer/json_fields.hpp"
#include "client/wipe.hpp"

namespace coffer::cli {

namespace {

struct ExecOptions {
    std::vector<std::string> secrets;
    std::vector<std::string> prefixes;
};

/// The prefix of each secret: --prefix belongs to the --secret before it, so the order on the line counts.
std::vector<std::string> match_prefixes(const CLI::App& verb, const ExecOptions& options) {
    std::vector<std::string> matched;
    std::size_t prefixes = 0;
    for (const auto* option : verb.parse_order()) {
        if (option->get_name() == "--secret") matched.emplace_back();
        if (option->get_name() != "--prefix") continue;
        if (matched.empty()) throw UsageError("--prefix belongs after the --secret that it is for");
        matched.back() = options.prefixes.at(prefixes++);
    }
    return matched;
}

void add_secret(Context& context, Environment& environment, const std::string& name,
                const std::string& prefix) {
    v1::Request request;
    request.mutable_get_secret_value()->set_secret_id(name);
    v1::Response response = context.call(std::move(request));
    const client::Wiped value(std::move(*response.mutable_get_secret_value()));
    environment.add(
        parse_json_fields(value->has_secret_binary() ? value->secret_binary() : value->secret_string(), name),
        prefix, name);
}

[[noreturn]] void become(std::vector<std::string> command, Environment& environment) {
    std::vector<char*> arguments;
    for (auto& argument : command) arguments.push_back(argument.data());
    arguments.push_back(nullptr);
    // Nothing of ours survives this: the kernel gives the program a new memory, and no descriptor stays open.
    ::execvpe(arguments.front(), arguments.data(), environment.pointers().data());
    const int why = errno;
    throw ExecFailure(
        fmt::format("{} cannot be run: {}", command.front(), std::generic_category().message(why)),
        why == ENOENT ? ExitCode::not_found : ExitCode::not_executable);
}

void run(Context& context, const CLI::App& verb, const ExecOptions& options) {
    const auto& command = context.options().after_dashes;
    if (command.empty())
        throw UsageError("the program to run goes after --: coffer exec --secret NAME -- PROGRAM ...");
    const auto prefixes = match_prefixes(verb, options);
    Environment environment(::environ);
    for (std::size_t i = 0; i < options.secrets.size(); ++i) {
        add_secret(context, environment, options.secrets[i], prefixes.at(i));
    }
    context.disconnect();
    become(command, environment);
}

/// CLI11 knows nothing of what stands behind "--".
class ExecFormatter final : public CLI::Formatter {
    std::string make_usage(const CLI::App*, std::string) const override {
        return "Usage: coffer exec [OPTIONS] --secret NAME [--prefix PREFIX]... -- PROGRAM [ARGUMENTS]\n";
    }
};

}  // namespace

void add_exec(CLI::App& app, Commands& commands) {
    auto options = std::make_shared<ExecOptions>();
    auto* verb =
        add_verb(app, "exec", "Run a program with the fields of a JSON secret as environment variables",
                 {"coffer exec --secret app/db -- sh -c 'echo \"$username\"'",
                  "coffer exec --secret app/db --prefix DB_ --secret app/mail --prefix MAIL_ -- ./server"});
    verb->add_option("--secret", options->secrets, "name or ARN; may be repeated")
        ->required()
        ->expected(1)
        ->allow_extra_args(false)
        ->take_all();
    verb->add_option("--prefix", options->prefixes, "what the names of the --secret before it begin with")
        ->expected(1)
        ->allow_extra_args(false)
        ->take_all();
    verb->formatter(std::make_shared<ExecFormatter>());
    commands.push_back({verb, [options, verb](Context& context) { run(context, *verb, *options); }});
}

}  // namespace coffer::cli
