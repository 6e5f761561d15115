// coffer ls and coffer history: what there is.

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "client/coffer/columns.hpp"
#include "client/coffer/command.hpp"
#include "client/coffer/completion_tree.hpp"
#include "client/coffer/console.hpp"
#include "client/coffer/failure.hpp"
#include "client/coffer/paging.hpp"
#include "client/coffer/timestamp.hpp"

namespace coffer::cli {

namespace {

struct ListOptions {
    std::string prefix;
    bool all = false;
    bool names = false;
};

bool is_arn(const std::string& prefix) {
    return prefix.starts_with("arn:");
}

/// What names begin with whose ARNs begin with `prefix`: without what may be of the six random characters.
std::string name_prefix_of(const std::string& prefix) {
    constexpr std::string_view kMark = ":secret:";
    const auto mark = prefix.find(kMark);
    if (mark == std::string::npos) return {};
    const auto name = prefix.substr(mark + kMark.size());
    return name.substr(0, std::min(name.rfind('-'), name.size()));
}

v1::ListSecretsResponse list(Context& context, const ListOptions& options) {
    if (options.prefix.starts_with('!')) throw UsageError("a name does not begin with '!'");
    v1::ListSecretsRequest request;
    const auto prefix = is_arn(options.prefix) ? name_prefix_of(options.prefix) : options.prefix;
    if (!prefix.empty()) {
        auto& filter = *request.add_filters();
        filter.set_key("name");
        filter.add_values(prefix);
    }
    request.set_include_planned_deletion(options.all);
    request.set_sort_by("name");
    request.set_sort_order("asc");
    Progress progress("listing");
    int seen = 0;
    const auto list_page = [&](v1::ListSecretsRequest page) {
        v1::Request one;
        one.mutable_list_secrets()->Swap(&page);
        v1::Response response = context.call_quietly(std::move(one));
        seen += response.list_secrets().secret_list_size();
        progress.set(fmt::format("listing, {} secrets so far", seen));
        return std::move(*response.mutable_list_secrets());
    };
    auto all = list_all(list_page, request, {});
    if (is_arn(options.prefix)) {
        auto& secrets = *all.mutable_secret_list();
        secrets.erase(std::remove_if(secrets.begin(), secrets.end(),
                                     [&](const auto& one) { return !one.arn().starts_with(options.prefix); }),
                      secrets.end());
    }
    return all;
}

std::string nothing_found(const ListOptions& options) {
    const std::string what = options.prefix.empty()
                                 ? "there are no secrets"
                                 : (is_arn(options.prefix) ? "no secret's ARN" : "no secret's name") +
                                       std::string(" begins with '") + options.prefix + "'";
    return what + (options.all ? "\n" : " (--all: also those marked for deletion)\n");
}

void run_list(Context& context, const ListOptions& options) {
    if (options.names && !context.options().output.empty())
        throw UsageError("--names has one form, names alone; leave --output out");
    const auto all = list(context, options);
    if (options.names) {
        for (const auto& secret : all.secret_list()) {
            print((is_arn(options.prefix) ? secret.arn() : secret.name()) + "\n");
        }
        return;
    }
    if (!context.options().output.empty() && context.options().output != "table")
        return context.show("ls", all);
    std::vector<std::string> head{"NAME", "CHANGED", "DESCRIPTION"};
    if (options.all) head.insert(head.begin() + 2, "MARKED");
    Columns columns(std::move(head));
    for (const auto& secret : all.secret_list()) {
        std::vector<std::string> row{secret.name(), short_time(secret.last_changed_date()),
                                     secret.description()};
        if (options.all) {
            row.insert(row.begin() + 2, secret.has_deleted_date() ? short_date(secret.deleted_date()) : "");
        }
        columns.add(std::move(row));
    }
    if (all.secret_list_size() > 0) print(columns.text());
    if (all.secret_list_size() == 0) say(nothing_found(options));
}

v1::ListSecretVersionIdsResponse list_versions(Context& context, const std::string& name) {
    v1::ListSecretVersionIdsResponse all;
    std::string next;
    do {
        v1::Request request;
        auto& list = *request.mutable_list_secret_version_ids();
        list.set_secret_id(name);
        list.set_include_deprecated(true);
        if (!next.empty()) list.set_next_token(next);
        v1::Response response = context.call(std::move(request));
        auto& page = *response.mutable_list_secret_version_ids();
        next = page.next_token();
        page.clear_next_token();
        all.MergeFrom(page);
    } while (!next.empty());
    return all;
}

void run_history(Context& context, const std::string& name) {
    auto all = list_versions(context, name);
    auto& versions = *all.mutable_versions();
    std::stable_sort(versions.begin(), versions.end(),
                     [](const auto& a, const auto& b) { return a.created_date() > b.created_date(); });
    if (!context.options().output.empty() && context.options().output != "table")
        return context.show("history", all);
    Columns columns({"VERSION", "CREATED", "LAST READ", "LABELS"});
    for (const auto& version : versions) {
        std::string labels;
        for (const auto& label : version.version_stages()) labels += (labels.empty() ? "" : ", ") + label;
        columns.add({version.version_id(), short_time(version.created_date()),
                     version.has_last_accessed_date() ? short_date(version.last_accessed_date()) : "",
                     labels.empty() ? "-" : labels});
    }
    print(columns.text());
}

}  // namespace

void add_list_secrets(CLI::App& app, Commands& commands) {
    auto options = std::make_shared<ListOptions>();
    auto* verb =
        add_verb(app, "ls", "List secrets by name",
                 {"coffer ls", "coffer ls app/", "coffer ls --all        (with those marked for deletion)",
                  "coffer ls --output json"});
    verb->add_option("prefix", options->prefix, "only names (ARNs) that begin so")->type_name(kTypePrefix);
    verb->add_flag("--all", options->all, "also those that are marked for deletion, with the day of marking");
    verb->add_flag("--names", options->names, "names alone, one a line; ARNs, where PREFIX begins one");
    commands.push_back({verb, [options](Context& context) { run_list(context, *options); }, true});
}

void add_history(CLI::App& app, Commands& commands) {
    auto name = std::make_shared<std::string>();
    auto* verb =
        add_verb(app, "history", "List the versions of a secret, the newest first",
                 {"coffer history app/db", "coffer get app/db --version-id ID      (reads one of them)"});
    verb->add_option("name", *name, "name or ARN")->required()->type_name(kTypeSecret);
    commands.push_back({verb, [name](Context& context) { run_history(context, *name); }, true});
}

}  // namespace coffer::cli
