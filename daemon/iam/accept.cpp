#include "daemon/iam/accept.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace coffer::iam {

StoredState stored_state(storage::Database& database, const std::optional<SeenManifest>& seen,
                         Deadline deadline) {
    return wait_for<StoredState>([&](Completion<StoredState> done) {
        database.read<StoredState>(
            {Priority::read, deadline},
            [&](storage::ReadTransaction& tx) {
                const auto stored = storage::IamRepository::load(tx);
                return StoredState{stored.revision, stored.entities.size(), stored.faults.size(),
                                   seen && is_older(stored, *seen)};
            },
            std::move(done));
    });
}

SeenManifest accept_stored(storage::Database& database, const std::optional<SeenManifest>& seen,
                           std::int64_t revision, const secrets::LeaveEvent& leave_event, Deadline deadline) {
    return wait_for<SeenManifest>([&](Completion<SeenManifest> done) {
        database.write<SeenManifest>(
            {Priority::write, deadline},
            [&](storage::WriteTransaction& tx) {
                auto stored = storage::IamRepository::lock(tx);
                if (stored.revision != revision) {
                    throw Error(fmt::format("--revision: the database has revision {}, not {}; look again",
                                            stored.revision, revision));
                }
                const auto newest = seen ? seen->revision : 0;
                stored.revision = std::max(stored.revision, newest);
                stored = storage::IamRepository::store(tx, std::move(stored), {});
                if (leave_event) {
                    leave_event(tx, {"AcceptPrincipals",
                                     "cofferd accept-principals",
                                     {},
                                     {{"acceptedRevision", revision},
                                      {"seenRevision", newest},
                                      {"revision", stored.revision}}});
                }
                return SeenManifest{stored.revision, stored.seal};
            },
            std::move(done));
    });
}

}  // namespace coffer::iam
