#pragma once
// What the operations of STS mean. Each authorizes itself, and throws ServiceError with STS's name for what
// the caller did wrong, or access::AccessDenied.

#include "coffer/v1/sts.pb.h"
#include "daemon/base/time.hpp"
#include "daemon/iam/directory.hpp"
#include "daemon/secrets/call_context.hpp"
#include "daemon/sts/session_tokens.hpp"

namespace coffer::sts {

/// What an operation works with. All must outlive it.
struct StsWork {
    const iam::Directory& directory;
    const SessionTokens& tokens;
    const secrets::CallContext& call;
    Timestamp now;
};

/// Begins a session of a role. The caller needs sts:AssumeRole, by the role's trust policy and, unless that
/// names him himself, by his own; sts:TagSession and sts:SetSourceIdentity the same way where the session has
/// tags of its own or a source identity.
[[nodiscard]] v1::AssumeRoleResponse assume_role(const StsWork& work, const v1::AssumeRoleRequest& request);

/// Who asks. Needs no right, and no policy can deny it.
[[nodiscard]] v1::GetCallerIdentityResponse get_caller_identity(const StsWork& work,
                                                                const v1::GetCallerIdentityRequest& request);

/// Temporary credentials of the user who asks. Needs no right; a session cannot get them.
[[nodiscard]] v1::GetSessionTokenResponse get_session_token(const StsWork& work,
                                                            const v1::GetSessionTokenRequest& request);

}  // namespace coffer::sts
