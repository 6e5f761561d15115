// coffer key: the HSM's master keys, the key that signs the audit journals, and the key that seals rows.

#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "client/coffer/columns.hpp"
#include "client/coffer/command.hpp"
#include "client/coffer/console.hpp"
#include "client/coffer/failure.hpp"
#include "client/coffer/json_output.hpp"
#include "client/coffer/key_names.hpp"
#include "client/coffer/secret_text.hpp"
#include "client/coffer/timestamp.hpp"
#include "client/coffer/token_keys.hpp"
#include "client/coffer/visible.hpp"

namespace coffer::cli {

namespace {

constexpr std::chrono::milliseconds kPollInterval{500};
constexpr int kVerifiedAtOnce = 1000;

template <class Message>
void name_key(Message& message, const std::string& key) {
    if (!key.empty()) message.set_key_id(key_id_of(key));
}

void add_key_argument(CLI::App& verb, std::string& key, bool required) {
    auto* option = verb.add_option(
        "key", key,
        required ? "NAME, alias/NAME, key id or ARN" : "NAME, alias/NAME, key id or ARN (the default key)");
    option->required(required);
}

bool wants_table(const Context& context) {
    return context.options().output.empty();
}

std::string percent(std::int64_t part, std::int64_t whole) {
    if (whole <= 0) return "100 %";
    constexpr double kHundred = 100;
    return fmt::format("{:.0f} %", static_cast<double>(part) * kHundred / static_cast<double>(whole));
}

std::string rewrap_text(const v1::KeyMetadata& key) {
    if (!key.has_rewrap()) return "-";
    const auto& rewrap = key.rewrap();
    if (rewrap.state() == "Done" || !rewrap.has_total()) return rewrap.state();
    return fmt::format("{}: {} of {} ({}), {:.0f}/s", rewrap.state(), rewrap.done(), rewrap.total(),
                       percent(rewrap.done(), rewrap.total()), rewrap.per_second());
}

v1::KeyMetadata describe(Context& context, const std::string& key) {
    v1::Request request;
    name_key(*request.mutable_describe_key(), key);
    return context.call_quietly(std::move(request)).describe_key().key_metadata();
}

void show_description(const Context& context, const v1::KeyMetadata& key) {
    v1::DescribeKeyResponse shown;
    *shown.mutable_key_metadata() = key;
    context.show("DescribeKey", shown);
}

void print_description(const v1::KeyMetadata& key) {
    const auto line = [](const char* name, const std::string& text) {
        if (!text.empty()) print(fmt::format("{:<12}{}\n", name, view(visible(text))));
    };
    line("Alias", key.alias() + (key.default_key() ? " (the default key)" : ""));
    line("Key id", key.key_id());
    line("Description", key.description());
    line("State", key.key_state() +
                      (key.has_deletion_date() ? ", deleted on " + short_time(key.deletion_date()) : ""));
    if (key.has_creation_date()) line("Created", short_time(key.creation_date()));
    line("Rotation", key.rotation_enabled()
                         ? fmt::format("every {} days, next on {}", key.rotation_period_in_days(),
                                       short_time(key.next_rotation_date()))
                         : "by hand");
    if (key.has_rewrap()) line(key.key_usage() == "ENCRYPT_DECRYPT" ? "Rewrap" : "Reseal", rewrap_text(key));
    if (key.rewrap().has_message()) line("", key.rewrap().message());
    if (key.key_usage() == "SIGN_VERIFY") return print_audit_generations(key);
    if (key.key_usage() == "GENERATE_VERIFY_MAC") return print_seal_generations(key);
    Columns columns({"GENERATION", "CREATED", "VERSIONS", "ACCESS KEYS", "IN TOKEN"});
    for (const auto& generation : key.generations()) {
        const bool newest = generation.generation() == key.current_generation();
        columns.add({fmt::format("{}{}", generation.generation(), newest ? " (writes)" : ""),
                     short_time(generation.creation_date()),
                     generation.has_versions() ? std::to_string(generation.versions()) : "...",
                     generation.has_others() ? std::to_string(generation.others()) : "...",
                     generation.in_token() ? "yes" : "NO"});
    }
    print("\n" + columns.text());
}

// ---- create, list, describe -----------------------------------------------------------------------------

struct CreateOptions {
    std::string name;
    std::string description;
};

void run_create(Context& context, const CreateOptions& options) {
    v1::Request request;
    auto& asked = *request.mutable_create_key();
    asked.set_alias(options.name);
    if (!options.description.empty()) asked.set_description(options.description);
    const auto response = context.call(std::move(request));
    if (!wants_table(context)) return context.show("CreateKey", response.create_key());
    const auto& key = response.create_key().key_metadata();
    print(fmt::format("{} was made: key id {}\n", key.alias(), key.key_id()));
}

void run_list(Context& context) {
    v1::Request request;
    request.mutable_list_keys();
    const auto response = context.call(std::move(request));
    if (!wants_table(context)) return context.show("ListKeys", response.list_keys());
    Columns columns({"ALIAS", "STATE", "GENERATION", "OLDER", "ROTATION", "KEY ID"});
    for (const auto& key : response.list_keys().keys()) {
        columns.add({key.alias() + (key.default_key() ? " *" : ""), key.key_state(),
                     std::to_string(key.current_generation()), std::to_string(key.generations_size() - 1),
                     key.rotation_enabled() ? short_date(key.next_rotation_date()) : "by hand",
                     key.key_id()});
    }
    print(columns.text());
}

void run_describe(Context& context, const std::string& key) {
    v1::Request request;
    name_key(*request.mutable_describe_key(), key);
    const auto response = context.call(std::move(request));
    if (!wants_table(context)) return context.show("DescribeKey", response.describe_key());
    print_description(response.describe_key().key_metadata());
}

// ---- rotate ---------------------------------------------------------------------------------------------

struct RotateOptions {
    std::string key;
    bool wait = false;
    std::int64_t every_days = 0;
    bool never = false;
};

/// Until everything is under the newest generation. Throws Failure when some of it cannot be brought there.
v1::KeyMetadata wait_for_rewrap(Context& context, const std::string& key) {
    Progress progress("waiting for the first batch");
    while (true) {
        auto now = describe(context, key);
        const auto& state = now.rewrap().state();
        if (!now.has_rewrap() || state == "Done") return now;
        if (state == "Failed") {
            throw Failure(fmt::format("not everything could be {} anew. {}",
                                      key == kSealKey ? "sealed" : "wrapped", now.rewrap().message()));
        }
        progress.set(now.alias() + " " + rewrap_text(now) +
                     (now.rewrap().has_message() ? ": " + now.rewrap().message() : std::string()));
        std::this_thread::sleep_for(kPollInterval);
    }
}

/// Until no journal is signed with an older generation any more, as far as its node has said.
v1::KeyMetadata wait_for_journals(Context& context) {
    Progress progress("waiting for the nodes' journals");
    while (true) {
        auto now = describe(context, kAuditKey);
        std::string behind;
        for (const auto& generation : now.generations()) {
            if (generation.generation() == now.current_generation()) continue;
            for (const auto& node : generation.nodes()) behind += (behind.empty() ? "" : ", ") + node;
        }
        if (behind.empty()) return now;
        progress.set("waiting for the journals of " + behind);
        std::this_thread::sleep_for(kPollInterval);
    }
}

void run_rotate_audit_key(Context& context, const RotateOptions& options) {
    v1::Request request;
    request.mutable_rotate_key_on_demand()->set_key_id(kAuditKey);
    const auto response = context.call(std::move(request));
    const auto& rotated = response.rotate_key_on_demand();
    if (!options.wait) {
        if (!wants_table(context)) return context.show("RotateKeyOnDemand", rotated);
        return print(fmt::format(
            "generation {} of the audit key was made; every node's journal names it and goes over to it\n",
            rotated.generation()));
    }
    const auto key = wait_for_journals(context);
    if (!wants_table(context)) return show_description(context, key);
    print(fmt::format("generation {} of the audit key signs the journals of all nodes\n",
                      rotated.generation()));
}

void run_rotate_seal_key(Context& context, const RotateOptions& options) {
    v1::Request request;
    request.mutable_rotate_key_on_demand()->set_key_id(kSealKey);
    const auto response = context.call(std::move(request));
    const auto& rotated = response.rotate_key_on_demand();
    if (!options.wait) {
        if (!wants_table(context)) return context.show("RotateKeyOnDemand", rotated);
        return print(
            fmt::format("generation {} of the seal key was made; it seals as soon as all nodes know it, and "
                        "rows are sealed anew in "
                        "the background\n",
                        rotated.generation()));
    }
    const auto key = wait_for_rewrap(context, kSealKey);
    if (!wants_table(context)) return show_description(context, key);
    print(fmt::format(
        "the seal key is at generation {}, and every row is sealed under it ({} rows sealed anew)\n",
        rotated.generation(), key.rewrap().done()));
}

void run_rotate(Context& context, const RotateOptions& options) {
    if (options.key == kSealKey) return run_rotate_seal_key(context, options);
    if (options.key == kAuditKey) return run_rotate_audit_key(context, options);
    v1::Request request;
    name_key(*request.mutable_rotate_key_on_demand(), options.key);
    const auto response = context.call(std::move(request));
    const auto& rotated = response.rotate_key_on_demand();
    if (!options.wait) {
        if (!wants_table(context)) return context.show("RotateKeyOnDemand", rotated);
        return print(fmt::format(
            "generation {} writes from now on; what is under older ones is wrapped anew in the background\n",
            rotated.generation()));
    }
    const auto key = wait_for_rewrap(context, rotated.key_id());
    if (!wants_table(context)) return show_description(context, key);
    print(fmt::format("{} is at generation {}, and everything is under it ({} data keys wrapped anew)\n",
                      key.alias(), rotated.generation(), key.rewrap().done()));
}

void run_schedule(Context& context, const RotateOptions& options) {
    v1::Request request;
    if (options.never) {
        name_key(*request.mutable_disable_key_rotation(), options.key);
    } else {
        auto& asked = *request.mutable_enable_key_rotation();
        name_key(asked, options.key);
        if (options.every_days > 0) asked.set_rotation_period_in_days(options.every_days);
    }
    static_cast<void>(context.call(std::move(request)));
    const auto key = describe(context, options.key);
    if (!wants_table(context)) return show_description(context, key);
    print(key.rotation_enabled()
              ? fmt::format("{} is rotated every {} days, next on {}\n", key.alias(),
                            key.rotation_period_in_days(), short_time(key.next_rotation_date()))
              : fmt::format("{} is rotated by hand alone\n", key.alias()));
}

// ---- retire ---------------------------------------------------------------------------------------------

struct RetireOptions {
    std::string key;
    std::int64_t generation = 0;
    std::string backup_proven;
    bool force = false;
};

void run_retire(Context& context, const RetireOptions& options) {
    v1::Request request;
    auto& asked = *request.mutable_retire_key_generations();
    name_key(asked, options.key);
    if (options.generation > 0) asked.set_generation(options.generation);
    if (options.force) asked.set_force(true);
    if (!options.backup_proven.empty()) {
        const auto now =
            std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
        const auto time = parse_time(options.backup_proven, now);
        if (!time) {
            throw UsageError(
                "--backup-proven takes a time such as 2026-11-25T12:00:00Z, or how long ago, such as 3h");
        }
        asked.set_backup_proven(*time);
    }
    const auto response = context.call(std::move(request));
    const auto& answer = response.retire_key_generations();
    if (!wants_table(context)) {
        context.show("RetireKeyGenerations", answer);
    } else {
        if (answer.retired().empty() && answer.kept().empty())
            print("there is only one generation: nothing to do\n");
        for (const auto generation : answer.retired()) {
            print(fmt::format("generation {} was destroyed in the token\n", generation));
        }
        for (const auto& kept : answer.kept()) {
            print(fmt::format("generation {} stays: {}\n", kept.generation(), kept.reason()));
        }
    }
    if (!answer.kept().empty()) throw Failure(fmt::format("{} generation(s) stay", answer.kept_size()));
}

// ---- deletion -------------------------------------------------------------------------------------------

struct DeletionOptions {
    std::string key;
    std::int64_t days = 0;
};

void run_schedule_deletion(Context& context, const DeletionOptions& options) {
    v1::Request request;
    auto& asked = *request.mutable_schedule_key_deletion();
    name_key(asked, options.key);
    if (options.days > 0) asked.set_pending_window_in_days(options.days);
    const auto response = context.call(std::move(request));
    const auto& answer = response.schedule_key_deletion();
    if (!wants_table(context)) return context.show("ScheduleKeyDeletion", answer);
    print(fmt::format(
        "all generations of the key are destroyed on {}; until then nothing can be encrypted under it, "
        "and coffer key cancel-deletion takes that back\n",
        short_time(answer.deletion_date())));
}

void run_cancel_deletion(Context& context, const std::string& key) {
    v1::Request request;
    name_key(*request.mutable_cancel_key_deletion(), key);
    const auto response = context.call(std::move(request));
    if (!wants_table(context)) return context.show("CancelKeyDeletion", response.cancel_key_deletion());
    print("the key stays\n");
}

// ---- verify ---------------------------------------------------------------------------------------------

struct VerifyOptions {
    std::string key;
    bool values = false;
};

void run_verify(Context& context, const VerifyOptions& options) {
    v1::VerifyKeysResponse all;
    {
        Progress progress("verifying");
        std::string token;
        do {
            v1::Request request;
            auto& asked = *request.mutable_verify_keys();
            name_key(asked, options.key);
            if (options.values) asked.set_values(true);
            asked.set_max_results(kVerifiedAtOnce);
            if (!token.empty()) asked.set_next_token(token);
            const auto response = context.call_quietly(std::move(request));
            const auto& page = response.verify_keys();
            if (page.has_total()) all.set_total(page.total());
            all.set_checked(all.checked() + page.checked());
            all.mutable_failures()->MergeFrom(page.failures());
            token = page.next_token();
            progress.set(fmt::format("{} of about {} data keys verified ({}), {} do not open", all.checked(),
                                     all.total(), percent(all.checked(), all.total()), all.failures_size()));
        } while (!token.empty());
    }
    all.clear_total();
    if (!wants_table(context)) {
        context.show("VerifyKeys", all);
    } else {
        for (const auto& failure : all.failures()) {
            print(fmt::format("{} {}: {}\n", failure.secret_arn(), failure.version_id(), failure.message()));
        }
    }
    if (!all.failures().empty()) {
        throw Failure(fmt::format("{} of {} data keys do not open", all.failures_size(), all.checked()));
    }
    if (wants_table(context)) {
        print(fmt::format("{} data keys were verified: all open{}\n", all.checked(),
                          options.values ? ", and so do the values under them" : ""));
    }
}

}  // namespace

void add_keys(CLI::App& app, Commands& commands) {
    auto* group = app.add_subcommand("key", "The HSM's keys: make, rotate, retire, verify");
    group->fallthrough();
    group->group("Groups of verbs");
    group->require_subcommand(1);
    group->footer(
        "Examples:\n"
        "  coffer key list\n"
        "  coffer key rotate --wait\n"
        "  coffer key verify\n"
        "  coffer key retire --backup-proven 2026-11-25T12:00:00Z\n"
        "  coffer key rotate --audit --wait\n"
        "\nWithout a name a verb is about the default key. Options of every verb are in: coffer --help. The "
        "manual is\n"
        "docs/master-keys.md.");
    const auto add = [&commands](CLI::App* verb, std::function<void(Context&)> run) {
        commands.push_back({verb, std::move(run), true});
    };

    auto create = std::make_shared<CreateOptions>();
    auto* verb = add_verb(*group, "create", "Make a master key in the token",
                          {"coffer key create payments --description 'secrets of the payments team'"});
    verb->add_option("name", create->name, "NAME of alias/NAME")->required();
    verb->add_option("--description", create->description, "what it is for");
    add(verb, [create](Context& context) { run_create(context, *create); });

    add(add_verb(*group, "list", "List the keys; * marks the default key", {"coffer key list"}),
        [](Context& context) { run_list(context); });

    auto described = std::make_shared<std::string>();
    verb = add_verb(*group, "describe", "Show a key, its generations, and how far a rotation is",
                    {"coffer key describe", "coffer key describe payments", "coffer key describe --audit"});
    add_key_argument(*verb, *described, false);
    add_token_key_flags(*verb, *described);
    add(verb, [described](Context& context) { run_describe(context, *described); });

    auto rotate = std::make_shared<RotateOptions>();
    verb = add_verb(*group, "rotate", "Make a new generation, and wrap everything anew under it",
                    {"coffer key rotate", "coffer key rotate payments --wait", "coffer key rotate --audit",
                     "coffer key rotate --seal --wait"});
    add_key_argument(*verb, rotate->key, false);
    add_token_key_flags(*verb, rotate->key);
    verb->add_flag("--wait", rotate->wait,
                   "until everything is under the new generation, or all journals are signed with it");
    add(verb, [rotate](Context& context) { run_rotate(context, *rotate); });

    auto schedule = std::make_shared<RotateOptions>();
    verb = add_verb(
        *group, "schedule-rotation", "Rotate a key by itself from now on, or not any more",
        {"coffer key schedule-rotation --every 90", "coffer key schedule-rotation payments --never"});
    add_key_argument(*verb, schedule->key, false);
    auto* every = verb->add_option("--every", schedule->every_days, "days between two rotations (365)")
                      ->check(CLI::Range(1, 2560));
    verb->add_flag("--never", schedule->never, "by hand alone")->excludes(every);
    add(verb, [schedule](Context& context) { run_schedule(context, *schedule); });

    auto retire = std::make_shared<RetireOptions>();
    verb = add_verb(
        *group, "retire", "Destroy generations that nothing is under any more",
        {"coffer key retire --backup-proven 2026-11-25T12:00:00Z", "coffer key retire payments --force",
         "coffer key retire --audit", "coffer key retire --seal --backup-proven 3h"});
    add_key_argument(*verb, retire->key, false);
    add_token_key_flags(*verb, retire->key);
    verb->add_option("--generation", retire->generation, "only this one (all but the newest)")
        ->check(CLI::Range(std::int64_t{1}, std::int64_t{4294967295}));
    verb->add_option("--backup-proven", retire->backup_proven,
                     "when the last backup was made that a drill has restored: a time, or how long ago (3h)");
    verb->add_flag(
        "--force", retire->force,
        "without such a backup; of the seal key also while sessions of before live, which then end, and "
        "events of before wait for their node, which then get into no journal; of the audit key also "
        "while it signs a journal");
    add(verb, [retire](Context& context) { run_retire(context, *retire); });

    auto deletion = std::make_shared<DeletionOptions>();
    verb = add_verb(*group, "schedule-deletion", "Have all generations of a key destroyed in some days",
                    {"coffer key schedule-deletion payments --days 7"});
    add_key_argument(*verb, deletion->key, true);
    verb->add_option("--days", deletion->days, "7 to 30 (30)")->check(CLI::Range(7, 30));
    add(verb, [deletion](Context& context) { run_schedule_deletion(context, *deletion); });

    auto cancelled = std::make_shared<std::string>();
    verb = add_verb(*group, "cancel-deletion", "Keep a key that was to be deleted",
                    {"coffer key cancel-deletion payments"});
    add_key_argument(*verb, *cancelled, true);
    add(verb, [cancelled](Context& context) { run_cancel_deletion(context, *cancelled); });

    auto verify = std::make_shared<VerifyOptions>();
    verb = add_verb(*group, "verify", "Prove that every wrapped data key in the database opens in the token",
                    {"coffer key verify", "coffer key verify payments --values"});
    verb->add_option("key", verify->key, "only what is under this key (all keys)");
    verb->add_flag("--values", verify->values, "decrypt each value as well, in the token");
    add(verb, [verify](Context& context) { run_verify(context, *verify); });
}

}  // namespace coffer::cli
