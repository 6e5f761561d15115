#pragma once
// The blackouts and groups that the configuration names.

#include "daemon/base/time.hpp"
#include "daemon/rotation/restraints.hpp"
#include "daemon/server/config.hpp"

namespace coffer::daemon {

/// Throws Error that names the blackout: for a schedule that cannot be, and for blackouts that from `now` on
/// would leave no time for a rotation.
[[nodiscard]] rotation::Restraints rotation_restraints(const server::RotationSection& section, Timestamp now);

}  // namespace coffer::daemon
