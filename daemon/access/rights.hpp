#pragma once
// What an authenticated caller brings to every decision: who it is, and the policies that are attached to it.
// Made from the directory of principals once for each of its states, then shared by all of the caller's
// requests.

#include <memory>
#include <vector>

#include "daemon/access/evaluation.hpp"
#include "daemon/access/policy.hpp"
#include "daemon/access/principal.hpp"

namespace coffer::access {

/// Immutable once shared; thread-safe.
struct Rights {
    Principal principal;
    /// Of the user and its groups, or of the role.
    std::vector<PolicyPtr> identity;
    std::vector<PolicyPtr> session;
    PolicyPtr boundary;

    /// Together with those of what the request is for. Refers to this object and to the arguments.
    [[nodiscard]] PolicySet with(const Policy* resource, const Policy* listener,
                                 const Policy* stored_listener) const {
        return {.identity = identity,
                .session = session,
                .boundary = boundary.get(),
                .resource = resource,
                .listener = listener,
                .stored_listener = stored_listener};
    }
};

using RightsPtr = std::shared_ptr<const Rights>;

}  // namespace coffer::access
