#pragma once
// What the parts of Runner write with: events, errors, and the row of the queue.

#include <string>

#include "daemon/rotation/function.hpp"
#include "daemon/secrets/service_writes.hpp"
#include "storage/records.hpp"
#include "storage/rotation_repository.hpp"
#include "storage/transaction.hpp"

namespace coffer::rotation {

/// All rotations are, or this one is: nobody takes it as long as that is so.
class RotationsPaused : public RotationLost {
public:
    RotationsPaused() : RotationLost("rotations are paused") {}
};

/// For what is read and written within Coffer.
[[nodiscard]] Deadline soon();

/// The event `name` about `task`, a rotation of `secret`.
[[nodiscard]] secrets::ServiceAction action_of(std::string name, const storage::StoredSecret& secret,
                                               const storage::RotationTask& task);
/// The same about one of its steps.
[[nodiscard]] secrets::ServiceAction step_action(std::string name, const storage::StoredSecret& secret,
                                                 const storage::RotationTask& task, Step step);

/// What is kept and shown of an error: text of a target may be anything.
[[nodiscard]] std::string shortened(const std::string& text);

/// The same for what was altered behind Coffer's back.
[[nodiscard]] std::string damage_of(const IntegrityError& altered);

/// The token of a rotation that nobody asked for, in the form that ClientRequestTokens have.
[[nodiscard]] storage::VersionId new_token();

/// Throws RotationLost when somebody else has it. True when no further step is to be begun.
[[nodiscard]] bool store(storage::WriteTransaction& tx, const storage::RotationTask& task, bool release);

}  // namespace coffer::rotation
