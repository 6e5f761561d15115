#pragma once
// Secrets whose own policy would shut everybody out once a user or a role is gone: a Deny with NotPrincipal
// spares those who are named, and nobody else takes such a policy away again.

#include <string>
#include <vector>

#include "daemon/iam/work.hpp"

namespace coffer::iam {

/// Users and roles that a change deletes.
struct Deleted {
    std::string arn;
    /// Unique id.
    std::string id;
};

/// Throws ServiceError (DeleteConflict) when a secret's policy denies managing it to everybody but principals
/// of whom none is left in `work`, and one of whom is in `deleted`. Statements with conditions are not
/// looked at: they may not hold. Nothing without a database.
void require_none_locked(Work& work, const std::vector<Deleted>& deleted);

}  // namespace coffer::iam
