#pragma once
// Policies to findings, in an answer to LintPolicies.

#include <string>

#include "coffer/v1/iam.pb.h"
#include "daemon/access/document.hpp"
#include "daemon/access/findings.hpp"
#include "daemon/iam/known_principals.hpp"
#include "daemon/iam/work.hpp"

namespace coffer::iam {

/// Adds findings to a response. Used by one thread; what it is made of must outlive it.
class PolicyLinter {
public:
    PolicyLinter(const Work& work, v1::LintPoliciesResponse& response);

    /// Everything that is not a secret's own policy: what is not believed, managed and inline policies, trust
    /// policies, listeners, and who is refused everything.
    void check_principals();
    /// A secret's own policy; it must have one.
    void check_secret(const storage::StoredSecret& secret);

    void add(const std::string& policy, const access::Finding& finding);
    /// An error that is about no statement.
    void add(const std::string& about, const std::string& code, const std::string& what,
             const std::string& advice);

private:
    void check(const std::string& policy, const std::string& text, access::DocumentKind kind);
    template <class Record>
    void check_inline(const Table<Record>& table);
    template <class Record>
    void check_standing(const Table<Record>& table);

    const Work& work_;
    v1::LintPoliciesResponse& response_;
    access::FindingOptions options_;
    KnownPrincipals known_;
};

}  // namespace coffer::iam
