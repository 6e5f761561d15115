#pragma once
// A state of the principals that nodes refuse since it is older than what they have seen, accepted by
// somebody on the machine: after a backup was restored on purpose.

#include <cstddef>
#include <cstdint>
#include <optional>

#include "daemon/base/time.hpp"
#include "daemon/iam/seen_manifest.hpp"
#include "daemon/secrets/service_action.hpp"
#include "storage/database.hpp"

namespace coffer::iam {

/// What the tables have now.
struct StoredState {
    std::int64_t revision = 0;
    /// Entities that are believed, and those that are not.
    std::size_t believed = 0;
    std::size_t faults = 0;
    /// Whether the node refuses it.
    bool older = false;
};

/// Looks. Blocks. Throws IntegrityError when the manifest cannot be believed at all.
[[nodiscard]] StoredState stored_state(storage::Database& database, const std::optional<SeenManifest>& seen,
                                       Deadline deadline);

/// Seals the manifest anew, with the same entries, under a revision above everything that was seen, so that
/// every node takes it. What is not believed stays so. Blocks. Throws Error when the tables have another
/// revision than `revision`, the one that somebody looked at; IntegrityError as above. `leave_event` may be
/// empty. Returns what this node has seen with that.
[[nodiscard]] SeenManifest accept_stored(storage::Database& database, const std::optional<SeenManifest>& seen,
                                         std::int64_t revision, const secrets::LeaveEvent& leave_event,
                                         Deadline deadline);

}  // namespace coffer::iam
