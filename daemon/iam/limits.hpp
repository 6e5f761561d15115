#pragma once
// How much there may be of everything. The numbers are AWS's quotas (IAM and STS quotas; defaults, where they
// can be raised), except where a comment says that they are ours. Those of policies' sizes are in
// access/limits.hpp.

#include <cstddef>

namespace coffer::iam {

inline constexpr std::size_t kMaxUsers = 5'000;
inline constexpr std::size_t kMaxGroups = 300;
inline constexpr std::size_t kMaxRoles = 1'000;
inline constexpr std::size_t kMaxPolicies = 1'500;

/// Groups that one user is in.
inline constexpr std::size_t kMaxGroupsOfUser = 10;
/// Access keys of one user.
inline constexpr std::size_t kMaxAccessKeys = 2;
/// Managed policies attached to one user, group or role.
inline constexpr std::size_t kMaxAttachedPolicies = 10;
/// Versions of one managed policy.
inline constexpr std::size_t kMaxPolicyVersions = 5;
/// Tags of one user, role or policy.
inline constexpr std::size_t kMaxTags = 50;
/// Characters.
inline constexpr std::size_t kMaxTagKey = 128;
inline constexpr std::size_t kMaxTagValue = 256;

/// Policies of listeners. Ours.
inline constexpr std::size_t kMaxListenerPolicies = 100;

/// Certificate identities of one user or role. Ours.
inline constexpr std::size_t kMaxIdentities = 100;
/// Bytes of an identity's value or issuer. Ours: the length that SPIFFE implementations must support.
inline constexpr std::size_t kMaxIdentityBytes = 2'048;

}  // namespace coffer::iam
