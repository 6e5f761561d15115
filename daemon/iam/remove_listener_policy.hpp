#pragma once
// The policy of a listener taken away from the machine itself: where it closes the only listener that there
// is.

#include <optional>
#include <string>

#include "daemon/base/time.hpp"
#include "daemon/iam/seen_manifest.hpp"
#include "daemon/secrets/service_action.hpp"
#include "storage/database.hpp"

namespace coffer::iam {

/// Removes what is stored for the listener `name`, also what is not believed. Blocks. Throws Error when
/// nothing is, IntegrityError when what the database has cannot be believed, or is older than what this node
/// has `seen`. `leave_event` may be empty.
void remove_listener_policy(storage::Database& database, const std::string& name,
                            const std::optional<SeenManifest>& seen, const secrets::LeaveEvent& leave_event,
                            Deadline deadline);

}  // namespace coffer::iam
