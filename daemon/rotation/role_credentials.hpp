#pragma once
// Temporary credentials for a rotation function's handler. What issues them is wired in by the daemon.

#include <string>

#include "crypto/secret_bytes.hpp"
#include "daemon/base/time.hpp"

namespace coffer::rotation {

struct StepCredentials {
    std::string access_key_id;
    crypto::SecretBytes secret_access_key;
    crypto::SecretBytes session_token;
};

/// Thread-safe.
class RoleCredentials {
public:
    virtual ~RoleCredentials() = default;
    /// Of a session of `role` (its name) that is called `session`, for what is left of the step and a little
    /// more. Throws StepFailed when the role is not there, does not trust functions, or may not be used now.
    [[nodiscard]] virtual StepCredentials issue(const std::string& role, const std::string& session,
                                                Deadline deadline) = 0;
    /// Why there would be none; empty when there would be some. Issues nothing.
    [[nodiscard]] virtual std::string refusal_of(const std::string& role, const std::string& session) = 0;
};

}  // namespace coffer::rotation
