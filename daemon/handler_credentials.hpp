#pragma once
// Credentials for handlers of rotation functions: sessions of roles, each of them an event of the journal.

#include <string>

#include "daemon/iam/directory_keeper.hpp"
#include "daemon/rotation/role_credentials.hpp"
#include "daemon/rotation/stored_values.hpp"
#include "daemon/sts/session_tokens.hpp"

namespace coffer::daemon {

/// Thread-safe.
class HandlerCredentials final : public rotation::RoleCredentials {
public:
    /// All that is referred to must outlive it.
    HandlerCredentials(rotation::RotationParts parts, const iam::DirectoryKeeper& keeper,
                       const sts::SessionTokens& tokens)
        : parts_(std::move(parts)), keeper_(keeper), tokens_(tokens) {}

    /// Good for what is left until `deadline` and half a minute, but for one minute at least and fifteen at
    /// most.
    [[nodiscard]] rotation::StepCredentials issue(const std::string& role, const std::string& session,
                                                  Deadline deadline) override;
    [[nodiscard]] std::string refusal_of(const std::string& role, const std::string& session) override;

private:
    const rotation::RotationParts parts_;
    const iam::DirectoryKeeper& keeper_;
    const sts::SessionTokens& tokens_;
};

}  // namespace coffer::daemon
