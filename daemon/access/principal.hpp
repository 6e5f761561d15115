#pragma once
// Who makes a request, as policies see it.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace coffer::access {

/// A tag of a principal, a resource or a request.
struct Tag {
    std::string key;
    std::string value;

    [[nodiscard]] bool operator==(const Tag&) const = default;
};

/// The kinds of principal; aws:PrincipalType has their names.
enum class PrincipalType : std::uint8_t {
    /// The account itself (its root user).
    account,
    user,
    /// A session of a role. In Coffer also a program that a certificate maps to a role directly.
    assumed_role,
    /// A session that a user began for somebody else, and a caller that an identity provider vouches for, who
    /// wants to assume a role.
    federated_user,
    /// A part of the service itself, e.g. "secretsmanager.amazonaws.com" when it rotates.
    service
};

/// "Account", "User", "AssumedRole", "FederatedUser", "Service".
[[nodiscard]] std::string_view principal_type_name(PrincipalType type) noexcept;

/// Plain data; the front door that authenticated the caller fills it in.
struct Principal {
    PrincipalType type = PrincipalType::user;
    /// "arn:aws:iam::111122223333:user/alice", "arn:aws:sts::111122223333:assumed-role/app/session",
    /// "arn:aws:iam::111122223333:root". Empty for a service.
    std::string arn;
    /// For a session: the ARN of the role, or of the user, that it was made from. Empty otherwise. A role's
    /// session has it as aws:PrincipalArn, as in AWS.
    std::string issuer_arn;
    /// Twelve digits; empty for a service.
    std::string account;
    /// aws:userid: "AIDA...", "AROA...:session", the account's id for the root user.
    std::string id;
    /// aws:username; only users have one. For a service its name.
    std::string name;
    /// Trusted identity provider of a federated caller, as a trust policy names it under "Federated".
    std::string federated_provider;
    std::vector<Tag> tags;
    /// Names of the groups that a user is in.
    std::vector<std::string> groups;
};

using PrincipalPtr = std::shared_ptr<const Principal>;

}  // namespace coffer::access
