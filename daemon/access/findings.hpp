#pragma once
// What is well formed and yet wrong, dangerous or without effect in a policy: for ValidateResourcePolicy,
// BlockPublicPolicy and `coffer iam lint`. In the manner of IAM Access Analyzer's policy checks, whose codes
// are used where it has the check.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/access/document.hpp"
#include "daemon/base/time.hpp"

namespace coffer::access {

/// As Access Analyzer grades findings.
enum class Severity : std::uint8_t {
    /// Part of the policy cannot work.
    error,
    /// Grants or leaves open more than its author is likely to want.
    security_warning,
    /// Has less effect than it looks.
    warning,
    /// Could be written better.
    suggestion
};

/// "ERROR", "SECURITY_WARNING", "WARNING", "SUGGESTION".
[[nodiscard]] std::string_view severity_name(Severity severity) noexcept;

struct Finding {
    Severity severity = Severity::warning;
    /// "INVALID_ACTION"; docs/policies.md lists all.
    std::string code;
    /// From 1; 0 when it is about the whole document.
    std::size_t statement = 0;
    /// Of that statement, or empty.
    std::string sid;
    TextPosition at;
    /// What is wrong, in one sentence.
    std::string message;
    /// What to do about it.
    std::string advice;
};

/// What is known of where the policy is used.
struct FindingOptions {
    /// "aws", and the account of twelve digits. Empty: not checked.
    std::string partition;
    std::string account;
    /// What dates are compared with; nothing of the kind at 0.
    Timestamp now;
    /// Names of the identity providers that there are (issuers without "https://"). Nothing: not known.
    std::optional<std::vector<std::string>> identity_providers{};
    /// Complete ARN of the secret whose own policy it is. Empty: it may be any's, or none's.
    std::string secret{};
};

/// All findings, by their place. Pure. At most quadratic in the statements and in the values of one list.
[[nodiscard]] std::vector<Finding> find_problems(const PolicyDocument& document,
                                                 const FindingOptions& options);

/// Whether a policy grants access to everybody: the question behind BlockPublicPolicy. It does when some
/// Allow names everybody, or everybody but some (NotPrincipal), and no condition of that statement holds it
/// to fixed values. Source: Secrets Manager PutResourcePolicy ("broad access"); S3, "The meaning of public",
/// for which keys and values are fixed. A Deny elsewhere in the policy is not weighed against it.
[[nodiscard]] bool is_public(const PolicyDocument& document);
[[nodiscard]] bool is_public(const StatementDocument& statement);

}  // namespace coffer::access
