// coffer rotation: what rotates, how far it is, why it does not, and the levers.

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "client/coffer/columns.hpp"
#include "client/coffer/command.hpp"
#include "client/coffer/completion_tree.hpp"
#include "client/coffer/console.hpp"
#include "client/coffer/failure.hpp"
#include "client/coffer/rotation_check.hpp"
#include "client/coffer/timestamp.hpp"
#include "client/coffer/verb_help.hpp"
#include "client/coffer/visible.hpp"
#include "daemon/base/uuid.hpp"

namespace coffer::cli {

namespace {

std::string time_or(bool has, double time, const char* otherwise) {
    return has ? short_time(time) : otherwise;
}

/// What can be done about a rotation that is not complete; empty for others.
std::string hint_of(const v1::Rotation& rotation) {
    if (!rotation.has_version_id() || rotation.state() == "Running") return "";
    const auto& name = rotation.name();
    if (rotation.state() == "Off") {
        return fmt::format(
            "version {0} is AWSPENDING, and nobody goes on with it. The target may have its value ('coffer "
            "rotation history {1}' says so): where AWSCURRENT does not log in, put the value of {0} with "
            "'coffer put'. 'coffer rotation abandon {1}' takes the label off, so that a new rotation can "
            "begin",
            rotation.version_id(), name);
    }
    if (rotation.state() != "Failed" && rotation.state() != "Waiting") return "";
    return fmt::format(
        "until it is complete no other one begins: 'coffer rotation retry {0}' tries now, 'coffer rotation "
        "abandon {0}' gives it up",
        name);
}

/// Which versions' values the target may have since rotations that were not finished; empty where there are
/// none.
std::string left_behind_of(const v1::Rotation& rotation) {
    const auto& versions = rotation.left_behind_version_ids();
    return fmt::format("{}", fmt::join(versions.begin(), versions.end(), ", or of "));
}

void show_rotation(const v1::Rotation& rotation) {
    const auto line = [](std::string_view name, const std::string& value) {
        if (!value.empty()) print(fmt::format("{:<14}{}\n", name, view(visible(value))));
    };
    line("name", rotation.name());
    line("state", rotation.state());
    line("function", rotation.rotation_lambda_arn());
    const auto& rules = rotation.rotation_rules();
    if (rules.has_schedule_expression()) {
        line("schedule", rules.schedule_expression());
    } else if (rules.has_automatically_after_days()) {
        line("schedule", fmt::format("every {} days", rules.automatically_after_days()));
    } else {
        line("schedule", "none: rotates by hand alone");
    }
    line("window", rules.duration());
    line("last rotated", time_or(rotation.has_last_rotated_date(), rotation.last_rotated_date(), "never"));
    line("next by", time_or(rotation.has_next_rotation_date(), rotation.next_rotation_date(), ""));
    line("next try", time_or(rotation.has_next_attempt_date(), rotation.next_attempt_date(), ""));
    line("step", rotation.step());
    if (rotation.attempt() > 0) line("try", std::to_string(rotation.attempt()));
    line("version", rotation.version_id());
    line("node", rotation.node());
    if (const auto versions = left_behind_of(rotation); !versions.empty()) {
        line("left behind",
             fmt::format("the target may have the value of version {}, until a rotation is "
                         "finished, or 'coffer rotation acknowledge {}' says that it is put right",
                         versions, rotation.name()));
    }
    line("last error", rotation.last_error());
    line("hint", hint_of(rotation));
}

void tell_all_paused(bool all_paused) {
    if (all_paused) say("all rotations are paused: 'coffer rotation resume --all' lets them go on\n");
}

// ---- functions --------------------------------------------------------------------------------------------

void run_functions(Context& context) {
    v1::Request request;
    request.mutable_list_rotation_functions();
    const auto response = context.call(std::move(request));
    const auto& answer = response.list_rotation_functions();
    if (!context.options().output.empty()) return context.show("ListRotationFunctions", answer);
    if (answer.functions().empty()) {
        return say("the configuration of this node has no [[rotation_function]] (docs/rotation.md)\n");
    }
    Columns columns({"NAME", "KIND", "TIMEOUT", "ARN", "DESCRIPTION"});
    for (const auto& function : answer.functions()) {
        columns.add({function.name(), function.kind(), fmt::format("{} s", function.timeout()),
                     function.arn(), function.description()});
    }
    print(columns.text());
}

// ---- status, history --------------------------------------------------------------------------------------

struct StatusOptions {
    std::string name;
    std::string state;
};

v1::ListRotationsResponse all_rotations(Context& context, const std::string& state) {
    constexpr std::int64_t kPage = 1000;
    v1::ListRotationsResponse all;
    std::string token;
    do {
        v1::Request request;
        auto& asked = *request.mutable_list_rotations();
        asked.set_max_results(kPage);
        if (!state.empty()) asked.set_state(state);
        if (!token.empty()) asked.set_next_token(token);
        const auto response = context.call(std::move(request));
        token = response.list_rotations().next_token();
        all.set_all_paused(response.list_rotations().all_paused());
        for (const auto& rotation : response.list_rotations().rotations()) *all.add_rotations() = rotation;
    } while (!token.empty());
    return all;
}

v1::GetRotationResponse get_rotation(Context& context, const std::string& name) {
    v1::Request request;
    request.mutable_get_rotation()->set_secret_id(name);
    return context.call_quietly(std::move(request)).get_rotation();
}

void run_status(Context& context, const StatusOptions& options) {
    if (!options.name.empty()) {
        const auto answer = get_rotation(context, options.name);
        if (!context.options().output.empty()) return context.show("GetRotation", answer);
        show_rotation(answer.rotation());
        return tell_all_paused(answer.all_paused());
    }
    const auto all = all_rotations(context, options.state);
    if (!context.options().output.empty()) return context.show("ListRotations", all);
    tell_all_paused(all.all_paused());
    if (all.rotations().empty()) return say("no secret rotates\n");
    const bool some_left = std::ranges::any_of(
        all.rotations(), [](const auto& each) { return each.left_behind_version_ids_size() > 0; });
    std::vector<std::string> heads{"NAME", "STATE", "STEP", "TRY", "LAST ROTATED", "NEXT TRY"};
    if (some_left) heads.emplace_back("TARGET MAY HAVE");
    heads.emplace_back("LAST ERROR");
    Columns columns(std::move(heads));
    for (const auto& rotation : all.rotations()) {
        std::vector<std::string> row{
            rotation.name(),
            rotation.state(),
            rotation.step(),
            rotation.attempt() > 0 ? std::to_string(rotation.attempt()) : "",
            time_or(rotation.has_last_rotated_date(), rotation.last_rotated_date(), "never"),
            time_or(rotation.has_next_attempt_date(), rotation.next_attempt_date(), "")};
        if (some_left) row.push_back(left_behind_of(rotation));
        row.push_back(rotation.last_error());
        columns.add(std::move(row));
    }
    print(columns.text());
}

void run_history(Context& context, const std::string& name) {
    const auto answer = get_rotation(context, name);
    if (!context.options().output.empty()) return context.show("GetRotation", answer);
    if (answer.history().empty()) return say("no rotation of this secret has ended yet\n");
    Columns columns({"ENDED", "OUTCOME", "STEP", "TRIES", "TOOK", "VERSION", "MESSAGE"});
    for (const auto& run : answer.history()) {
        columns.add({short_time(run.end_date()), run.outcome(),
                     run.outcome() == "Succeeded" ? "" : run.step(), std::to_string(run.attempts()),
                     fmt::format("{:.1f} s", run.end_date() - run.start_date()), run.version_id(),
                     run.message()});
    }
    print(columns.text());
}

// ---- check ------------------------------------------------------------------------------------------------

struct CheckOptions {
    std::string name;
    std::string function;
    std::string schedule;
    std::string duration;
};

void run_check(Context& context, const CheckOptions& options) {
    v1::CheckRotationRequest asked;
    asked.set_secret_id(options.name);
    if (!options.function.empty()) asked.set_rotation_lambda_arn(options.function);
    if (!options.schedule.empty()) asked.mutable_rotation_rules()->set_schedule_expression(options.schedule);
    if (!options.duration.empty()) asked.mutable_rotation_rules()->set_duration(options.duration);
    check_rotation(context, std::move(asked));
}

// ---- levers -----------------------------------------------------------------------------------------------

struct LeverOptions {
    std::string name;
    bool all = false;
    bool wait = false;
    bool dry_run = false;
};

/// Until the rotation has ended, after `since`, or will not go on by itself. Throws when it did not succeed.
void wait_for_end(Context& context, const std::string& name, double since) {
    constexpr std::chrono::milliseconds kInterval{300};
    std::string told;
    while (true) {
        const auto answer = get_rotation(context, name);
        if (!answer.history().empty() && answer.history(0).end_date() > since) {
            const auto& run = answer.history(0);
            if (run.outcome() == "Succeeded") return say(fmt::format("{} is rotated\n", name));
            throw Failure(
                fmt::format("the rotation of {} ended: {}: {}", name, run.outcome(), run.message()));
        }
        const auto& rotation = answer.rotation();
        if (rotation.state() == "Paused") {
            throw Failure(fmt::format(
                "the rotation of {0} is paused, and goes on after 'coffer rotation resume {0}'", name));
        }
        if (rotation.state() == "Failed" || rotation.state() == "Off") {
            throw Failure(fmt::format("the rotation of {} does not go on ({}): {}", name, rotation.state(),
                                      rotation.last_error()));
        }
        if (rotation.state() == "Idle") {
            // No rotation is under way, and none has ended: it only was to try the login, or was laid aside.
            if (rotation.last_error().empty()) return say(fmt::format("{}: nothing is under way\n", name));
            throw Failure(fmt::format("the rotation of {} does not go on before {}: {}", name,
                                      time_or(rotation.has_next_attempt_date(), rotation.next_attempt_date(),
                                              "somebody asks for it"),
                                      rotation.last_error()));
        }
        if (answer.all_paused() && rotation.state() != "Running") {
            throw Failure(
                fmt::format("all rotations are paused: that of {} goes on after 'coffer rotation resume "
                            "--all'",
                            name));
        }
        const auto now = fmt::format("{} {}", rotation.state(), rotation.step());
        if (now != told) say(fmt::format("{}: {}\n", name, now));
        told = now;
        std::this_thread::sleep_for(kInterval);
    }
}

void wait_and_show(Context& context, const std::string& name, double since) {
    wait_for_end(context, name, since);
    if (!context.options().output.empty()) context.show("GetRotation", get_rotation(context, name));
}

/// When the last rotation of the secret ended; 0: never, or not to be known.
double last_end(Context& context, const LeverOptions& options) {
    if (!options.wait) return 0;
    const auto answer = get_rotation(context, options.name);
    return answer.history().empty() ? 0 : answer.history(0).end_date();
}

/// The same when another one, of version `begun`, has been asked for: a value that was put shortly before may
/// have ended the one of before only then.
double last_end_before(Context& context, const std::string& name, const std::string& begun, double since) {
    const auto answer = get_rotation(context, name);
    for (const auto& run : answer.history()) {
        if (run.end_date() <= since) break;
        if (run.outcome() == "Abandoned" && run.version_id() != begun) return run.end_date();
    }
    return since;
}

/// What to say of a rotation that was asked for a moment ago.
std::string what_was_begun(Context& context, const std::string& name) {
    try {
        const auto answer = get_rotation(context, name);
        if (answer.all_paused()) {
            return fmt::format(
                "all rotations are paused: that of {} begins after 'coffer rotation resume --all'\n", name);
        }
        if (answer.rotation().state() == "Paused") {
            return fmt::format(
                "the rotation of {0} is paused, and begins after 'coffer rotation resume {0}'\n", name);
        }
    } catch (const std::exception&) {
        // Who may rotate a secret need not be allowed to see how far that is.
    }
    return fmt::format("the rotation of {0} has begun: coffer rotation status {0}\n", name);
}

void run_force(Context& context, const LeverOptions& options) {
    if (options.dry_run) {
        v1::CheckRotationRequest asked;
        asked.set_secret_id(options.name);
        return check_rotation(context, std::move(asked));
    }
    const auto since = last_end(context, options);
    const auto token = Uuid::random().text();
    v1::Request request;
    auto& asked = *request.mutable_rotate_secret();
    asked.set_secret_id(options.name);
    asked.set_client_request_token(token);
    const auto response = context.call(std::move(request));
    if (options.wait) {
        return wait_and_show(context, options.name, last_end_before(context, options.name, token, since));
    }
    if (!context.options().output.empty()) return context.show("RotateSecret", response.rotate_secret());
    say(what_was_begun(context, options.name));
}

void run_retry(Context& context, const LeverOptions& options) {
    const auto since = last_end(context, options);
    v1::Request request;
    request.mutable_retry_rotation()->set_secret_id(options.name);
    const auto response = context.call(std::move(request));
    const auto& rotation = response.retry_rotation().rotation();
    if (options.wait) {
        return wait_and_show(context, options.name,
                             last_end_before(context, options.name, rotation.version_id(), since));
    }
    if (!context.options().output.empty()) return context.show("RetryRotation", response.retry_rotation());
    show_rotation(rotation);
}

void run_abandon(Context& context, const LeverOptions& options) {
    v1::Request request;
    request.mutable_abandon_rotation()->set_secret_id(options.name);
    const auto response = context.call(std::move(request));
    if (!context.options().output.empty())
        return context.show("AbandonRotation", response.abandon_rotation());
    say(fmt::format("the rotation of {} is given up; AWSCURRENT stays as it is\n", options.name));
}

void run_acknowledge(Context& context, const LeverOptions& options) {
    v1::Request request;
    request.mutable_acknowledge_rotation()->set_secret_id(options.name);
    const auto response = context.call(std::move(request));
    const auto& answer = response.acknowledge_rotation();
    if (!context.options().output.empty()) return context.show("AcknowledgeRotation", answer);
    say(fmt::format("what rotations of {} have left counts as put right; nothing was done at the target\n",
                    options.name));
}

void run_cancel(Context& context, const LeverOptions& options) {
    v1::Request request;
    request.mutable_cancel_rotate_secret()->set_secret_id(options.name);
    const auto response = context.call(std::move(request));
    const auto& answer = response.cancel_rotate_secret();
    if (!context.options().output.empty()) return context.show("CancelRotateSecret", answer);
    say(fmt::format("{} rotates no more; coffer rotation force {} begins again\n", options.name,
                    options.name));
    if (answer.has_version_id()) {
        say(fmt::format("version {} was under way and is AWSPENDING still: coffer rotation abandon {}\n",
                        answer.version_id(), options.name));
    }
}

void require_name_or_all(const LeverOptions& options) {
    if (options.name.empty() != options.all) {
        throw UsageError("name a secret, or give --all for every rotation of all nodes");
    }
}

void run_pause(Context& context, const LeverOptions& options) {
    require_name_or_all(options);
    v1::Request request;
    auto& asked = *request.mutable_pause_rotations();
    if (!options.name.empty()) asked.set_secret_id(options.name);
    const auto response = context.call(std::move(request));
    if (!context.options().output.empty()) return context.show("PauseRotations", response.pause_rotations());
    say(options.all ? "no rotation is begun or gone on with until: coffer rotation resume --all\n"
                    : fmt::format("{} does not rotate until: coffer rotation resume {}\n", options.name,
                                  options.name));
}

void run_resume(Context& context, const LeverOptions& options) {
    require_name_or_all(options);
    v1::Request request;
    auto& asked = *request.mutable_resume_rotations();
    if (!options.name.empty()) asked.set_secret_id(options.name);
    const auto response = context.call(std::move(request));
    if (!context.options().output.empty())
        return context.show("ResumeRotations", response.resume_rotations());
    say(options.all ? "rotations go on\n" : fmt::format("{} rotates again\n", options.name));
}

using Lever = void (*)(Context&, const LeverOptions&);

/// A verb about one secret.
std::shared_ptr<LeverOptions> add_lever(CLI::App& rotation, Commands& commands, const char* name,
                                        const char* what, std::vector<std::string> examples, Lever run,
                                        bool may_be_all) {
    auto options = std::make_shared<LeverOptions>();
    auto* verb = add_verb(rotation, name, what, std::move(examples));
    auto* secret =
        verb->add_option("NAME", options->name, "the secret's name or ARN")->type_name(kTypeSecret);
    if (may_be_all) {
        verb->add_flag("--all", options->all, "all rotations, on all nodes");
    } else {
        secret->required();
    }
    commands.push_back({verb, [options, run](Context& context) { run(context, *options); }, true});
    return options;
}

void add_wait(CLI::App& rotation, const char* verb, const std::shared_ptr<LeverOptions>& options) {
    rotation.get_subcommand(verb)->add_flag("--wait", options->wait,
                                            "until it has ended; exit code 1 when it did not succeed");
}

void add_status(CLI::App& rotation, Commands& commands) {
    auto options = std::make_shared<StatusOptions>();
    auto* verb = add_verb(
        rotation, "status", "Show what rotates and how far it is",
        {"coffer rotation status", "coffer rotation status --state Failed", "coffer rotation status app/db"});
    verb->add_option("NAME", options->name, "the secret's name or ARN; without it, all that rotate")
        ->type_name(kTypeSecret);
    verb->add_option("--state", options->state, "only those in this state")
        ->check(CLI::IsMember({"Idle", "Due", "Running", "Waiting", "Failed", "Paused", "Off"}));
    commands.push_back({verb, [options](Context& context) { run_status(context, *options); }, true});
}

void add_history(CLI::App& rotation, Commands& commands, const std::shared_ptr<std::string>& name) {
    auto* verb = add_verb(rotation, "history", "List the rotations of a secret that ended",
                          {"coffer rotation history app/db"});
    verb->add_option("NAME", *name, "the secret's name or ARN")->required()->type_name(kTypeSecret);
    commands.push_back({verb, [name](Context& context) { run_history(context, *name); }, true});
}

void add_check(CLI::App& rotation, Commands& commands) {
    auto options = std::make_shared<CheckOptions>();
    auto* verb = add_verb(rotation, "check", "See what a rotation would meet, and change nothing",
                          {"coffer rotation check app/db",
                           "coffer rotation check app/db --function ARN --schedule 'rate(30 days)'"});
    verb->add_option("NAME", options->name, "the secret's name or ARN")->required()->type_name(kTypeSecret);
    verb->add_option("--function", options->function, "ARN of the function to check with (the secret's own)");
    verb->add_option("--schedule", options->schedule, "rate(...) or cron(...)");
    verb->add_option("--duration", options->duration, "the window's length, such as 3h");
    commands.push_back({verb, [options](Context& context) { run_check(context, *options); }, true});
}

}  // namespace

void add_rotation(CLI::App& app, Commands& commands) {
    auto* rotation = app.add_subcommand("rotation", "Rotations of secrets: see and steer them");
    rotation->fallthrough();
    rotation->group("Groups of verbs");
    rotation->require_subcommand(1);
    rotation->footer(
        "Examples:\n"
        "  coffer rotation functions\n"
        "  coffer rotate-secret --secret-id app/db --rotation-lambda-arn ARN \\\n"
        "      --rotation-rules AutomaticallyAfterDays=30\n"
        "  coffer rotation status app/db\n"
        "\nThe manual is docs/rotation.md.");
    auto* functions = add_verb(*rotation, "functions", "List the rotation functions of the configuration",
                               {"coffer rotation functions"});
    commands.push_back({functions, [](Context& context) { run_functions(context); }, true});
    add_status(*rotation, commands);
    add_history(*rotation, commands, std::make_shared<std::string>());
    add_check(*rotation, commands);
    const auto force = add_lever(
        *rotation, commands, "force", "Rotate a secret now",
        {"coffer rotation force app/db --wait", "coffer rotation force app/db --dry-run"}, run_force, false);
    add_wait(*rotation, "force", force);
    rotation->get_subcommand("force")->add_flag("--dry-run", force->dry_run, kDryRunHelp)->excludes("--wait");
    add_wait(*rotation, "retry",
             add_lever(*rotation, commands, "retry", "Go on with a rotation that failed, now",
                       {"coffer rotation retry app/db --wait"}, run_retry, false));
    add_lever(*rotation, commands, "abandon", "Give up a rotation that is not complete; AWSCURRENT stays",
              {"coffer rotation abandon app/db"}, run_abandon, false);
    add_lever(*rotation, commands, "acknowledge",
              "Say that what an abandoned rotation has left is put right: it is Failed no more",
              {"coffer rotation acknowledge app/db"}, run_acknowledge, false);
    add_lever(*rotation, commands, "cancel", "Turn the rotation of a secret off",
              {"coffer rotation cancel app/db"}, run_cancel, false);
    add_lever(*rotation, commands, "pause", "Begin no further step, of one secret or of all",
              {"coffer rotation pause app/db", "coffer rotation pause --all"}, run_pause, true);
    add_lever(*rotation, commands, "resume", "Take a pause back", {"coffer rotation resume --all"},
              run_resume, true);
}

}  // namespace coffer::cli
