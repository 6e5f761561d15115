#pragma once
// How callers name a secret: by name, by ARN, or by ARN without its random suffix (AWS: SecretId).

#include <optional>
#include <string>
#include <string_view>

namespace coffer::secrets {

/// Whose secrets these are: the parts of every ARN that the node's configuration states.
struct NodeIdentity {
    std::string region;
    std::string account;  ///< 12 digits
};

/// The name that a SecretId means and, where it was a complete ARN, the suffix that must fit as well.
class SecretRef {
public:
    /// Throws ServiceError: invalid_name for a name with other characters than letters, digits and
    /// -/_+=.@! (checked before any look-up), secret_not_found for an ARN of another region, account or
    /// service. A partial ARN whose name ends in a hyphen and six characters reads as a complete one, as in
    /// AWS.
    [[nodiscard]] static SecretRef parse(std::string_view secret_id, const NodeIdentity& node);

    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    /// Whether a secret with this ARN is the one meant.
    [[nodiscard]] bool matches(std::string_view arn) const;
    /// As the caller wrote it.
    [[nodiscard]] const std::string& text() const noexcept { return text_; }

private:
    std::string text_;
    std::string name_;
    bool complete_arn_ = false;
};

/// Characters AWS names as allowed. ASCII only, whatever the locale.
[[nodiscard]] bool is_valid_name(std::string_view name) noexcept;

/// A new ARN for `name`, with six random letters and digits behind it.
[[nodiscard]] std::string make_arn(const NodeIdentity& node, std::string_view name);

/// The ARN of a secret that does not exist: nobody's, but what policies over names can be asked about.
[[nodiscard]] std::string arn_without_suffix(const NodeIdentity& node, std::string_view name);

}  // namespace coffer::secrets
