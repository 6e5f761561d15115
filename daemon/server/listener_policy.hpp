#pragma once
// The policy of a listener: what may be done through it, whatever else allows it. Read from a file at the
// start and at each reload; requests see the newest, also on connections that are open.

#include <filesystem>
#include <mutex>
#include <string>

#include "daemon/access/policy.hpp"
#include "daemon/base/errors.hpp"

namespace coffer::server {

/// The file cannot be read or is no listener policy. `what()` names the file, the reason, and the place in
/// it.
class ListenerPolicyError : public Error {
public:
    using Error::Error;
};

/// Reads and compiles `file`. `name` is how decisions call the policy: the listener's ARN. Throws
/// ListenerPolicyError.
[[nodiscard]] access::PolicyPtr load_listener_policy(const std::filesystem::path& file, std::string name);

/// The policy that is in force; null where a listener has none. Thread-safe.
class ListenerPolicy {
public:
    [[nodiscard]] access::PolicyPtr get() const {
        const std::lock_guard lock(mutex_);
        return policy_;
    }
    void set(access::PolicyPtr policy) {
        const std::lock_guard lock(mutex_);
        policy_ = std::move(policy);
    }

private:
    mutable std::mutex mutex_;
    access::PolicyPtr policy_;
};

}  // namespace coffer::server
