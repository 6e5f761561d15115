#include "daemon/rotation/abandonment.hpp"

#include <fmt/format.h>

#include "daemon/audit/utc_time.hpp"
#include "daemon/rotation/task_changes.hpp"
#include "daemon/secrets/labels.hpp"
#include "daemon/secrets/rotation_schedule.hpp"

namespace coffer::rotation {

using storage::RotationTask;
using storage::StoredSecret;
using storage::VersionId;

namespace {

std::string reason_of(const StoredSecret& secret, const RotationTask& task) {
    if (!secrets::is_superseded(secret))
        return "AWSPENDING was taken from the version that the rotation made";
    const auto* current = secrets::holder_of(secret.versions, secrets::kCurrent);
    if (task.started && current->created > *task.started) {
        return fmt::format("somebody put a new value at {} (version {}); the pending value was not applied",
                           audit::utc_seconds(current->created), current->id.value());
    }
    return fmt::format("somebody moved AWSCURRENT to version {}; the pending value was not applied",
                       current->id.value());
}

constexpr std::string_view kTriesIt =
    "'coffer rotation retry' begins a new rotation, which tries it by itself";

/// How to go on where the value of version `left` may be the only one that works.
std::string help_of(const Function& function, const StoredSecret& secret, const VersionId& left) {
    const auto by_hand = fmt::format(
        "read it ('coffer get-secret-value --secret-id {} --version-id {}'), and either set the target to "
        "the value of AWSCURRENT, or put it as the new value with 'coffer put'; then ",
        secret.name, left.value());
    if (!function.tries_left_behind()) {
        return by_hand +
               "'coffer rotation retry' begins a new rotation, or 'coffer rotation acknowledge' ends this "
               "state";
    }
    return fmt::format("{}. By hand: {}'coffer rotation acknowledge' ends this state", kTriesIt, by_hand);
}

/// Nothing was done at the target by this one.
Abandonment without_effect(std::string message, const StoredSecret& secret, const RotationTask& task,
                           const Function& function) {
    message += "; nothing was done at the target";
    const auto left = left_behind_of(secret, task);
    if (left.empty()) return {.message = std::move(message)};
    message += fmt::format(". Since a rotation before, the target may have the value of version {}: {}",
                           left.front().value(), help_of(function, secret, left.front()));
    return {.message = std::move(message), .needs_attention = true};
}

}  // namespace

std::string handed_out(const StoredSecret& secret, const VersionId& version) {
    return fmt::format(
        "What the server handed out for it is version {0}, and not in use ('coffer get-secret-value "
        "--secret-id {1} --version-id {0}'): remove it at the server, or put it with 'coffer put' if the "
        "value of AWSCURRENT does not work",
        version.value(), secret.name);
}

Abandonment abandonment_of(const StoredSecret& secret, const RotationTask& task, const Function& function) {
    Abandonment abandonment{.message = reason_of(secret, task)};
    auto& message = abandonment.message;
    const auto target = function.target();
    const auto* made = secrets::find_version(secret.versions, *task.version);
    const bool has_value = made != nullptr && made->kind;
    if (target == Function::Target::none) return abandonment;
    if (target == Function::Target::told && !(has_value && task.told)) {
        return without_effect(std::move(message), secret, task, function);
    }
    if (!has_value) return abandonment;
    if (target == Function::Target::asked_for) {
        message += ". " + handed_out(secret, *task.version);
        abandonment.needs_attention = true;
        return abandonment;
    }
    const bool is_there = task.step == Step::test || task.step == Step::finish;
    message += fmt::format(
        ". The target {} the value of version {}. If it does not take that of AWSCURRENT ('coffer rotation "
        "check' tries), {} is the only one that works: {}",
        is_there ? "has" : "may have", task.version->value(), is_there ? "that" : "it",
        help_of(function, secret, *task.version));
    abandonment.needs_attention = abandonment.leaves_value = true;
    return abandonment;
}

}  // namespace coffer::rotation
