#pragma once
// Whether the principals that policies name are there.

#include <optional>
#include <string>
#include <vector>

#include "daemon/access/document.hpp"
#include "daemon/access/findings.hpp"
#include "daemon/iam/principal_index.hpp"

namespace coffer::iam {

/// The name of the role that an ARN of a role or of one of its sessions is about; empty for any other.
[[nodiscard]] std::string role_meant(const std::string& arn);

/// A policy and whom its principals' ARNs mean.
struct BoundDocument {
    const access::PolicyDocument& document;
    const PrincipalIds& ids;
};

/// The users and roles of this account. Refers to the records, which must outlive it. Used by one thread.
class KnownPrincipals {
public:
    KnownPrincipals(const Records& records, std::string account);

    /// Of a trust policy or a secret's own policy: UNKNOWN_PRINCIPAL for each user and role that it names and
    /// that is not there, PRINCIPAL_BY_NAME for who is there and is matched by no more than the ARN,
    /// PRINCIPAL_NOT_BOUND for who was made after the policy was put. Only of this account can it be said.
    /// One that is there and not believed counts as there.
    [[nodiscard]] std::vector<access::Finding> problems_of(const BoundDocument& policy) const;
    /// The name of the role that a principal of the policy means, or a session of which it means; empty for
    /// others.
    [[nodiscard]] std::string role_of(const std::string& principal, const PrincipalIds& ids) const;

private:
    struct Problem {
        access::Severity severity = access::Severity::warning;
        const char* code = "UNKNOWN_PRINCIPAL";
        std::string message;
        const char* advice = "";
    };
    [[nodiscard]] std::optional<Problem> problem_of(const BoundDocument& policy,
                                                    const access::StatementDocument& statement,
                                                    const std::string& named) const;
    [[nodiscard]] bool has(const std::string& principal) const;
    [[nodiscard]] bool has_id(const std::string& id) const;
    template <class Record>
    [[nodiscard]] bool has_named(const std::string& name, const std::string& arn) const;

    const Records& records_;
    std::string account_;
    PrincipalIndex index_;
};

}  // namespace coffer::iam
