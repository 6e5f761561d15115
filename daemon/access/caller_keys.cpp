#include "daemon/access/caller_keys.hpp"

namespace coffer::access {

void set_caller_keys(RequestContext& request, const Caller& caller, Timestamp now) {
    request.set_time(now);
    request.set(Key::source_ip, caller.source_address);
    request.set(Key::source_vpce, caller.listener);
    request.set_boolean(Key::secure_transport, true);
    request.set(Key::coffer_protocol, protocol_text(caller.protocol));
    if (caller.peer && !caller.peer->user_agent.empty()) {
        request.set(Key::user_agent, caller.peer->user_agent);
    }
    if (caller.session) {
        request.set(Key::token_issue_time, format_iso_time(caller.session->issued));
        if (!caller.session->source_identity.empty()) {
            request.set(Key::source_identity, caller.session->source_identity);
        }
    }
    if (caller.certificate) request.set(Key::coffer_certificate_issuer, caller.certificate->issuer);
}

}  // namespace coffer::access
