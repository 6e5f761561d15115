#pragma once
// What a rotation would meet, as `coffer rotation check` and the --dry-run of those that rotate show it.

#include "client/coffer/context.hpp"

namespace coffer::cli {

/// What --help says of --dry-run.
inline constexpr const char* kDryRunHelp =
    "see what the rotation would meet, as 'coffer rotation check' does, and change nothing";

/// Has the node look, and shows what it found; nothing is changed. Throws Failure where the secret cannot be
/// rotated so.
void check_rotation(Context& context, v1::CheckRotationRequest asked);

}  // namespace coffer::cli
