#include "daemon/secrets/authorizer.hpp"

#include <string>

#include "daemon/access/administrators.hpp"
#include "daemon/access/evaluation.hpp"

namespace coffer::secrets {

using access::Key;

void Authorizer::require(const access::Caller& caller, std::string_view action,
                         std::string_view resource) const {
    const auto known = access::find_action("secretsmanager:" + std::string(action));
    if (!caller.rights || !known)
        throw access::AccessDenied("The caller is not known, or the action is not.");
    access::RequestContext request(caller.rights->principal, *known, std::string(resource));
    request.set_time(clock_.now());
    request.set(Key::source_ip, caller.source_address);
    request.set(Key::source_vpce, caller.listener);
    request.set_boolean(Key::secure_transport, true);
    const auto decision = access::decide(request, caller.rights->with(nullptr, nullptr));
    if (!decision.allowed()) throw access::AccessDenied(access::denial_message(request, decision, resource));
}

}  // namespace coffer::secrets
