#pragma once
// Decides what a caller may do, by its own policies.

#include <string_view>

#include "daemon/access/caller.hpp"
#include "daemon/base/time.hpp"

namespace coffer::secrets {

/// Thread-safe.
class Authorizer {
public:
    explicit Authorizer(const Clock& clock) : clock_(clock) {}

    /// Throws access::AccessDenied unless `caller` may perform `action` ("GetSecretValue") on `resource` (an
    /// ARN, the SecretId as typed when it resolved to nothing, or "*").
    void require(const access::Caller& caller, std::string_view action, std::string_view resource) const;

private:
    const Clock& clock_;
};

}  // namespace coffer::secrets
