#pragma once
// Rights of callers whose policies are not what a test is about.

#include <memory>
#include <string>

#include "daemon/access/rights.hpp"

namespace coffer::test {

/// Of a caller whose name is its ARN: one whose name ends in "admin" may do everything, others nothing.
[[nodiscard]] inline access::RightsPtr usual_rights(const std::string& principal,
                                                    const std::string& account) {
    access::Rights rights;
    rights.principal.arn = rights.principal.id = rights.principal.name = principal;
    rights.principal.account = account;
    if (principal.ends_with("admin")) {
        rights.identity.push_back(access::Policy::parse(
            R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]})",
            "administrators", {.kind = access::DocumentKind::identity}));
    }
    return std::make_shared<const access::Rights>(std::move(rights));
}

}  // namespace coffer::test
