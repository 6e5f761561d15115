#pragma once
// Users and roles by ARN and by unique id, for policies that mean them.

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/access/bound_principals.hpp"
#include "daemon/iam/records.hpp"

namespace coffer::iam {

/// Those of `records`, which must outlive it. Ids are put in order when the first one is looked for. Used by
/// one thread.
class PrincipalIndex final : public access::PrincipalNames {
public:
    PrincipalIndex(const Records& records, std::string account)
        : records_(records), account_(std::move(account)) {}

    [[nodiscard]] std::optional<std::string> id_of(std::string_view arn) const override;
    [[nodiscard]] std::optional<std::string> arn_of(std::string_view id) const override;
    /// The same of the one who has the id, or of nobody.
    [[nodiscard]] std::optional<std::string> arn_of(const std::optional<IamKey>& owner) const;
    /// Who has that unique id; nothing: nobody who is believed.
    [[nodiscard]] std::optional<IamKey> find(std::string_view id) const;
    /// Whether every user and role is believed. Of one that is not, the id is not known: one that nobody has
    /// may be that.
    [[nodiscard]] bool is_whole() const;

private:
    const Records& records_;
    std::string account_;
    mutable std::optional<std::map<std::string, IamKey, std::less<>>> by_id_;
};

/// Whom the ARNs of a policy mean now. There is no policy but one that check_policy() takes.
[[nodiscard]] PrincipalIds bind_policy(const std::string& text, access::DocumentKind kind,
                                       const access::PrincipalNames& names);

/// The role's trust policy as it is shown: with the ARNs that principals have now, or their ids.
[[nodiscard]] std::string shown_trust(const Role& role, const PrincipalIndex& index);

}  // namespace coffer::iam
