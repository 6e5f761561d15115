#pragma once
// The role that the configuration names, assumed: its session token, until shortly before it expires. (Not
// installed.)

#include <chrono>
#include <mutex>
#include <optional>
#include <string>

#include "coffer/v1/frame.pb.h"
#include "daemon/base/time.hpp"

namespace coffer::client {

/// Thread-safe.
class RoleSession {
public:
    /// How long a session is asked for, which every role allows, and how long before its end another is.
    static constexpr std::chrono::seconds kLength{3'600};
    static constexpr std::chrono::seconds kRenewBefore{300};

    /// The token, if there is one that will last a while.
    [[nodiscard]] std::optional<std::string> token() const;

    /// Keeps what AssumeRole answered to a question that was asked at `asked`.
    void keep(const v1::AssumeRoleResponse& response, Deadline asked);

    /// Forgets `token`, which was refused as expired: another is got for the next call.
    void forget(const std::string& token);

private:
    mutable std::mutex mutex_;
    std::string token_;
    Deadline good_until_{};
};

}  // namespace coffer::client
