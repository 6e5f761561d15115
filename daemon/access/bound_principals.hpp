#pragma once
// The users and roles of a policy by their unique ids, as AWS keeps them: who is deleted and made again under
// his name is somebody else. Source: "AWS JSON policy elements: Principal" (IAM role principals, IAM user
// principals); "IAM identifiers" (unique identifiers).

#include <optional>
#include <string>
#include <string_view>

#include "daemon/access/document.hpp"
#include "daemon/base/principal_ids.hpp"

namespace coffer::access {

/// The users and roles of this account at one moment. Used by one thread.
class PrincipalNames {
public:
    virtual ~PrincipalNames() = default;
    /// The unique id of the user or role that has this ARN; empty: nobody has, or nobody who is believed.
    /// Nothing when it is no ARN of a user or role of this account.
    [[nodiscard]] virtual std::optional<std::string> id_of(std::string_view arn) const = 0;
    /// The ARN that the one with this id has now; empty: that one is gone. Nothing when it cannot be said,
    /// since somebody is not believed.
    [[nodiscard]] virtual std::optional<std::string> arn_of(std::string_view id) const = 0;
};

/// Whether a statement gives more to those whom its Principal or NotPrincipal names: Allow with Principal,
/// Deny with NotPrincipal. There must be one of them.
[[nodiscard]] bool favours_named(const StatementDocument& statement) noexcept;

/// Whom the document's ARNs mean now.
[[nodiscard]] PrincipalIds bind_principals(const PolicyDocument& document, const PrincipalNames& names);

/// The policy `text`, which was put with `ids`, as AWS shows it: with the ARN that each of them has now, and
/// the unique id of who is gone. All else is left as it was written; a text that is no policy wholly.
[[nodiscard]] std::string shown_policy(const std::string& text, DocumentKind kind, const PrincipalIds& ids,
                                       const PrincipalNames& names);

/// `ids` of that shown text.
[[nodiscard]] PrincipalIds shown_ids(const PrincipalIds& ids, const PrincipalNames& names);

}  // namespace coffer::access
