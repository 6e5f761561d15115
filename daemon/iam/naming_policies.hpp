#pragma once
// The policies that name a user or a role as a principal by no more than the ARN: secrets' own and trust
// policies that were put before unique ids were kept, or while nobody had the ARN, and stored policies of
// listeners. They follow the ARN and not whoever has it, so whoever gives up an ARN, or gets it, has to be
// told of them. So do ARNs of a role's sessions, in any policy.

#include <google/protobuf/repeated_ptr_field.h>

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "daemon/iam/work.hpp"
#include "storage/secret_repository.hpp"

namespace coffer::iam {

/// A user or a role as Principal and NotPrincipal name it.
struct PrincipalName {
    std::string arn;
    /// What the ARNs of a role's sessions begin with; empty for a user.
    std::string sessions{};

    /// Whether `principal`, an ARN of a policy, is it or one of its sessions. By case, as decisions compare.
    [[nodiscard]] bool is(std::string_view principal) const noexcept;
};

[[nodiscard]] PrincipalName principal_name(const std::string& account, const User& user);
[[nodiscard]] PrincipalName principal_name(const std::string& account, const Role& role);
/// Of one that is not believed or not there.
[[nodiscard]] PrincipalName principal_name(const std::string& arn);

/// What was found about one of them.
struct NamingPolicies {
    static constexpr std::size_t kMostShown = 5;
    /// "the resource policy of secret app/db", "the trust policy of role app"; one more than are shown when
    /// there are more. What they say holds for whoever has the ARN.
    std::vector<std::string> policies;
    /// The same of those that were put while nobody had the ARN, and give whoever is named something: nobody
    /// gets it.
    std::vector<std::string> idle;
    /// The same of those that mean who had the ARN before, and is gone.
    std::vector<std::string> before;

    [[nodiscard]] bool none() const noexcept { return policies.empty(); }
};

/// "the trust policy of role app, the resource policy of secret app/db and others"
[[nodiscard]] std::string policies_text(const std::vector<std::string>& policies);

struct NamingSearch {
    /// In the order of what was asked for.
    std::vector<NamingPolicies> found;
    /// Policies that may name one of them and could not be looked at, with the reason; a few.
    std::vector<std::string> unreadable;
};

/// The policies that name each of `principals`: those of `records` that do so in `after` as well, and, where
/// `work` has a database, those of secrets, also of secrets that are scheduled for deletion. Policies are
/// parsed, whatever escapes their JSON has. A secret's row counts as it stands for whether it is looked at,
/// and is believed only under its seal.
[[nodiscard]] NamingSearch find_naming_policies(Work& work, const Records& records, const Records& after,
                                                const std::vector<PrincipalName>& principals);

/// Calls `visit` with the secrets that SecretRepository::list_with_policy_about() finds for `texts`, page by
/// page, until it answers that it has enough.
void visit_secrets_about(
    storage::ReadTransaction& tx, const std::vector<std::string>& texts,
    const std::function<bool(std::vector<storage::SecretRepository::WithPolicy>&)>& visit);

/// Throws ServiceError when a policy names `from` or `to`, one of which is a user's ARN and the other what it
/// is to be: the user would shed what is said of him, or take over what is said of another.
void require_not_named(Work& work, const PrincipalName& from, const PrincipalName& to);

/// Principals that get an ARN, and that give one up.
struct ChangedNames {
    std::vector<PrincipalName> made;
    /// Made in the place of one that was not believed: with an id of its own.
    std::vector<PrincipalName> repaired{};
    std::vector<PrincipalName> gone;
};

/// A warning for each that is named by policies: of `made` by those that were there before the change and
/// name it after it, of `repaired` by those that mean the one before, of `gone` by those that are there after
/// it. Told in `answer` and in the request's event.
void warn_of_naming_policies(Work& work, const ChangedNames& names,
                             google::protobuf::RepeatedPtrField<std::string>& answer);

}  // namespace coffer::iam
