#pragma once
// A damaged secret as operators are told of it.

#include "coffer/v1/damage.pb.h"
#include "storage/damage_repository.hpp"

namespace coffer::damage {

/// Names and ARNs come from rows that are not believed: control characters are shown as '?', and long ones
/// cut.
[[nodiscard]] v1::DamagedSecret to_message(const storage::DamagedSecret& found);

}  // namespace coffer::damage
