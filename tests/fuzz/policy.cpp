// Any bytes as a policy document of each kind: refused with a place inside of the text, or compiled, and then
// both evaluators decide a fixed set of requests alike and the findings are made without a fault.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/access/arn.hpp"
#include "daemon/access/bound_principals.hpp"
#include "daemon/access/document_parser.hpp"
#include "daemon/access/findings.hpp"
#include "daemon/access/json_reader.hpp"
#include "daemon/access/limits.hpp"
#include "daemon/access/malformed_policy.hpp"
#include "expect.hpp"
#include "policy_fixture.hpp"

using coffer::fuzz::expect;

namespace {

namespace access = coffer::access;
using access::DocumentKind;
using access::test::TestRequest;

// The plain evaluator's tables grow with the product of pattern and text.
constexpr std::size_t kComparedBytes = 4096;

TestRequest request(access::Principal principal, access::Action action, std::string resource) {
    TestRequest out;
    out.principal = std::move(principal);
    out.action = action;
    out.resource = std::move(resource);
    out.resource_tags = {{"team", "web"}, {"Team", "Web"}};
    out.context = {{"aws:SourceIp", {"::ffff:10.1.2.3"}},
                   {"aws:SecureTransport", {"true"}},
                   {"aws:UserAgent", {"a*b\xC3\xA9"}},
                   {"secretsmanager:VersionStage", {"AWSCURRENT", "X"}},
                   {"aws:TokenIssueTime", {"2026-07-01T00:00:00.5Z"}},
                   {"secretsmanager:RecoveryWindowInDays", {"7"}},
                   {"aws:SourceArn", {"arn:aws:sns:us-east-1:111122223333:t:u"}}};
    out.time = coffer::Timestamp::from_millis(1'782'864'000'000);
    return out;
}

std::vector<TestRequest> requests() {
    const std::string secret = std::string(access::test::kSecretArn) + "a/x-Ab12Cd";
    auto alice = access::test::alice();
    alice.tags = {{"team", "web"}};
    const auto app = access::test::role_session("111122223333", "app", "AROAAPP000000000", "s1");
    const auto far = access::test::role_session("444455556666", "app", "AROAFAR000000000", "s1");
    return {request(alice, access::Action::get_secret_value, secret),
            request(app, access::Action::put_secret_value, secret),
            request(far, access::Action::get_secret_value, secret),
            request(alice, access::Action::list_secrets, "*"),
            request(app, access::Action::sts_assume_role, "arn:aws:iam::111122223333:role/deploy")};
}

access::test::TestPolicies attach(DocumentKind kind, const std::string& text,
                                  const coffer::PrincipalIds& ids) {
    constexpr const char* kAll =
        R"({"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}})";
    access::test::TestPolicies out;
    switch (kind) {
        case DocumentKind::identity:
            out.add_identity(text, "identity");
            return out;
        case DocumentKind::resource:
        case DocumentKind::trust:
            out.set_resource(text, "resource", kind, ids);
            return out;
        case DocumentKind::boundary:
            out.set_boundary(text, "boundary");
            break;
        case DocumentKind::session:
            out.add_session(text, "session");
            break;
        case DocumentKind::listener:
            out.set_listener(text, "listener");
            break;
    }
    out.add_identity(kAll, "all");
    return out;
}

void check_decisions(DocumentKind kind, const std::string& text, const coffer::PrincipalIds& ids) {
    const auto policies = attach(kind, text, ids);
    for (const auto& one : requests()) {
        const bool assume = one.action == access::Action::sts_assume_role;
        if (kind == DocumentKind::trust && !assume) continue;
        const auto context = one.compiled();
        const auto decision = access::decide(context, policies.compiled());
        expect(access::plain::decide(one.plain(), policies.plain()) == access::outcome_name(decision.outcome),
               "both evaluators agree");
        const auto explanation = access::explain(context, policies.compiled());
        expect(explanation.decision.outcome == decision.outcome, "an explanation explains the decision");
    }
}

/// Users alice and roles app as they are, and of before; or nobody.
const std::vector<coffer::PrincipalIds>& meanings() {
    static const std::vector<coffer::PrincipalIds> kAll{
        {},
        {{"arn:aws:iam::111122223333:user/alice", "AIDAEXAMPLEALICE"},
         {"arn:aws:iam::111122223333:role/app", "AROAAPP000000001"}},
        {{"arn:aws:iam::111122223333:user/alice", ""}, {"arn:aws:iam::111122223333:role/app", ""}}};
    return kAll;
}

/// Whoever has an ARN is gone.
class AllGone final : public access::PrincipalNames {
public:
    [[nodiscard]] std::optional<std::string> id_of(std::string_view arn) const override {
        if (!access::split_arn(arn)) return std::nullopt;
        return "AIDAGONE";
    }
    [[nodiscard]] std::optional<std::string> arn_of(std::string_view /*id*/) const override {
        return std::string();
    }
};

void check_shown(DocumentKind kind, const access::PolicyDocument& document, const std::string& text) {
    const AllGone names;
    const auto shown = access::shown_policy(text, kind, access::bind_principals(document, names), names);
    if (shown == text || shown.size() > access::kMaxDocumentBytes) return;
    const auto again = access::parse_policy(shown, {kind, access::kMaxDocumentBytes});
    expect(again.statements.size() == document.statements.size(), "a policy that is shown is a policy");
    expect(access::bind_principals(again, names).empty(), "who is gone is shown by the id");
}

void check_findings(const access::PolicyDocument& document) {
    const access::FindingOptions options{"aws", "111122223333",
                                         coffer::Timestamp::from_millis(1'782'864'000'000)};
    for (const auto& finding : access::find_problems(document, options)) {
        expect(!finding.message.empty() && !finding.advice.empty(), "a finding says what and what to do");
        expect(finding.statement <= document.statements.size(),
               "a finding is about a statement, or the whole");
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(reinterpret_cast<const char*>(data), size);
    const auto lines = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) + 1;
    for (const auto kind : {DocumentKind::identity, DocumentKind::resource, DocumentKind::trust,
                            DocumentKind::boundary, DocumentKind::session, DocumentKind::listener}) {
        try {
            const auto document = access::parse_policy(text, {kind, access::kMaxDocumentBytes});
            expect(!document.statements.empty(), "a policy has a statement");
            check_findings(document);
            check_shown(kind, document, text);
            if (size > kComparedBytes) continue;
            const bool has_ids = kind == DocumentKind::resource || kind == DocumentKind::trust;
            for (std::size_t i = 0; i < (has_ids ? meanings().size() : 1); ++i)
                check_decisions(kind, text, meanings()[i]);
        } catch (const access::MalformedPolicy& e) {
            expect(e.at().line >= 1 && e.at().line <= lines, "a mistake is on a line of the text");
            expect(e.at().column >= 1 && e.at().column <= size + 1, "a mistake is in a column of the text");
        }
    }
    return 0;
}
