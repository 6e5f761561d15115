#include "daemon/access/denial.hpp"

#include "daemon/access/access_denied.hpp"
#include "daemon/access/caller_keys.hpp"

namespace coffer::access {
namespace {

bool may_know(const Caller& caller, Timestamp now) {
    RequestContext request(caller.rights->principal, Action::iam_simulate_principal_policy, "*");
    set_caller_keys(request, caller, now);
    return decide(request, caller.policies(nullptr)).allowed();
}

}  // namespace

void refuse(const RequestContext& request, const Decision& decision, std::string_view resource,
            const Caller& caller, Timestamp now) {
    auto message = denial_message(request, decision, resource);
    // Without a policy nothing decided but that none allowed, which the message says.
    if (decision.policy != nullptr && may_know(caller, now)) message += ": " + describe(decision);
    throw AccessDenied(message);
}

}  // namespace coffer::access
