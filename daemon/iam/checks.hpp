#pragma once
// What a record must keep before it is stored, beyond what the schema checks in one message. Each function
// throws ServiceError with AWS's name for the case. Pure.

#include <string>
#include <string_view>
#include <vector>

#include "daemon/access/document.hpp"
#include "daemon/iam/records.hpp"

namespace coffer::iam {

/// A policy document of that kind; MalformedPolicyDocument with the place of the mistake.
void check_policy(std::string_view text, access::DocumentKind kind);

/// The inline policies of one user, group or role: each of them, and their size together.
void check_inline_policies(const User& user);
void check_inline_policies(const Group& group);
void check_inline_policies(const Role& role);

/// At most 50, no key twice (by case), none that begins with "aws:".
void check_tags(const std::vector<Tag>& tags);
/// `tags` with `added` put in: a key that is there gets the new value.
[[nodiscard]] std::vector<Tag> with_tags(std::vector<Tag> tags, const std::vector<Tag>& added);
/// Those whose key is none of `keys`, whose case does not matter.
[[nodiscard]] std::vector<Tag> without_tags(std::vector<Tag> tags, const std::vector<std::string>& keys);

/// The identities of `owner`: each valid, none twice, and none that another principal has already with the
/// same issuer or where one of both asks for no issuer: both would match the same certificate.
void check_identities(const Records& records, const IamKey& owner, const std::vector<Identity>& identities);

/// Managed policies that `holder` has attached exist, none twice, not more than there may be.
void check_attached(const Records& records, std::string_view account, std::string_view holder,
                    const std::vector<std::string>& attached);
/// The managed policy that a boundary names.
void check_boundary(const Records& records, std::string_view account,
                    const std::optional<std::string>& boundary);
/// The groups that a user is in.
void check_groups(const Records& records, const std::vector<std::string>& groups);

/// Whether there is a managed policy of that ARN, built-in ones included.
[[nodiscard]] bool policy_exists_at(const Records& records, std::string_view account, std::string_view arn);

/// A record of that name, but for the case of its letters, is there already.
template <class Record>
[[nodiscard]] bool name_taken(const Records& records, std::string_view name);
extern template bool name_taken<User>(const Records&, std::string_view);
extern template bool name_taken<Group>(const Records&, std::string_view);
extern template bool name_taken<Role>(const Records&, std::string_view);
extern template bool name_taken<ManagedPolicy>(const Records&, std::string_view);
extern template bool name_taken<ListenerPolicy>(const Records&, std::string_view);

/// Throws over_quota() when there are as many of them as there may be.
void check_count(const Records& records, IamKind kind);

/// What Expires means: nothing for "" and "never".
[[nodiscard]] std::optional<Timestamp> read_expiry(const std::string& text);

/// The moment that a text like "2026-12-31T00:00:00Z" means.
[[nodiscard]] Timestamp read_time(std::string_view member, const std::string& text);

}  // namespace coffer::iam
