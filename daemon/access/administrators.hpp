#pragma once
// Who may do what, until policies exist: the principals that a configuration line names may do everything,
// nobody else anything. Pure: no I/O, no clock.

#include <set>
#include <string>
#include <string_view>

#include "daemon/access/caller.hpp"
#include "daemon/base/errors.hpp"

namespace coffer::access {

/// AWS's AccessDeniedException, with its text.
class AccessDenied : public Error {
public:
    using Error::Error;
};

/// Immutable; thread-safe.
class Administrators {
public:
    explicit Administrators(std::set<std::string> principals) : principals_(std::move(principals)) {}

    [[nodiscard]] bool includes(const std::string& principal) const {
        return principals_.contains(principal);
    }

    /// Throws AccessDenied unless `caller` may perform `action` ("GetSecretValue") on `resource` (an ARN, the
    /// SecretId as typed when it resolved to nothing, or "*").
    void require(const Caller& caller, std::string_view action, std::string_view resource) const;

private:
    std::set<std::string> principals_;
};

}  // namespace coffer::access
