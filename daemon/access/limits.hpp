#pragma once
// How large policies may be. The numbers are AWS's (IAM quotas; Secrets Manager PutResourcePolicy; VPC
// endpoint policies), except where a comment says that they are ours.

#include <cstddef>

namespace coffer::access {

/// Characters of a secret's resource policy, white space included (PutResourcePolicy, ResourcePolicy).
inline constexpr std::size_t kMaxResourcePolicyCharacters = 20'480;
/// Characters of a listener's policy, white space included (VPC endpoint policy).
inline constexpr std::size_t kMaxListenerPolicyCharacters = 20'480;
/// Characters of a managed policy, also of a boundary, without white space between tokens (IAM quotas).
inline constexpr std::size_t kMaxManagedPolicyCharacters = 6'144;
/// Characters of all inline policies together, without white space, of a user, a group, a role (IAM quotas).
inline constexpr std::size_t kMaxInlineUserPolicyCharacters = 2'048;
inline constexpr std::size_t kMaxInlineGroupPolicyCharacters = 5'120;
inline constexpr std::size_t kMaxInlineRolePolicyCharacters = 10'240;
/// Characters of a role's trust policy, without white space (IAM quotas).
inline constexpr std::size_t kMaxTrustPolicyCharacters = 2'048;
/// Characters of an inline session policy, without white space (STS AssumeRole, Policy).
inline constexpr std::size_t kMaxSessionPolicyCharacters = 2'048;
/// Bytes of any document, white space included; checked before anything is parsed (IAM's PolicyDocument
/// member).
inline constexpr std::size_t kMaxDocumentBytes = 131'072;

/// Objects and lists inside each other. Ours: the language needs five.
inline constexpr std::size_t kMaxJsonDepth = 16;
/// Characters of a condition key. Ours; a tag key has at most 128 characters.
inline constexpr std::size_t kMaxConditionKeyCharacters = 256;

}  // namespace coffer::access
