// coffer rm and coffer restore.

#include <fmt/format.h>

#include <memory>
#include <optional>

#include "client/coffer/command.hpp"
#include "client/coffer/completion_tree.hpp"
#include "client/coffer/console.hpp"
#include "client/coffer/failure.hpp"
#include "client/coffer/timestamp.hpp"

namespace coffer::cli {

namespace {

struct RemoveOptions {
    std::string name;
    std::int64_t recovery_days = 0;
    bool force = false;
    bool yes = false;
};

/// What can be restored is not asked about.
void require_consent(const RemoveOptions& options) {
    if (!options.force || options.yes) return;
    if (!stdin_is_terminal()) {
        throw UsageError(
            "--force destroys the secret at once and for good; without a terminal to ask on, add --yes");
    }
    if (!confirm(fmt::format("Destroy {} with all of its versions, now and for good?", options.name))) {
        throw Failure("nothing was deleted");
    }
}

/// What is known of a secret before something is done to it. AWS's answer to the forced deletion of a secret
/// that never was is success, and so is Coffer's: whoever types a name wants to know. Nothing when the caller
/// may delete and not look.
std::optional<v1::DescribeSecretResponse> look(Context& context, const std::string& name) {
    v1::Request request;
    request.mutable_describe_secret()->set_secret_id(name);
    try {
        return std::move(*context.call(std::move(request)).mutable_describe_secret());
    } catch (const ServiceFailure& error) {
        if (error.code() == v1::RESOURCE_NOT_FOUND)
            throw Failure(fmt::format("there is no secret {} (coffer ls --all shows the names)", name));
        if (error.code() == v1::ACCESS_DENIED) return std::nullopt;
        throw;
    }
}

void run_remove(Context& context, const RemoveOptions& options) {
    const auto known = look(context, options.name);
    if (known && known->has_deleted_date() && !options.force) {
        throw Failure(
            fmt::format("{0} was marked for deletion on {1} already; coffer restore {0} takes it back, "
                        "coffer rm {0} --force destroys it now",
                        options.name, short_date(known->deleted_date())));
    }
    require_consent(options);
    v1::Request request;
    auto& remove = *request.mutable_delete_secret();
    remove.set_secret_id(options.name);
    if (options.force) remove.set_force_delete_without_recovery(true);
    if (options.recovery_days > 0) remove.set_recovery_window_in_days(options.recovery_days);
    const v1::Response response = context.call(std::move(request));
    const auto& result = response.delete_secret();
    if (options.force) return print(fmt::format("{} is destroyed\n", result.name()));
    print(fmt::format("{0} will be destroyed after {1}; until then: coffer restore {0}\n", result.name(),
                      short_time(result.deletion_date())));
}

void run_restore(Context& context, const std::string& name) {
    const auto known = look(context, name);
    if (known && !known->has_deleted_date())
        return print(fmt::format("{} was not deleted; nothing to do\n", known->name()));
    v1::Request request;
    request.mutable_restore_secret()->set_secret_id(name);
    const v1::Response response = context.call(std::move(request));
    print(fmt::format("{} is restored\n", response.restore_secret().name()));
}

}  // namespace

void add_remove(CLI::App& app, Commands& commands) {
    auto options = std::make_shared<RemoveOptions>();
    auto* verb = add_verb(app, "rm", "Delete a secret; it can be restored for 30 days",
                          {"coffer rm app/db", "coffer rm app/db --recovery-days 7",
                           "coffer rm app/db --force        (at once and for good; asks first)"});
    verb->add_option("name", options->name, "name or ARN")->required()->type_name(kTypeSecret);
    auto* days = verb->add_option("--recovery-days", options->recovery_days,
                                  "how long it can be restored: 7 to 30 (30)")
                     ->check(CLI::Range(7, 30));
    verb->add_flag("--force", options->force, "destroy it at once, without a way back")->excludes(days);
    verb->add_flag("-y,--yes", options->yes, "do not ask");
    commands.push_back({verb, [options](Context& context) { run_remove(context, *options); }});
}

void add_restore(CLI::App& app, Commands& commands) {
    auto name = std::make_shared<std::string>();
    auto* verb = add_verb(app, "restore", "Take back the deletion of a secret", {"coffer restore app/db"});
    verb->add_option("name", *name, "name or ARN")->required()->type_name(kTypeSecret);
    commands.push_back({verb, [name](Context& context) { run_restore(context, *name); }});
}

}  // namespace coffer::cli
