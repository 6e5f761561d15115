#include "daemon/access/administrators.hpp"

namespace coffer::access {

void Administrators::require(const Caller& caller, std::string_view action, std::string_view resource) const {
    if (includes(caller.principal)) return;
    throw AccessDenied(
        "User: " + caller.principal + " is not authorized to perform: secretsmanager:" + std::string(action) +
        " on resource: " + std::string(resource) +
        " because no identity-based policy allows the secretsmanager:" + std::string(action) + " action");
}

}  // namespace coffer::access
