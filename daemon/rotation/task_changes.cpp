#include "daemon/rotation/task_changes.hpp"

#include <algorithm>

#include "daemon/secrets/labels.hpp"
#include "daemon/secrets/rotation_schedule.hpp"

namespace coffer::rotation {

using storage::RotationTask;
using storage::StoredSecret;

std::chrono::milliseconds place_of(storage::SecretId id, std::chrono::milliseconds spread) {
    return std::chrono::milliseconds(std::hash<Uuid>{}(id.value()) %
                                     static_cast<std::size_t>(spread.count()));
}

Step following(Step step) noexcept {
    return static_cast<Step>(static_cast<int>(step) + 1);
}

Step resumed(Step step, const storage::StoredVersion& version) noexcept {
    return version.kind ? std::min(step, Step::set) : Step::create;
}

std::optional<Timestamp> due_later(StoredSecret secret, Timestamp now, std::chrono::milliseconds pause) {
    if (!secret.rotation) return std::nullopt;
    secrets::to_next_window(secret, now);
    if (auto& renew_by = secret.rotation->renew_by) renew_by = std::max(*renew_by, now + pause);
    return secrets::due_of(secret);
}

bool began_by_itself(const StoredSecret& secret, const RotationTask& task) {
    const auto due = secrets::due_of(secret);
    return due && task.started && *due <= *task.started;
}

void to_rest(RotationTask& task, std::optional<Timestamp> due) {
    task.due = due;
    task.version.reset();
    task.step = Step::create;
    task.attempt = 0;
    task.started.reset();
    task.test_only = false;
    task.told = false;
}

std::vector<storage::VersionId> left_behind_of(const StoredSecret& secret, const RotationTask& task) {
    auto left = task.left_behind;
    std::erase_if(left, [&](const storage::VersionId& id) {
        const auto* version = secrets::find_version(secret.versions, id);
        return version == nullptr || !version->kind || secrets::has_label(*version, secrets::kCurrent) ||
               id == task.version;
    });
    return left;
}

storage::RotationRun run_of(const RotationTask& task, std::string outcome, Timestamp now) {
    return {.version = *task.version,
            .started = task.started.value_or(now),
            .ended = now,
            .outcome = std::move(outcome),
            .step = task.step,
            .attempts = task.attempt,
            .message = task.last_error};
}

}  // namespace coffer::rotation
