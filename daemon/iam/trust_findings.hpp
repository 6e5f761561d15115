#pragma once
// What is questionable about who may assume which role, seen over all roles together; a part of `coffer iam
// lint`.

#include <string>
#include <vector>

#include "daemon/access/findings.hpp"
#include "daemon/iam/known_principals.hpp"
#include "daemon/iam/records.hpp"

namespace coffer::iam {

struct TrustFinding {
    /// ARN of the role.
    std::string role;
    access::Finding finding;
};

/// Principals of this account that trust policies name and that are not there (UNKNOWN_PRINCIPAL), and roles
/// whose sessions may assume each other in a circle (CYCLIC_TRUST), so that a session can be renewed without
/// end. Trust policies that are malformed are left out. Linear in the policies; for each role, in the trust
/// among roles.
[[nodiscard]] std::vector<TrustFinding> find_trust_problems(const Records& records,
                                                            const KnownPrincipals& known,
                                                            const std::string& account);

}  // namespace coffer::iam
