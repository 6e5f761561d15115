#pragma once
// The condition keys that every request of a caller has, whatever it asks for.

#include "daemon/access/caller.hpp"
#include "daemon/access/request_context.hpp"
#include "daemon/base/time.hpp"

namespace coffer::access {

/// Sets aws:CurrentTime and aws:EpochTime (to `now`), aws:SourceIp, aws:SourceVpce (the listener's name),
/// aws:SecureTransport (always true: there is no plaintext door), aws:UserAgent (absent when the client calls
/// itself nothing), coffer:Protocol, aws:TokenIssueTime and aws:SourceIdentity (of temporary credentials),
/// and coffer:CertificateIssuer (absent where the caller was not known by a certificate).
void set_caller_keys(RequestContext& request, const Caller& caller, Timestamp now);

}  // namespace coffer::access
