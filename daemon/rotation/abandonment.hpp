#pragma once
// What people are told of a rotation that is given up by itself, and whether they have to do something. Pure.

#include <string>

#include "daemon/rotation/function.hpp"
#include "storage/records.hpp"
#include "storage/rotation_repository.hpp"

namespace coffer::rotation {

struct Abandonment {
    std::string message;
    /// The target may have a value that is not AWSCURRENT's.
    bool needs_attention = false;
    /// That is what this rotation made: to be left behind (RotationTask::left_behind).
    bool leaves_value = false;
};

/// That `version` of `secret` is what a server has handed out for a rotation, that nobody uses it, and what
/// to do with it.
[[nodiscard]] std::string handed_out(const storage::StoredSecret& secret, const storage::VersionId& version);

/// Of `task`, which makes a version of `secret`: why it ends (AWSCURRENT was moved, or AWSPENDING taken
/// away), what the target may have, and how to go on. The version that was made, or that one of before has
/// left behind, is named wherever its value may be the only one that works.
[[nodiscard]] Abandonment abandonment_of(const storage::StoredSecret& secret,
                                         const storage::RotationTask& task, const Function& function);

}  // namespace coffer::rotation
