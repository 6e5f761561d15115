#pragma once
// The principals that a configuration line names: they may do everything, nobody else anything. What stands
// in for a directory of principals. Pure: no I/O, no clock.

#include <set>
#include <string>

#include "daemon/access/rights.hpp"

namespace coffer::access {

/// Immutable; thread-safe.
class Administrators {
public:
    /// `account` is the node's: all its callers are of that account.
    Administrators(std::set<std::string> principals, std::string account);

    /// What the caller brings: a policy that allows everything, or none. The principal's name is its ARN.
    [[nodiscard]] RightsPtr rights_of(const std::string& principal) const;

private:
    std::set<std::string> principals_;
    std::string account_;
    PolicyPtr everything_;
};

}  // namespace coffer::access
