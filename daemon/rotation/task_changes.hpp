#pragma once
// What becomes of a rotation's task: where it goes on, when it is due again, and how it is remembered. Pure.

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "daemon/rotation/function.hpp"
#include "storage/records.hpp"
#include "storage/rotation_repository.hpp"

namespace coffer::rotation {

/// A secret's own place within `spread`, the same on every node.
[[nodiscard]] std::chrono::milliseconds place_of(storage::SecretId id, std::chrono::milliseconds spread);

[[nodiscard]] Step following(Step step) noexcept;

/// Where to go on with what makes `version`. Never behind setSecret: the table that remembers the step is not
/// sealed, and a target may have lost since then what it was told (a replica that took over, a backup that
/// was restored).
[[nodiscard]] Step resumed(Step step, const storage::StoredVersion& version) noexcept;

/// When it is due in the window after the present one, whatever became of that. A value that ends is looked
/// at again after `pause` at the latest.
[[nodiscard]] std::optional<Timestamp> due_later(storage::StoredSecret secret, Timestamp now,
                                                 std::chrono::milliseconds pause);

/// Whether the rotation under way was begun in its window, or since its value ends, and by nobody: what
/// somebody asks for plans the window after that.
[[nodiscard]] bool began_by_itself(const storage::StoredSecret& secret, const storage::RotationTask& task);

/// No rotation is under way any more.
void to_rest(storage::RotationTask& task, std::optional<Timestamp> due);

/// Of `task.left_behind` those that still say something: versions of `secret` with a value that are neither
/// AWSCURRENT nor what the rotation under way makes.
[[nodiscard]] std::vector<storage::VersionId> left_behind_of(const storage::StoredSecret& secret,
                                                             const storage::RotationTask& task);

/// The history's line about `task`, which has a version, when it ends so.
[[nodiscard]] storage::RotationRun run_of(const storage::RotationTask& task, std::string outcome,
                                          Timestamp now);

}  // namespace coffer::rotation
