#include "daemon/iam/policy_linter.hpp"

#include "daemon/access/document_parser.hpp"
#include "daemon/access/malformed_policy.hpp"
#include "daemon/iam/trust_findings.hpp"

namespace coffer::iam {

using access::DocumentKind;

PolicyLinter::PolicyLinter(const Work& work, v1::LintPoliciesResponse& response)
    : work_(work),
      response_(response),
      options_{.partition = "aws",
               .account = work.account(),
               .now = work.now(),
               .identity_providers = work.node().identity_providers},
      known_(work.records(), work.account()) {}

void PolicyLinter::check_principals() {
    const auto& records = work_.records();
    if (work_.distrust()) {
        add("(all)", "DATABASE_NOT_BELIEVED",
            fmt::format(
                "Nothing that the database has now is believed: {}. What follows is about what this node "
                "had before, which is in force.",
                *work_.distrust()),
            "Restore the database, or see cofferd accept-principals --help.");
    }
    for (const auto& [key, fault] : records.faults) {
        add(storage::describe(key), "NOT_BELIEVED", fmt::format("The {} {}.", storage::describe(key), fault),
            "Find out who did that; delete it and create it again, or apply the configuration.");
    }
    for (const auto& [name, policy] : records.policies) {
        check(arn_of(work_.account(), *policy), policy->current().document, DocumentKind::identity);
    }
    check_inline(records.users);
    check_inline(records.groups);
    check_inline(records.roles);
    for (const auto& [name, role] : records.roles) {
        check(arn_of(work_.account(), *role), role->trust, DocumentKind::trust);
    }
    for (const auto& [role, finding] : find_trust_problems(records, known_, work_.account()))
        add(role, finding);
    for (const auto& [name, policy] : records.listeners) {
        check("listener/" + name, policy->document, DocumentKind::listener);
    }
    check_standing(records.users);
    check_standing(records.roles);
}

void PolicyLinter::check_secret(const storage::StoredSecret& secret) {
    const auto& arn = secret.arn;
    try {
        const auto document =
            access::parse_policy(secret.resource_policy.value(), {.kind = DocumentKind::resource});
        auto options = options_;
        options.secret = arn;
        for (const auto& finding : access::find_problems(document, options)) add(arn, finding);
        for (const auto& finding : known_.problems_of({document, secret.policy_principals}))
            add(arn, finding);
    } catch (const access::MalformedPolicy& error) {
        add(arn, "MALFORMED_POLICY", error.what(), "Put it right.");
    }
}

void PolicyLinter::check(const std::string& policy, const std::string& text, DocumentKind kind) {
    try {
        for (const auto& finding :
             access::find_problems(access::parse_policy(text, {.kind = kind}), options_)) {
            add(policy, finding);
        }
    } catch (const access::MalformedPolicy& error) {
        add(policy, "MALFORMED_POLICY", error.what(), "Put it right.");
    }
}

void PolicyLinter::add(const std::string& policy, const access::Finding& finding) {
    auto& message = *response_.add_findings();
    message.set_policy(policy);
    message.set_severity(std::string(access::severity_name(finding.severity)));
    message.set_code(finding.code);
    message.set_statement(static_cast<std::int64_t>(finding.statement));
    if (!finding.sid.empty()) message.set_sid(finding.sid);
    message.set_line(finding.at.line);
    message.set_column(finding.at.column);
    message.set_message(finding.message);
    message.set_advice(finding.advice);
}

void PolicyLinter::add(const std::string& about, const std::string& code, const std::string& what,
                       const std::string& advice) {
    auto& message = *response_.add_findings();
    message.set_policy(about);
    message.set_severity(std::string(access::severity_name(access::Severity::error)));
    message.set_code(code);
    message.set_message(what);
    message.set_advice(advice);
}

template <class Record>
void PolicyLinter::check_inline(const Table<Record>& table) {
    for (const auto& [name, record] : table) {
        for (const auto& [policy, text] : record->inline_policies) {
            check(name + "/" + policy, text, DocumentKind::identity);
        }
    }
}

template <class Record>
void PolicyLinter::check_standing(const Table<Record>& table) {
    for (const auto& [name, record] : table) {
        const auto standing = work_.directory().standing({Record::kKind, name});
        if (standing->rights) continue;
        add(arn_of(work_.account(), *record), "PRINCIPAL_REFUSED", standing->refusal,
            "Remove the reference, or put right what it names.");
    }
}

}  // namespace coffer::iam
