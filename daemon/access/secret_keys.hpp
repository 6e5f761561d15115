#pragma once
// The condition keys that a request has because of the secret that it is for. One place for the requests that
// are decided and for the questions about them.

#include <optional>
#include <string>
#include <string_view>

#include "daemon/access/request_context.hpp"

namespace coffer::access {

/// Sets secretsmanager:SecretId (the complete ARN, however the request spelt it),
/// secretsmanager:SecretPrimaryRegion (the ARN's region: there are no replicas) and, where the secret has a
/// rotation function, secretsmanager:resource/AllowRotationLambdaArn.
void set_secret_keys(RequestContext& request, std::string_view arn,
                     const std::optional<std::string>& rotation_function);

}  // namespace coffer::access
