#pragma once
// The refusal as its caller reads it.

#include <string_view>

#include "daemon/access/caller.hpp"
#include "daemon/access/evaluation.hpp"
#include "daemon/base/time.hpp"

namespace coffer::access {

/// Throws AccessDenied with the words of denial_message(). A caller who is allowed to know, since he may ask
/// iam:SimulatePrincipalPolicy, which tells the same, reads after a colon which statement of which policy
/// decided; nobody else learns the names of policies from a refusal.
[[noreturn]] void refuse(const RequestContext& request, const Decision& decision, std::string_view resource,
                         const Caller& caller, Timestamp now);

}  // namespace coffer::access
