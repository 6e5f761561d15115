#include "client/role_session.hpp"

namespace coffer::client {

std::optional<std::string> RoleSession::token() const {
    const std::lock_guard lock(mutex_);
    if (token_.empty() || std::chrono::steady_clock::now() >= good_until_) return std::nullopt;
    return token_;
}

void RoleSession::keep(const v1::AssumeRoleResponse& response, Deadline asked) {
    const std::lock_guard lock(mutex_);
    token_ = response.credentials().session_token();
    good_until_ = asked + kLength - kRenewBefore;
}

void RoleSession::forget(const std::string& token) {
    const std::lock_guard lock(mutex_);
    if (token_ == token) token_.clear();
}

}  // namespace coffer::client
