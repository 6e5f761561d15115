#include "client/coffer/iam_configuration.hpp"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <boost/json/value.hpp>
#include <fstream>
#include <memory>
#include <sstream>
#include <vector>

#include "client/coffer/console.hpp"
#include "client/coffer/failure.hpp"
#include "client/coffer/iam.hpp"
#include "client/coffer/json_output.hpp"
#include "client/coffer/json_request.hpp"
#include "client/coffer/parameter.hpp"

namespace coffer::cli {

namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

// ---- reading ----------------------------------------------------------------------------------------------

std::vector<fs::path> files_in(const fs::path& folder) {
    std::error_code error;
    if (!fs::is_directory(folder, error)) {
        throw UsageError(
            fmt::format("-f must be a folder with JSON or TOML files; {} is none", folder.string()));
    }
    std::vector<fs::path> files;
    for (const auto& entry : fs::recursive_directory_iterator(folder, error)) {
        const auto extension = entry.path().extension();
        if (entry.is_regular_file() && (extension == ".json" || extension == ".toml"))
            files.push_back(entry.path());
    }
    if (error) throw Failure(fmt::format("{} cannot be read: {}", folder.string(), error.message()));
    if (files.empty())
        throw UsageError(fmt::format("there is no *.json or *.toml file in {}", folder.string()));
    std::sort(files.begin(), files.end());
    return files;
}

json::value parse_toml(const std::string& text, const fs::path& file) {
    try {
        std::ostringstream out;
        out << toml::json_formatter(toml::parse(text));
        return parse_json(out.str(), file.string());
    } catch (const toml::parse_error& error) {
        throw UsageError(fmt::format("{}:{}:{}: {}", file.string(), error.source().begin.line,
                                     error.source().begin.column, std::string(error.description())));
    }
}

json::value parse_file(const fs::path& file) {
    const auto bytes = read_file(file);
    const std::string text(bytes.text());
    return file.extension() == ".toml" ? parse_toml(text, file) : parse_json(text, file.string());
}

void add_file(const fs::path& file, v1::AccessConfiguration& configuration) {
    const auto value = parse_file(file);
    const auto* object = value.if_object();
    const auto has = [&](const char* member) { return object != nullptr && object->contains(member); };
    const auto name = file.string();
    if (has("UserName")) return fill_message(*configuration.add_users(), value, name, Scalars::as_json);
    if (has("GroupName")) return fill_message(*configuration.add_groups(), value, name, Scalars::as_json);
    if (has("RoleName")) return fill_message(*configuration.add_roles(), value, name, Scalars::as_json);
    if (has("ListenerName")) {
        return fill_message(*configuration.add_listeners(), value, name, Scalars::as_json);
    }
    if (has("PolicyName")) return fill_message(*configuration.add_policies(), value, name, Scalars::as_json);
    fill_message(configuration, value, name, Scalars::as_json);
}

// ---- writing ----------------------------------------------------------------------------------------------

void write_file(const fs::path& file, const google::protobuf::Message& message) {
    std::error_code error;
    fs::create_directories(file.parent_path(), error);
    std::ofstream out(file, std::ios::binary | std::ios::trunc);
    out << view(pretty_json(to_json(message)));
    out.flush();
    if (!out) throw Failure(fmt::format("{} cannot be written", file.string()));
}

// ---- the verbs --------------------------------------------------------------------------------------------

struct ApplyOptions {
    std::string folder;
    bool dry_run = false;
    bool prune = false;
};

v1::ApplyAccessConfigurationResponse apply(Context& context, const v1::AccessConfiguration& configuration,
                                           const ApplyOptions& options, bool dry_run) {
    v1::Request request;
    auto& message = *request.mutable_apply_access_configuration();
    *message.mutable_configuration() = configuration;
    message.set_dry_run(dry_run);
    message.set_prune(options.prune);
    return std::move(*context.call(std::move(request)).mutable_apply_access_configuration());
}

char sign_of(const std::string& action) {
    if (action == "create") return '+';
    return action == "delete" ? '-' : '~';
}

std::string changes(int count) {
    return fmt::format("{} change{}", count, count == 1 ? "" : "s");
}

void run_apply(Context& context, const ApplyOptions& options) {
    const auto configuration = read_configuration(options.folder);
    const auto difference = apply(context, configuration, options, true);
    const bool as_json = !context.options().output.empty();
    if (as_json && options.dry_run) {
        context.show("ApplyAccessConfiguration", difference);
        if (!difference.would_be_refused().empty()) throw Failure(difference.would_be_refused());
        return;
    }
    if (!as_json) {
        for (const auto& change : difference.changes()) {
            print(fmt::format("{} {} {}{}\n", sign_of(change.action()), change.action(), change.entity(),
                              change.detail().empty() ? "" : ": " + change.detail()));
        }
    }
    if (difference.changes().empty() && !as_json) return print("Nothing to change.\n");
    if (!difference.would_be_refused().empty()) {
        throw Failure(fmt::format("{} Nothing was changed.", difference.would_be_refused()));
    }
    if (options.dry_run)
        return print(
            fmt::format("{}; nothing was changed (--dry-run).\n", changes(difference.changes_size())));
    const auto done = apply(context, configuration, options, false);
    if (as_json) return context.show("ApplyAccessConfiguration", done);
    print(fmt::format("{} in force, revision {}.\n",
                      changes(done.changes_size()) + (done.changes_size() == 1 ? " is" : " are"),
                      done.revision()));
}

}  // namespace

v1::AccessConfiguration read_configuration(const fs::path& folder) {
    v1::AccessConfiguration configuration;
    for (const auto& file : files_in(folder)) add_file(file, configuration);
    return configuration;
}

void write_configuration(const v1::AccessConfiguration& configuration, const fs::path& folder, bool over) {
    std::error_code error;
    if (!over && fs::exists(folder, error) && !fs::is_empty(folder, error)) {
        throw Failure(fmt::format(
            "{} is not empty; choose a new folder, or add --force to replace files in it", folder.string()));
    }
    for (const auto& user : configuration.users())
        write_file(folder / "users" / (user.user_name() + ".json"), user);
    for (const auto& group : configuration.groups()) {
        write_file(folder / "groups" / (group.group_name() + ".json"), group);
    }
    for (const auto& role : configuration.roles())
        write_file(folder / "roles" / (role.role_name() + ".json"), role);
    for (const auto& listener : configuration.listeners()) {
        write_file(folder / "listeners" / (listener.listener_name() + ".json"), listener);
    }
    for (const auto& policy : configuration.policies()) {
        write_file(folder / "policies" / (policy.policy_name() + ".json"), policy);
    }
}

void add_iam_configuration(CLI::App& iam, Commands& commands) {
    auto options = std::make_shared<ApplyOptions>();
    auto* verb = add_verb(iam, "apply", "Bring a folder of files into force, in one transaction",
                          {"coffer iam apply -f access/ --dry-run", "coffer iam apply -f access/ --prune"});
    verb->add_option("-f,--folder", options->folder, "JSON and TOML files, also in folders of it")
        ->required();
    verb->add_flag("--dry-run", options->dry_run, "show what would change, and change nothing");
    verb->add_flag("--prune", options->prune, "also delete what is not in the files");
    verb->group("Access as files");
    commands.push_back({verb, [options](Context& context) { run_apply(context, *options); }, true});

    auto folder = std::make_shared<std::string>();
    auto force = std::make_shared<bool>(false);
    auto* out = add_verb(iam, "export", "Write what is in force as files that apply reads",
                         {"coffer iam export access/"});
    out->add_option("folder", *folder, "a new or empty folder")->required();
    out->add_flag("--force", *force, "replace files in a folder that is not empty");
    out->group("Access as files");
    commands.push_back({out, [folder, force](Context& context) {
                            v1::Request request;
                            request.mutable_get_access_configuration();
                            const auto all = call_all(context, std::move(request));
                            const auto& configuration = all.get_access_configuration().configuration();
                            write_configuration(configuration, *folder, *force);
                            print(fmt::format(
                                "{} users, {} groups, {} roles, {} policies and {} policies of listeners are "
                                "in {}.\n",
                                configuration.users_size(), configuration.groups_size(),
                                configuration.roles_size(), configuration.policies_size(),
                                configuration.listeners_size(), *folder));
                        }});
}

}  // namespace coffer::cli
