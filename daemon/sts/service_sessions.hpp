#pragma once
// Sessions of roles that a part of the service begins for itself, as AWS Lambda does to run a function: the
// role's trust policy must name the service under "Service".

#include <chrono>
#include <string>

#include "daemon/base/errors.hpp"
#include "daemon/iam/directory.hpp"
#include "daemon/sts/session_tokens.hpp"

namespace coffer::sts {

/// No session of the role begins; `what()` says why, and what to do.
class RoleRefused : public Error {
public:
    using Error::Error;
};

struct ServiceSession {
    /// Name of the role.
    std::string role;
    /// "lambda.amazonaws.com".
    std::string service;
    /// 2 to 64 characters of A-Z a-z 0-9 + = , . @ _ -; what else is in it becomes '-'.
    std::string session_name;
    /// From a second on; the caller's matter.
    std::chrono::seconds duration{900};
};

/// Throws RoleRefused when there is no such role, it does not trust the service, or it may do nothing now.
void require_role_for(const iam::Directory& directory, const ServiceSession& wanted, Timestamp now);

/// Makes credentials of the role. They are good at the AWS endpoint alone: over the native protocol a session
/// belongs to a certificate, and this one to none. Throws RoleRefused as require_role_for does, and
/// Unavailable while there are no keys for sessions.
[[nodiscard]] NewSession begin_service_session(const iam::Directory& directory, const SessionTokens& tokens,
                                               const ServiceSession& wanted, Timestamp now);

}  // namespace coffer::sts
