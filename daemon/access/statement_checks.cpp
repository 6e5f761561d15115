#include "daemon/access/statement_checks.hpp"

#include <algorithm>
#include <stdexcept>

#include "daemon/access/arn.hpp"
#include "daemon/access/ascii.hpp"
#include "daemon/access/limits.hpp"
#include "daemon/access/malformed_policy.hpp"
#include "daemon/access/pattern.hpp"
#include "daemon/access/values.hpp"

namespace coffer::access {
namespace {

bool is_wildcard(char c) noexcept {
    return c == '*' || c == '?';
}
bool has_wildcard(std::string_view text) noexcept {
    return std::any_of(text.begin(), text.end(), is_wildcard);
}
bool all_stars(std::string_view text) noexcept {
    return !text.empty() && text.find_first_not_of('*') == std::string_view::npos;
}

/// The prefix before the colon: letters, digits, hyphens.
bool is_vendor(std::string_view text) noexcept {
    return !text.empty() &&
           std::all_of(text.begin(), text.end(), [](char c) { return is_alphanumeric(c) || c == '-'; });
}

/// What the condition keys of an identity provider begin with: the host of its issuer, and the path.
bool is_provider(std::string_view text) noexcept {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
        return is_alphanumeric(c) || std::string_view("-._~%/").find(c) != std::string_view::npos;
    });
}

PatternSyntax syntax_of(bool wildcards, LanguageVersion version) noexcept {
    return {wildcards, version == LanguageVersion::v2012};
}

void check_variables(const Located& value, LanguageVersion version) {
    try {
        (void)Pattern::parse(value.text, syntax_of(true, version));
    } catch (const std::invalid_argument& e) {
        fail(std::string("Invalid policy variable: ") + e.what(), value.at);
    }
}

void check_account(std::string_view account, const Located& value) {
    const bool valid = account.empty() || is_account_id(account) || has_wildcard(account) || account == "aws";
    if (!valid) {
        fail("Invalid ARN \"" + value.text + "\": the account \"" + std::string(account) +
                 "\" is not of twelve digits",
             value.at);
    }
}

void check_principal_arn(const Located& value) {
    const auto arn = split_arn(value.text);
    const auto invalid = [&](const std::string& why) {
        fail("Invalid principal in policy: \"" + value.text + "\" " + why, value.at);
    };
    if (!arn)
        invalid("is neither \"*\" nor an account of twelve digits nor an ARN nor a principal's unique id");
    if (has_wildcard(value.text)) {
        invalid(
            "has a wildcard; a principal is named whole, or matched with aws:PrincipalArn in a condition");
    }
    if (arn->service() != "iam" && arn->service() != "sts") invalid("is not an ARN of iam or sts");
    if (!arn->region().empty() || !is_account_id(arn->account()))
        invalid("is not an ARN of an account's principal");
    const auto name = arn->resource();
    const auto names = [&](std::string_view prefix) {
        return name.starts_with(prefix) && name.size() > prefix.size();
    };
    const bool iam = arn->service() == "iam" && (name == "root" || names("user/") || names("role/"));
    const bool sts = arn->service() == "sts" && (names("assumed-role/") || names("federated-user/"));
    if (!iam && !sts) invalid("names no account, user, role or session; groups are no principals");
}

/// "AIDA..." and the like, which AWS shows for a principal that is gone.
bool is_unique_id(std::string_view text) noexcept {
    constexpr std::size_t kShortest = 16;
    constexpr std::size_t kLongest = 128;
    return text.size() >= kShortest && text.size() <= kLongest && text.starts_with('A') &&
           std::all_of(text.begin(), text.end(),
                       [](char c) { return is_digit(c) || (c >= 'A' && c <= 'Z'); });
}

void check_arn_value(const Located& value, LanguageVersion version) {
    if (all_stars(value.text)) return;
    const bool variables = version == LanguageVersion::v2012;
    const auto arn = variables ? split_arn_pattern(value.text) : split_arn(value.text);
    const bool whole_variable = variables && value.text.starts_with("${") && value.text.ends_with('}');
    if (arn || whole_variable) return;
    fail("Invalid ARN \"" + value.text +
             "\": an ARN has six parts, arn:partition:service:region:account:resource",
         value.at);
}

}  // namespace

bool takes_principal(DocumentKind kind) noexcept {
    return kind == DocumentKind::resource || kind == DocumentKind::trust || kind == DocumentKind::listener;
}

void check_action(const Located& value) {
    if (all_stars(value.text)) return;
    const auto colon = value.text.find(':');
    const auto vendor = std::string_view(value.text).substr(0, colon);
    if (colon == std::string::npos) {
        fail("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.: \"" + value.text +
                 "\"",
             value.at);
    }
    const bool is_ascii = std::all_of(value.text.begin(), value.text.end(),
                                      [](char c) { return static_cast<unsigned char>(c) < 0x80U; });
    if (!is_ascii) {
        fail("Invalid Action: \"" + value.text +
                 "\" has a character that is not ASCII, though it may look so; type the name anew",
             value.at);
    }
    if (!is_vendor(vendor)) fail("Vendor " + std::string(vendor) + " is not valid", value.at);
    const auto name = std::string_view(value.text).substr(colon + 1);
    const bool valid = !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
        return is_alphanumeric(c) || is_wildcard(c);
    });
    if (!valid) fail("Invalid Action: \"" + value.text + "\" has a name that no action can have", value.at);
}

void check_resource(const Located& value, LanguageVersion version) {
    if (all_stars(value.text)) return;
    const bool variables = version == LanguageVersion::v2012;
    check_variables(value, version);
    const auto arn = variables ? split_arn_pattern(value.text) : split_arn(value.text);
    if (!arn) {
        fail("Resource " + value.text +
                 " must be in ARN format or \"*\": six parts, arn:partition:service:region:account:resource",
             value.at);
    }
    if (arn->partition().empty())
        fail("Partition \"\" is not valid for resource \"" + value.text + "\"", value.at);
    if (!is_vendor(arn->service())) {
        fail("Resource vendor must be fully qualified and cannot contain regexes: \"" + value.text + "\"",
             value.at);
    }
    for (std::size_t i = 1; variables && i + 1 < kArnParts; ++i) {
        if (arn->parts.at(i).find("${") != std::string_view::npos) {
            fail("A policy variable can only stand in the last part of an ARN: \"" + value.text + "\"",
                 value.at);
        }
    }
    check_account(arn->account(), value);
    if (arn->resource().empty())
        fail("Resource " + value.text + " names nothing after the fifth colon", value.at);
}

void check_principal(const PrincipalEntry& entry) {
    const auto& value = entry.value;
    if (value.text.empty()) fail("Invalid principal in policy: an empty name", value.at);
    switch (entry.kind) {
        case PrincipalKind::any:
            return;
        case PrincipalKind::aws:
            if (value.text == "*" || is_account_id(value.text) || is_unique_id(value.text)) return;
            check_principal_arn(value);
            return;
        case PrincipalKind::service:
        case PrincipalKind::federated:
        case PrincipalKind::canonical_user:
            if (has_wildcard(value.text)) {
                fail("Invalid principal in policy: \"" + value.text + "\" has a wildcard", value.at);
            }
            if (entry.kind == PrincipalKind::service && value.text.find('.') == std::string::npos) {
                fail("Invalid principal in policy: \"" + value.text +
                         "\" is not a service such as secretsmanager.amazonaws.com",
                     value.at);
            }
            return;
    }
}

void check_condition_key(const Located& key) {
    const auto colon = key.text.find(':');
    if (colon == std::string::npos || !is_provider(std::string_view(key.text).substr(0, colon))) {
        fail("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.: \"" + key.text +
                 "\"",
             key.at);
    }
    if (key.text.size() == colon + 1 || key.text.size() > kMaxConditionKeyCharacters) {
        fail("Invalid condition key \"" + key.text + "\": its name must have 1 to " +
                 std::to_string(kMaxConditionKeyCharacters) + " characters",
             key.at);
    }
}

void check_condition_value(const ConditionEntry& entry, const Located& value, LanguageVersion version) {
    const auto require = [&](bool valid, const std::string& what) {
        if (!valid) {
            fail("Invalid value \"" + value.text + "\" for " + entry.op_name.text + ": it must be " + what,
                 value.at);
        }
    };
    const bool variable = version == LanguageVersion::v2012 && value.text.find("${") != std::string::npos;
    switch (entry.op.comparison) {
        case Comparison::string_equals:
        case Comparison::string_equals_ignore_case:
        case Comparison::string_like:
            check_variables(value, version);
            return;
        case Comparison::arn_like:
            check_variables(value, version);
            check_arn_value(value, version);
            return;
        case Comparison::boolean:
            if (variable) {
                check_variables(value, version);
                return;
            }
            require(parse_boolean(value.text).has_value(), "true or false");
            return;
        case Comparison::null:
            require(parse_boolean(value.text).has_value(), "true or false");
            return;
        case Comparison::numeric_equals:
        case Comparison::numeric_less:
        case Comparison::numeric_less_equals:
        case Comparison::numeric_greater:
        case Comparison::numeric_greater_equals:
            require(parse_number(value.text).has_value(), "an integer or a decimal number");
            return;
        case Comparison::date_equals:
        case Comparison::date_less:
        case Comparison::date_less_equals:
        case Comparison::date_greater:
        case Comparison::date_greater_equals:
            require(parse_date(value.text).has_value(),
                    "a date as in 2026-11-25T12:00:00Z, or seconds since 1970-01-01");
            return;
        case Comparison::binary:
            require(parse_base64(value.text).has_value(), "base64 with padding");
            return;
        case Comparison::ip_address:
            require(parse_ip_range(value.text).has_value(), "an IP address or a range in CIDR notation");
            return;
    }
}

}  // namespace coffer::access
