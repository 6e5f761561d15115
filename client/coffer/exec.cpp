// coffer exec --secret NAME -- CMD: a program with the fields of secrets as its environment variables.

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "client/coffer/command.hpp"
#include "client/coffer/completion_tree.hpp"
#include "client/coffer/environment.hpp"
#include "client/coffer/failure.hpp"
#include "client/coffer/json_fields.hpp"
#include "client/wipe.hpp"

namespace coffer::cli {

namespace {

struct ExecOptions {
    std::vector<std::string> secrets;
    std::vector<std::string> prefixes;
    std::vector<std::string> only;
    std::vector<std::string> named;
};

/// The fields of "a,b,c".
std::vector<std::string> split_fields(std::string_view list) {
    std::vector<std::string> fields;
    for (std::size_t begin = 0; begin <= list.size();) {
        const auto end = std::min(list.find(',', begin), list.size());
        if (end == begin) throw UsageError("--only is FIELD,FIELD,..., without an empty one");
        fields.emplace_back(list.substr(begin, end - begin));
        begin = end + 1;
    }
    return fields;
}

std::pair<std::string, std::string> split_named(const std::string& named) {
    const auto equals = named.find('=');
    auto name = named.substr(0, equals);
    if (equals == std::string::npos || !is_variable_name(name)) {
        throw UsageError(
            "--env is NAME=FIELD: a variable (letters, digits and _, no digit first), and the field that "
            "goes "
            "into it");
    }
    return {std::move(name), named.substr(equals + 1)};
}

/// What is chosen of each secret: --prefix, --only and --env belong to the --secret before them, so the order
/// on the line counts.
std::vector<FieldChoice> choices_of(const CLI::App& verb, const ExecOptions& options) {
    std::vector<FieldChoice> choices;
    std::size_t prefixes = 0;
    std::size_t only = 0;
    std::size_t named = 0;
    for (const auto* option : verb.parse_order()) {
        const auto name = option->get_name();
        if (name == "--secret") {
            choices.emplace_back();
            continue;
        }
        if (name != "--prefix" && name != "--only" && name != "--env") continue;
        if (choices.empty()) throw UsageError(name + " belongs after the --secret that it is for");
        auto& choice = choices.back();
        if (name == "--prefix") choice.prefix = options.prefixes.at(prefixes++);
        if (name == "--env") choice.named.push_back(split_named(options.named.at(named++)));
        if (name == "--only") {
            for (auto& field : split_fields(options.only.at(only++))) choice.only.push_back(std::move(field));
        }
    }
    return choices;
}

void add_secret(Context& context, Environment& environment, const std::string& name,
                const FieldChoice& choice) {
    v1::Request request;
    request.mutable_get_secret_value()->set_secret_id(name);
    v1::Response response = context.call(std::move(request));
    const client::Wiped value(std::move(*response.mutable_get_secret_value()));
    environment.add(
        parse_json_fields(value->has_secret_binary() ? value->secret_binary() : value->secret_string(), name),
        choice, name);
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
    const auto choices = choices_of(verb, options);
    Environment environment(::environ);
    for (std::size_t i = 0; i < options.secrets.size(); ++i) {
        add_secret(context, environment, options.secrets[i], choices.at(i));
    }
    context.disconnect();
    become(command, environment);
}

/// CLI11 knows nothing of what stands behind "--".
class ExecFormatter final : public CLI::Formatter {
    std::string make_usage(const CLI::App*, std::string) const override {
        return "Usage: coffer exec --secret NAME [--env VARIABLE=FIELD]... [--only FIELD,...] [--prefix "
               "PREFIX]\n"
               "                   [--secret NAME ...]... -- PROGRAM [ARGUMENTS]\n\n"
               "Without --env and --only every field becomes a variable of its own name. Better say which:\n"
               "whoever may write the secret can add fields, and programs listen to many variables. Names\n"
               "that are known for that (PATH, LD_PRELOAD, NODE_OPTIONS, ...) are refused, but no list of\n"
               "them is whole. With --env, or a --prefix of your own such as APP_, you depend on none.\n";
    }
};

/// An option that may come several times, each time with one value.
void add_repeated(CLI::App& verb, const std::string& name, std::vector<std::string>& values,
                  const std::string& description) {
    verb.add_option(name, values, description)->expected(1)->allow_extra_args(false)->take_all();
}

}  // namespace

void add_exec(CLI::App& app, Commands& commands) {
    auto options = std::make_shared<ExecOptions>();
    auto* verb =
        add_verb(app, "exec", "Run a program with the fields of a JSON secret as environment variables",
                 {"coffer exec --secret app/db --env PGUSER=username --env PGPASSWORD=password -- psql",
                  "coffer exec --secret app/db --only username,password -- sh -c 'echo \"$username\"'",
                  "coffer exec --secret app/db --prefix DB_ --secret app/mail --prefix MAIL_ -- ./server"});
    add_repeated(*verb, "--secret", options->secrets, "name or ARN; may be repeated");
    verb->get_option("--secret")->required()->type_name(kTypeSecret);
    add_repeated(*verb, "--env", options->named,
                 "VARIABLE=FIELD: a variable for one field of the --secret before it; may be repeated");
    add_repeated(*verb, "--only", options->only,
                 "FIELD,FIELD,...: only these fields of the --secret before it");
    add_repeated(*verb, "--prefix", options->prefixes,
                 "what the variables of the --secret before it begin with, but for those of --env");
    verb->formatter(std::make_shared<ExecFormatter>());
    name_parts(*verb->get_formatter());
    commands.push_back({verb, [options, verb](Context& context) { run(context, *verb, *options); }});
}

}  // namespace coffer::cli
