#pragma once
// The rotation functions that the configuration names.

#include <memory>
#include <string>
#include <vector>

#include "daemon/base/time.hpp"
#include "daemon/certificate_parts.hpp"
#include "daemon/rotation/function_set.hpp"
#include "daemon/rotation/role_credentials.hpp"
#include "daemon/server/config.hpp"

namespace coffer::daemon {

/// `credentials` are those of handlers. `clock` and `certificates` must outlive what is made. Throws Error
/// that names the function and what is wrong with it.
[[nodiscard]] rotation::FunctionSet rotation_functions(const server::Config& config, const Clock& clock,
                                                       std::shared_ptr<rotation::RoleCredentials> credentials,
                                                       CertificateBasis certificates);

/// What rotation_functions() and rotation_restraints() refuse, as far as it shows without a connection and
/// without the token; empty when that is nothing.
[[nodiscard]] std::vector<std::string> rotation_problems(const server::Config& config, Timestamp now);

}  // namespace coffer::daemon
