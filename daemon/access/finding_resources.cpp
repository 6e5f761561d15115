#include <algorithm>
#include <string_view>

#include "daemon/access/arn.hpp"
#include "daemon/access/ascii.hpp"
#include "daemon/access/finding_list.hpp"
#include "daemon/access/glob.hpp"

namespace coffer::access {
namespace {

constexpr std::string_view kSecretPrefix = "secret:";
/// The hyphen and the six random characters that every secret's ARN ends in.
constexpr std::size_t kSuffix = 7;

bool part_can_be(std::string_view pattern, const std::string& value) {
    return value.empty() || glob_matches(to_glob(pattern), value);
}

void check_place(const Arn& arn, const Located& value, const PolicyDocument& document,
                 const FindingOptions& options, FindingList& findings) {
    if (!part_can_be(arn.partition(), options.partition)) {
        findings.add(Severity::error, "WRONG_PARTITION", value.at,
                     "The partition \"" + std::string(arn.partition()) + "\" of " + value.text +
                         " is not this one, which is \"" + options.partition + "\"",
                     "Correct the ARN");
    }
    if (arn.account().empty() || part_can_be(arn.account(), options.account)) return;
    // An identity may be meant for secrets that another account shares; a secret's own policy cannot.
    const bool own = document.kind == DocumentKind::resource;
    findings.add(
        own ? Severity::error : Severity::warning, "OTHER_ACCOUNT", value.at,
        "The account " + std::string(arn.account()) + " of " + value.text + " is not this one, which is " +
            options.account,
        own ? "Correct the ARN, or write \"*\"" : "Correct the ARN, unless the secret is another account's");
}

void check_secret(const Arn& arn, const Located& value, FindingList& findings) {
    if (arn.service() != "secretsmanager") return;
    const auto resource = arn.resource();
    const auto head = resource.substr(0, kSecretPrefix.size());
    if (head.find_first_of("*?$") != std::string_view::npos) return;
    if (head != kSecretPrefix) {
        findings.add(Severity::error, "INVALID_RESOURCE", value.at,
                     "No resource of Secrets Manager is called " + std::string(resource),
                     "Write secret:NAME-??????");
    } else if (!can_end_in_suffix(resource.substr(kSecretPrefix.size()))) {
        findings.add(
            Severity::error, "SECRET_ARN_WITHOUT_SUFFIX", value.at,
            value.text + " matches no secret: the ARN of a secret ends in a hyphen and six random characters",
            "Append -?????? for this secret alone, or * for all whose name begins so");
    }
}

/// Whether a pattern without variables matches the ARN.
bool is_like(const Arn& pattern, const Arn& arn) {
    return std::equal(
        pattern.parts.begin(), pattern.parts.end(), arn.parts.begin(),
        [](std::string_view part, std::string_view text) { return glob_matches(to_glob(part), text); });
}

/// In a secret's own policy Resource says again which secret is meant: another one makes it void.
void check_is_this_secret(const Arn& arn, const Located& value, const std::string& secret, bool negated,
                          FindingList& findings) {
    const auto own = split_arn(secret);
    if (!own || value.text.find("${") != std::string::npos) return;
    const bool matches = is_like(arn, *own);
    if (matches && negated) {
        findings.add(Severity::error, "NOT_RESOURCE_IS_THIS_SECRET", value.at,
                     "NotResource " + value.text + " is this secret itself: the statement never matches",
                     "Write Resource \"*\", or remove the statement");
    } else if (!matches && !negated) {
        findings.add(Severity::error, "OTHER_SECRET", value.at,
                     value.text + " is not this secret, whose ARN is " + secret +
                         ": the policy is asked about no other",
                     "Write \"*\", which means this secret in its own policy");
    }
}

}  // namespace

// Where a `*` or a variable stands in its last seven places, it can.
bool can_end_in_suffix(std::string_view pattern) noexcept {
    if (pattern.ends_with('}')) return true;
    for (std::size_t i = 0; i < kSuffix; ++i) {
        if (i == pattern.size()) return false;
        const char c = pattern[pattern.size() - 1 - i];
        if (c == '*' || c == '}') return true;
        const bool fits = c == '?' || (i + 1 == kSuffix ? c == '-' : is_alphanumeric(c));
        if (!fits) return false;
    }
    return true;
}

void check_resources(const PolicyDocument& document, const StatementDocument& statement,
                     const FindingOptions& options, FindingList& findings) {
    if (!statement.resources) return;
    for (const auto& value : statement.resources->values) {
        const auto arn = split_arn_pattern(value.text);
        if (!arn) continue;
        const auto before = findings.size();
        check_place(*arn, value, document, options, findings);
        check_secret(*arn, value, findings);
        if (findings.size() > before) continue;
        check_is_this_secret(*arn, value, options.secret, statement.resources->negated, findings);
    }
}

}  // namespace coffer::access
