#pragma once
// AssumeRoleWithWebIdentity: a session of a role for somebody whom an identity provider vouches for. Source:
// STS API reference, AssumeRoleWithWebIdentity; IAM user guide, "Available keys for AWS OIDC federation".

#include "coffer/v1/sts.pb.h"
#include "daemon/access/principal.hpp"
#include "daemon/access/request_context.hpp"
#include "daemon/sts/identity_providers.hpp"
#include "daemon/sts/operations.hpp"

namespace coffer::sts {

/// Who asks, as trust policies see it: FederatedUser of this account, without ARN, with the provider's ARN
/// under "Federated".
[[nodiscard]] access::Principal principal_of(const WebIdentity& identity, const std::string& account);

/// The provider's condition keys, NAME:CLAIM: each claim that is text, truth or a list of texts. As in AWS,
/// NAME:aud is `azp` where the token has one, and then NAME:oaud is `aud`.
void set_identity_keys(access::RequestContext& context, const WebIdentity& identity);

/// Begins a session of a role. Its trust policy alone decides, over sts:AssumeRoleWithWebIdentity and, where
/// the token has session tags or a source identity, over sts:TagSession and sts:SetSourceIdentity; listeners'
/// policies limit as always. Throws ServiceError, or access::AccessDenied in AWS's few words, also when there
/// is no such role.
[[nodiscard]] v1::AssumeRoleWithWebIdentityResponse assume_role_with_web_identity(
    const StsWork& work, const v1::AssumeRoleWithWebIdentityRequest& request, const WebIdentity& identity);

}  // namespace coffer::sts
