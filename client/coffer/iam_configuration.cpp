#include "client/coffer/iam_configuration.hpp"

#include <fmt/format.h>

#include <fstream>
#include <memory>

#include "client/coffer/access_files.hpp"
#include "client/coffer/completion_tree.hpp"
#include "client/coffer/console.hpp"
#include "client/coffer/failure.hpp"
#include "client/coffer/iam.hpp"
#include "client/coffer/json_output.hpp"
#include "proto/utf8.hpp"

namespace coffer::cli {

namespace {

namespace fs = std::filesystem;

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

v1::ApplyAccessConfigurationResponse apply(Context& context, const AccessFiles& files,
                                           const ApplyOptions& options, bool dry_run) {
    v1::Request request;
    auto& message = *request.mutable_apply_access_configuration();
    *message.mutable_configuration() = files.configuration();
    message.set_dry_run(dry_run);
    message.set_prune(options.prune);
    try {
        return std::move(*context.call(std::move(request)).mutable_apply_access_configuration());
    } catch (const ServiceFailure& error) {
        throw ServiceFailure(
            error.operation(), error.secret(),
            {error.code(), error.name(), files.located(error.what()), error.retryable(), error.request_id()});
    }
}

/// What others wrote must not move a terminal's cursor.
std::string for_terminal(const std::string& text) {
    constexpr std::size_t kCharactersMax = 1024 * 1024;
    return proto::printable(text, kCharactersMax);
}

char sign_of(const std::string& action) {
    if (action == "create") return '+';
    return action == "delete" ? '-' : '~';
}

std::string changes(int count) {
    return fmt::format("{} change{}", count, count == 1 ? "" : "s");
}

/// A line for each statement, and other member of a document, that is taken away or added.
std::string worded_document(const v1::AccessDifference& difference) {
    std::string text = fmt::format("    {}:\n", for_terminal(difference.member()));
    for (const auto& line : difference.removed()) text += fmt::format("    - {}\n", for_terminal(line));
    for (const auto& line : difference.added()) text += fmt::format("    + {}\n", for_terminal(line));
    if (difference.removed().empty() && difference.added().empty())
        text += "      the same statements, written otherwise\n";
    return text;
}

}  // namespace

std::string worded(const v1::ApplyAccessConfigurationResponse& response) {
    std::string text;
    for (const auto& change : response.changes()) {
        text += fmt::format("{} {} {}{}\n", sign_of(change.action()), change.action(),
                            for_terminal(change.entity()),
                            change.detail().empty() ? "" : ": " + for_terminal(change.detail()));
        for (const auto& difference : change.differences()) {
            if (difference.is_policy_document()) text += worded_document(difference);
        }
        if (change.differences_omitted()) {
            text +=
                "    not all of it is shown: the answer is full. Look at fewer files at a time for the "
                "rest\n";
        }
    }
    return text;
}

namespace {

void run_apply(Context& context, const ApplyOptions& options) {
    const AccessFiles files(options.folder);
    auto difference = apply(context, files, options, true);
    const bool as_json = !context.options().output.empty();
    if (!as_json) say_warnings(difference);
    if (as_json && options.dry_run) {
        context.show("ApplyAccessConfiguration", difference);
        if (!difference.would_be_refused().empty()) throw Failure(difference.would_be_refused());
        return;
    }
    if (!as_json) print(worded(difference));
    if (difference.changes().empty() && !as_json) return print("Nothing to change.\n");
    if (!difference.would_be_refused().empty()) {
        throw Failure(fmt::format("{} Nothing was changed.", difference.would_be_refused()));
    }
    if (options.dry_run)
        return print(
            fmt::format("{}; nothing was changed (--dry-run).\n", changes(difference.changes_size())));
    const auto done = apply(context, files, options, false);
    if (as_json) return context.show("ApplyAccessConfiguration", done);
    print(fmt::format("{} in force, revision {}.\n",
                      changes(done.changes_size()) + (done.changes_size() == 1 ? " is" : " are"),
                      done.revision()));
}

}  // namespace

v1::AccessConfiguration read_configuration(const fs::path& folder) {
    return AccessFiles(folder).configuration();
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
        ->required()
        ->type_name(kTypeFolder);
    verb->add_flag("--dry-run", options->dry_run, "show what would change, and change nothing");
    verb->add_flag("--prune", options->prune, "also delete what is not in the files");
    verb->group("Access as files");
    commands.push_back({verb, [options](Context& context) { run_apply(context, *options); }, true});

    auto folder = std::make_shared<std::string>();
    auto force = std::make_shared<bool>(false);
    auto* out = add_verb(iam, "export", "Write what is in force as files that apply reads",
                         {"coffer iam export access/"});
    out->add_option("folder", *folder, "a new or empty folder")->required()->type_name(kTypeFolder);
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
