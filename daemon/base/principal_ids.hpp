#pragma once
// Whom the ARNs in a policy's Principal and NotPrincipal meant when the policy was put.

#include <map>
#include <string>

namespace coffer {

/// From an ARN, as the policy says it, to the unique id ("AIDA...", "AROA...") of the user or role that had
/// this ARN when the policy was put; empty: nobody had it. An ARN that is not in it is matched as it stands:
/// those of other accounts, of sessions, and all of policies that were put before ids were kept.
using PrincipalIds = std::map<std::string, std::string>;

}  // namespace coffer
