#include "daemon/iam/remove_listener_policy.hpp"

#include <fmt/format.h>

#include <utility>

namespace coffer::iam {

void remove_listener_policy(storage::Database& database, const std::string& name,
                            const std::optional<SeenManifest>& seen, const secrets::LeaveEvent& leave_event,
                            Deadline deadline) {
    static_cast<void>(wait_for<Done>([&](Completion<Done> done) {
        database.write<Done>(
            {Priority::write, deadline},
            [&](storage::WriteTransaction& tx) {
                auto stored = storage::IamRepository::lock(tx);
                if (seen) require_not_older(stored, *seen);
                const storage::IamKey key{storage::IamKind::listener, name};
                if (!stored.listed.contains(key) && !stored.faults.contains(key)) {
                    throw Error(
                        fmt::format("--listener-name: no policy is stored for a listener named {}", name));
                }
                static_cast<void>(
                    storage::IamRepository::store(tx, std::move(stored), {{key, std::nullopt}}));
                if (leave_event) {
                    leave_event(tx, {"RemoveListenerPolicy",
                                     "cofferd remove-listener-policy",
                                     {},
                                     {{"listenerName", name}}});
                }
                return Done{};
            },
            std::move(done));
    }));
}

}  // namespace coffer::iam
