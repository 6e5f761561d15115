#pragma once
// ARNs, unique ids and the names of sessions. Sources: "IAM identifiers" (friendly names and paths, ARNs,
// unique identifiers and their prefixes); STS AssumeRole (RoleSessionName).

#include <optional>
#include <string>
#include <string_view>

#include "daemon/iam/records.hpp"

namespace coffer::iam {

/// "arn:aws:iam::ACCOUNT:user/PATH/NAME", and so on for each kind.
[[nodiscard]] std::string arn_of(std::string_view account, IamKind kind, std::string_view path,
                                 std::string_view name);

template <class Record>
[[nodiscard]] std::string arn_of(std::string_view account, const Record& record) {
    return arn_of(account, Record::kKind, record.path, record.name);
}

/// "arn:aws:coffer:REGION:ACCOUNT:listener/NAME"
[[nodiscard]] std::string listener_arn(std::string_view region, std::string_view account,
                                       std::string_view name);

/// "arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION"
[[nodiscard]] std::string session_arn(std::string_view account, std::string_view role,
                                      std::string_view session);

/// The name that the session of a certificate's owner has: the last part of its name after a slash, with '-'
/// for what may not be in a session's name, at most 64 characters.
[[nodiscard]] std::string session_name(std::string_view certificate_name);

/// A unique id with the prefix of its kind (AIDA, AGPA, AROA, ANPA) and 17 random characters.
[[nodiscard]] std::string make_unique_id(IamKind kind);

/// The id of a new access key: "AKIA" and 16 random characters of A-Z and 2-7.
[[nodiscard]] std::string make_access_key_id();

/// What an ARN of an IAM entity names.
struct ArnName {
    IamKind kind = IamKind::user;
    /// "aws" for the policies that come with Coffer.
    std::string account;
    std::string path;
    std::string name;
};

/// Nothing when `arn` is not of the form "arn:aws:iam::ACCOUNT:KIND/PATH/NAME".
[[nodiscard]] std::optional<ArnName> parse_arn(std::string_view arn);

/// Letters, digits and "_+=,.@-", as AWS allows in names; at least one.
[[nodiscard]] bool is_name(std::string_view text) noexcept;
/// "/" or "/.../", printable ASCII without blanks.
[[nodiscard]] bool is_path(std::string_view text) noexcept;

}  // namespace coffer::iam
