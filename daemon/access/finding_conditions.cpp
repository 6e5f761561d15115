#include <algorithm>
#include <array>

#include "daemon/access/actions.hpp"
#include "daemon/access/arn.hpp"
#include "daemon/access/ascii.hpp"
#include "daemon/access/finding_list.hpp"
#include "daemon/access/values.hpp"

namespace coffer::access {
namespace {

bool is_date(Comparison comparison) {
    return comparison >= Comparison::date_equals && comparison <= Comparison::date_greater_equals;
}
bool is_numeric(Comparison comparison) {
    return comparison >= Comparison::numeric_equals && comparison <= Comparison::numeric_greater_equals;
}

/// Whether values of that type can be compared so. Every value is a text as well.
bool fits(KeyType type, Comparison comparison) {
    if (comparison == Comparison::null || comparison <= Comparison::string_like) return true;
    switch (type) {
        case KeyType::string:
            return false;
        case KeyType::numeric:
            return is_numeric(comparison);
        case KeyType::date:
            return is_date(comparison) || is_numeric(comparison);
        case KeyType::boolean:
            return comparison == Comparison::boolean;
        case KeyType::ip:
            return comparison == Comparison::ip_address;
        case KeyType::arn:
            return comparison == Comparison::arn_like;
    }
    return true;
}

bool is_known_prefix(std::string_view name) {
    constexpr std::array kPrefixes{"aws:", "secretsmanager:", "sts:", "iam:", "kms:", "coffer:"};
    return std::any_of(kPrefixes.begin(), kPrefixes.end(), [&](std::string_view prefix) {
        return equals_ignore_case(name.substr(0, prefix.size()), prefix);
    });
}

/// Whether an absent key makes the condition false.
bool needs_key(const ConditionEntry& entry) {
    return !entry.op.negated && !entry.op.if_exists && entry.op.comparison != Comparison::null &&
           entry.op.set != SetOperator::for_all_values;
}

void check_key(const ActionSet& actions, const ConditionEntry& entry, FindingList& findings) {
    const auto& key = entry.key;
    if (is_provider_key(key)) return;  // check_web_identities()
    if (key.key == Key::other) {
        const bool own = is_known_prefix(key.written);
        findings.add(own ? Severity::error : Severity::warning, "INVALID_CONDITION_KEY", entry.key_at,
                     "There is no condition key " + key.written + ": it is absent from every request",
                     "Correct the name; docs/policies.md lists the keys");
        return;
    }
    const auto* info = key_info(key.key);
    if (info == nullptr) return;
    if (info->presence == KeyPresence::never) {
        findings.add(Severity::warning, "KEY_NEVER_PRESENT", entry.key_at,
                     key.written + " is in no request here, so the condition is always " +
                         (needs_key(entry) ? "false" : "what it is for an absent key"),
                     "Remove the condition, or use a key that is present");
        return;
    }
    bool applies = actions.none();
    for (const auto& row : action_table()) {
        applies = applies || (actions[static_cast<std::size_t>(row.action)] && key_applies(row, key.key));
    }
    if (!applies) {
        findings.add(Severity::error, "KEY_NOT_FOR_ACTION", entry.key_at,
                     "No action of the statement has the key " + key.written,
                     "Put the condition on the actions that have it; docs/policies.md lists them");
    }
}

void check_operator(const StatementDocument& statement, const ConditionEntry& entry, FindingList& findings) {
    const auto* info = key_info(entry.key.key);
    if (info != nullptr && !fits(info->type, entry.op.comparison)) {
        findings.add(Severity::warning, "TYPE_MISMATCH", entry.op_name.at,
                     entry.op_name.text + " does not suit the values of " + entry.key.written,
                     "Use an operator of the key's type");
    }
    if (info != nullptr && info->multivalued && entry.op.set == SetOperator::none &&
        entry.op.comparison != Comparison::null) {
        findings.add(Severity::warning, "MULTIVALUED_KEY_WITHOUT_SET_OPERATOR", entry.op_name.at,
                     entry.key.written + " may have several values, and which of them count is not said",
                     "Write ForAnyValue: or ForAllValues: before the operator");
    }
    if (entry.op.set != SetOperator::for_all_values || statement.effect != Effect::allow) return;
    const bool checked = std::any_of(
        statement.conditions.begin(), statement.conditions.end(), [&](const ConditionEntry& other) {
            return other.op.comparison == Comparison::null && other.key.same_as(entry.key);
        });
    if (!checked) {
        findings.add(Severity::security_warning, "ALLOW_WITH_FOR_ALL_VALUES", entry.op_name.at,
                     "ForAllValues is true when the request has no " + entry.key.written,
                     "Add \"Null\": {\"" + entry.key.written + "\": \"false\"}");
    }
}

void check_date(const StatementDocument& statement, const ConditionEntry& entry, const Located& value,
                const FindingOptions& options, FindingList& findings) {
    constexpr std::int64_t kMicrosPerMilli = 1000;
    const auto date = parse_date(value.text);
    const bool upper = entry.op.comparison == Comparison::date_less ||
                       entry.op.comparison == Comparison::date_less_equals ||
                       (entry.op.comparison == Comparison::date_equals && !entry.op.negated);
    const bool current = entry.key.key == Key::current_time || entry.key.key == Key::epoch_time;
    if (!current || !upper || !date || options.now.millis() == 0) return;
    if (*date >= options.now.millis() * kMicrosPerMilli) return;
    findings.add(Severity::warning, "DATE_IN_PAST", value.at,
                 value.text + " is past: the " + (statement.effect == Effect::allow ? "Allow" : "Deny") +
                     " no longer applies",
                 "Remove the statement, or set a later date");
}

/// Whether the complete ARN of some secret matches the text.
bool can_be_secret_arn(const std::string& text, Comparison comparison) {
    constexpr std::string_view kArn = "arn:";
    constexpr std::string_view kSecret = "secret:";
    const bool by_parts = comparison == Comparison::arn_like;
    const bool wildcards = by_parts || comparison == Comparison::string_like;
    const auto wildcard = text.find_first_of("*?");
    if (wildcard != std::string::npos && !wildcards) return false;
    if (wildcards && text.find_first_not_of('*') == std::string::npos) return true;
    if (!can_end_in_suffix(text)) return false;
    if (!by_parts && wildcard < kArn.size()) return kArn.starts_with(text.substr(0, wildcard));
    const auto arn = split_arn(text);
    if (!arn) return !by_parts && wildcard != std::string::npos && text.starts_with(kArn);
    const auto resource = arn->resource();
    const auto literal = resource.substr(0, std::min(resource.find_first_of("*?"), kSecret.size()));
    const bool is_secret = kSecret.starts_with(literal) && (literal.size() < resource.size());
    const bool any_service = arn->service().find_first_of("*?") != std::string_view::npos;
    return is_secret && (any_service || arn->service() == "secretsmanager");
}

/// Values of SecretId that no ARN of a secret is like: names, ARNs without the random characters.
void check_secret_id(const ConditionEntry& entry, const Located& value, FindingList& findings) {
    const auto comparison = entry.op.comparison;
    const bool text = comparison <= Comparison::string_like;
    const bool by_parts = comparison == Comparison::arn_like;
    if ((!text && !by_parts) || value.text.find("${") != std::string::npos) return;
    if (can_be_secret_arn(value.text, comparison)) return;
    findings.add(Severity::error, "VALUE_NEVER_MATCHES", value.at,
                 "\"" + value.text + "\" is never the value of " + entry.key.written +
                     ", which is the complete ARN of the secret, however the request spelt it",
                 "Write arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME-?????? with ArnLike");
}

void check_value(const StatementDocument& statement, const ConditionEntry& entry, const Located& value,
                 const FindingOptions& options, FindingList& findings) {
    const bool equals = entry.op.comparison == Comparison::string_equals ||
                        entry.op.comparison == Comparison::string_equals_ignore_case;
    if (equals && (value.text.find('*') != std::string::npos || value.text.find('?') != std::string::npos) &&
        value.text.find("${") == std::string::npos) {
        findings.add(
            Severity::warning, "WILDCARD_WITHOUT_LIKE_OPERATOR", value.at,
            "For " + entry.op_name.text + " the characters * and ? in \"" + value.text + "\" are themselves",
            "Use StringLike or StringNotLike");
    }
    if (entry.key.key == Key::sm_secret_id) check_secret_id(entry, value, findings);
    if (is_date(entry.op.comparison)) check_date(statement, entry, value, options, findings);
    if (entry.op.comparison == Comparison::ip_address) {
        const auto range = parse_ip_range(value.text);
        if (range && range->has_host_bits()) {
            findings.add(Severity::suggestion, "IP_RANGE_WITH_HOST_BITS", value.at,
                         "The address of " + value.text + " has bits after its prefix, which do not count",
                         "Write the first address of the range");
        }
    }
    if (entry.key.key == Key::user_id && value.text.starts_with("*:")) {
        findings.add(
            Severity::security_warning, "SESSION_NAME_IS_CHOSEN", value.at,
            "\"" + value.text + "\" matches every session of that name, and whoever assumes a role names it",
            "Put the role's unique id before the colon");
    }
}

/// A key that must be absent and have a value.
void check_contradiction(const StatementDocument& statement, const ConditionEntry& entry,
                         FindingList& findings) {
    const bool absent = entry.op.comparison == Comparison::null && entry.values.size() == 1 &&
                        parse_boolean(entry.values.front().text) == true;
    if (!absent) return;
    for (const auto& other : statement.conditions) {
        if (!other.key.same_as(entry.key) || !needs_key(other)) continue;
        findings.add(Severity::error, "NULL_WITH_CONDITION_KEY", entry.key_at,
                     entry.key.written + " must be absent here and have a value for " + other.op_name.text +
                         ": the statement never applies",
                     "Remove one of both, or use " + other.op_name.text + "IfExists");
    }
}

}  // namespace

void check_conditions(const StatementDocument& statement, const ActionSet& actions,
                      const FindingOptions& options, FindingList& findings) {
    for (const auto& entry : statement.conditions) {
        check_key(actions, entry, findings);
        check_operator(statement, entry, findings);
        check_contradiction(statement, entry, findings);
        if (entry.values.empty()) {
            findings.add(Severity::suggestion, "EMPTY_ARRAY_CONDITION", entry.key_at,
                         "The condition on " + entry.key.written + " has no values: it is always " +
                             (entry.op.negated ? "true" : "false for a key that is there"),
                         "Add a value or remove the condition");
        }
        for (const auto& value : entry.values) check_value(statement, entry, value, options, findings);
    }
}

}  // namespace coffer::access
