#pragma once
// What every way to begin a session of a role has in common.

#include <boost/json/object.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "coffer/v1/sts.pb.h"
#include "daemon/access/session.hpp"
#include "daemon/iam/directory.hpp"
#include "daemon/iam/errors.hpp"
#include "daemon/iam/records.hpp"
#include "daemon/sts/session_tokens.hpp"

namespace coffer::sts {

/// DurationSeconds where the request has none.
inline constexpr std::int64_t kDefaultRoleSeconds = 3'600;

/// The role that an ARN names; null when there is none that is believed, which the caller is not told. Throws
/// ServiceError for what is no role's ARN.
[[nodiscard]] const iam::Role* find_role(const iam::Directory& directory, const std::string& arn);

/// Throws ServiceError when one of the keys is none of the tags'.
void check_transitive_keys(const std::vector<std::string>& keys, const std::vector<access::Tag>& tags);

/// Takes the session policies of a request, AssumeRole's or another's. Throws ServiceError for one that is
/// malformed, or not there.
template <class Request>
void set_policies(const Request& request, const iam::Directory& directory, access::Session& session);
extern template void set_policies(const v1::AssumeRoleRequest&, const iam::Directory&, access::Session&);
extern template void set_policies(const v1::AssumeRoleWithWebIdentityRequest&, const iam::Directory&,
                                  access::Session&);

/// Why no session of the role can begin now; empty when one can.
[[nodiscard]] std::string suspension_of_role(const iam::Directory& directory, const iam::Role& role,
                                             Timestamp now);

/// Throws ServiceError for a duration beyond the role's most.
void require_duration(const iam::Role& role, std::int64_t seconds);

/// How much of the room for session policies and tags is used, in per cent, rounded up. Throws ServiceError
/// (PACKED_POLICY_TOO_LARGE) beyond that.
[[nodiscard]] std::int64_t require_room(const access::Session& session);

void put_credentials(const NewSession& made, v1::SessionCredentials& message);
void put_role_user(const iam::Directory& directory, const iam::Role& role, const access::Session& session,
                   v1::AssumedRoleUser& message);

/// What the event says of new credentials (neither secret nor token), and of whose they are.
[[nodiscard]] boost::json::object shown_credentials(const access::Session& session);
[[nodiscard]] boost::json::object shown_user(const v1::AssumedRoleUser& user);

}  // namespace coffer::sts
