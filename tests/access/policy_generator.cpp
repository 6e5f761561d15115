#include "policy_generator.hpp"

#include <array>

namespace coffer::access::test {
namespace {

std::string quoted(const std::string& text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        out += c;
    }
    return out + "\"";
}

constexpr std::array kActions{"secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue",
                              "secretsmanager:ListSecrets", "secretsmanager:DeleteSecret", "sts:AssumeRole"};
constexpr std::array kActionPatterns{"*",
                                     "secretsmanager:*",
                                     "secretsmanager:Get*",
                                     "SecretsManager:*secretvalue",
                                     "secretsmanager:GetSecretValue",
                                     "secretsmanager:?utSecretValue",
                                     "secretsmanager:List*",
                                     "sts:AssumeRole",
                                     "sts:*",
                                     "s3:GetObject"};
constexpr std::array kNames{"a/x-Ab12Cd",
                            "a/y-Ab12Cd",
                            "b/x-Zz9Yy8",
                            "web/x-Ab12Cd",
                            "a:b-Ab12Cd",
                            "a/\xC3\xA9-Ab12Cd",
                            "aaaaaaaaaaaaaaab-Ab12Cd"};
constexpr std::array kNamePatterns{"*",
                                   "a/*",
                                   "a/x-??????",
                                   "?/x-*",
                                   "${aws:PrincipalTag/team}/*",
                                   "${aws:username, 'a'}/*",
                                   "*x*",
                                   "a/?-*",
                                   "*a*a*a*b-*",
                                   "b/x-Zz9Yy8",
                                   "${*}",
                                   "a:*",
                                   "*:*",
                                   "${aws:PrincipalTag/TEAM, 'web'}/x-*"};
constexpr std::array kHeads{
    "arn:aws:secretsmanager:us-east-1:111122223333:secret:",
    "arn:aws:secretsmanager:us-east-1:444455556666:secret:", "arn:aws:secretsmanager:*:*:secret:",
    "arn:*:secretsmanager:us-*:1111*:secret:", "arn:aws:secretsmanager:us-east-1:*:"};
constexpr std::array kRole = {"arn:aws:iam::111122223333:role/deploy"};
constexpr std::array kValues{"",
                             "a",
                             "A",
                             "web",
                             "ops",
                             "true",
                             "false",
                             "TRUE",
                             "7",
                             "7.0",
                             "-3",
                             "30",
                             "10.1.2.3",
                             "10.1.2.200",
                             "::ffff:10.1.2.3",
                             "2001:db8::1",
                             "2026-07-01T00:00:00Z",
                             "1782864000",
                             "2026",
                             "AAEC",
                             "AAECAw==",
                             "a*b",
                             "arn:aws:iam::111122223333:role/app",
                             "arn:aws:sns:us-east-1:111122223333:t:u",
                             "\xC3\xA9",
                             "erin",
                             "colon:here"};
constexpr std::array kKeys{"aws:UserAgent",
                           "aws:SourceIp",
                           "aws:TagKeys",
                           "aws:PrincipalTag/team",
                           "aws:principaltag/TEAM",
                           "aws:ResourceTag/team",
                           "secretsmanager:ResourceTag/team",
                           "aws:RequestTag/team",
                           "aws:PrincipalArn",
                           "aws:username",
                           "aws:userid",
                           "aws:CurrentTime",
                           "aws:EpochTime",
                           "aws:SecureTransport",
                           "secretsmanager:VersionStage",
                           "aws:SourceVpce",
                           "example:Colour",
                           "aws:PrincipalType"};
constexpr std::array kOperators{"StringEquals",
                                "StringNotEquals",
                                "StringEqualsIgnoreCase",
                                "StringNotEqualsIgnoreCase",
                                "StringLike",
                                "StringNotLike",
                                "NumericEquals",
                                "NumericNotEquals",
                                "NumericLessThan",
                                "NumericLessThanEquals",
                                "NumericGreaterThan",
                                "NumericGreaterThanEquals",
                                "DateEquals",
                                "DateNotEquals",
                                "DateLessThan",
                                "DateLessThanEquals",
                                "DateGreaterThan",
                                "DateGreaterThanEquals",
                                "Bool",
                                "BinaryEquals",
                                "IpAddress",
                                "NotIpAddress",
                                "ArnEquals",
                                "ArnLike",
                                "ArnNotEquals",
                                "ArnNotLike",
                                "Null"};
constexpr std::array kTexts{"a",
                            "A",
                            "web",
                            "ops",
                            "*",
                            "w?b",
                            "?",
                            "a*b",
                            "${aws:username}",
                            "${aws:PrincipalTag/team}",
                            "${aws:PrincipalTag/team, 'ops'}",
                            "${*}",
                            "x${?}",
                            "7",
                            "true",
                            "",
                            "*a*",
                            "erin",
                            "${aws:TagKeys}",
                            "${example:Colour, ''}*",
                            "colon:here"};
constexpr std::array kArns{"*",
                           "arn:aws:iam::111122223333:role/*",
                           "arn:aws:iam::111122223333:role/app",
                           "arn:aws:iam::*:user/${aws:username}",
                           "arn:*:*:*:*:*",
                           "arn:aws:sns:us-east-1:${aws:PrincipalAccount}:t:?",
                           "arn:aws:iam::111122223333:user/${aws:PrincipalTag/team}",
                           "${aws:PrincipalArn}",
                           "arn:aws:sns:*:t:u"};
constexpr std::array kNumbers{"7", "7.0", "0", "-3", "30", "1782864000"};
constexpr std::array kDates{"2026-07-01T00:00:00Z",
                            "2026-07-01",
                            "2026-07",
                            "2026",
                            "1782864000",
                            "2026-07-01T02:00:00+02:00",
                            "1782864000.5",
                            "2026-06-30T23:59:59.999Z"};
constexpr std::array kRanges{"10.0.0.0/8",    "10.1.2.0/25",         "10.1.2.3",   "0.0.0.0/0", "::/0",
                             "2001:db8::/32", "::ffff:10.1.2.0/120", "2001:db8::1"};
constexpr std::array kBlobs{"AAEC", "AAECAw==", ""};
constexpr std::array kPrincipals{R"("*")",
                                 R"({"AWS":"*"})",
                                 R"({"AWS":"111122223333"})",
                                 R"({"AWS":"arn:aws:iam::111122223333:root"})",
                                 R"({"AWS":"arn:aws:iam::111122223333:user/erin"})",
                                 R"({"AWS":["arn:aws:iam::111122223333:role/app","444455556666"]})",
                                 R"({"AWS":"arn:aws:sts::111122223333:assumed-role/app/s1"})",
                                 R"({"AWS":"AROAAPP000000000"})",
                                 R"({"AWS":"AIDAERIN00000000"})",
                                 R"({"Service":"secretsmanager.amazonaws.com"})",
                                 R"({"Federated":"ci.example","AWS":[]})",
                                 R"({"AWS":"arn:aws:iam::444455556666:role/app"})",
                                 R"({"CanonicalUser":"79a59df900b949e5"})"};

}  // namespace

std::string PolicyGenerator::value() {
    return pick(kValues);
}

std::string PolicyGenerator::resource() {
    if (one_in(6)) return "*";
    return std::string(kHeads.at(one_in(5) ? 1 : 0)) + pick(kNames);
}

std::string PolicyGenerator::resource_pattern() {
    if (one_in(3)) return quoted("*");
    return quoted(std::string(pick(kHeads)) + pick(kNamePatterns));
}

std::string PolicyGenerator::principal() {
    return std::string(one_in(6) ? R"("NotPrincipal":)" : R"("Principal":)") + pick(kPrincipals);
}

std::string PolicyGenerator::values_for(const std::string& op) {
    if (one_in(40)) return "[]";
    const auto from = [this](const auto& list) { return some([&] { return quoted(pick(list)); }); };
    if (op.find("Numeric") != std::string::npos) return one_in(4) ? "7" : from(kNumbers);
    if (op.find("Date") != std::string::npos) return from(kDates);
    if (op.find("IpAddress") != std::string::npos) return from(kRanges);
    if (op.find("Arn") != std::string::npos) return variables_ ? from(kArns) : R"("arn:aws:iam::*:role/*")";
    if (op.find("Binary") != std::string::npos) return from(kBlobs);
    if (op.find("Null") != std::string::npos) return one_in(2) ? "true" : R"("false")";
    if (op.find("Bool") != std::string::npos && !variables_) return "[true, \"FALSE\"]";
    if (op.find("Bool") != std::string::npos)
        return one_in(3) ? R"("${aws:SecureTransport, 'true'}")" : R"(["true"])";
    return from(kTexts);
}

std::string PolicyGenerator::condition() {
    std::string out = "{";
    std::vector<std::string> used;
    for (std::size_t n = below(3); n > 0; --n) {
        std::string op = pick(kOperators);
        if (op != "Null") {
            if (one_in(4)) op += "IfExists";
            if (one_in(3)) op.insert(0, one_in(2) ? "ForAllValues:" : "ForAnyValue:");
        }
        bool again = false;
        for (const auto& name : used) again = again || name == op;
        if (again) continue;
        if (!used.empty()) out += ",";
        used.push_back(op);
        out += quoted(op) + ":{" + quoted(pick(kKeys)) + ":" + values_for(op) + "}";
    }
    return out + "}";
}

std::string PolicyGenerator::statement(DocumentKind kind) {
    std::string out = std::string("{\"Effect\":") + (one_in(4) ? "\"Deny\"" : "\"Allow\"");
    out += one_in(6) ? ",\"NotAction\":" : ",\"Action\":";
    out += some([this] { return quoted(pick(kActionPatterns)); });
    if (kind == DocumentKind::resource || kind == DocumentKind::listener) out += "," + principal();
    if (kind == DocumentKind::trust) out += std::string(",\"Principal\":") + pick(kPrincipals);
    if (kind != DocumentKind::trust) {
        out += one_in(6) ? ",\"NotResource\":" : ",\"Resource\":";
        out += some([this] { return resource_pattern(); });
    }
    if (!one_in(3)) out += ",\"Condition\":" + condition();
    return out + "}";
}

std::string PolicyGenerator::document(DocumentKind kind) {
    // Without variables not all texts that have some are valid.
    const bool old = one_in(12);
    variables_ = !old;
    std::string out = old ? (one_in(2) ? "{" : R"({"Version":"2008-10-17",)") : R"({"Version":"2012-10-17",)";
    out += "\"Statement\":";
    if (one_in(4)) return out + statement(kind) + "}";
    out += "[" + statement(kind);
    for (std::size_t n = below(3); n > 0; --n) out += "," + statement(kind);
    return out + "]}";
}

Principal PolicyGenerator::caller() {
    Principal out = alice();
    switch (below(8)) {
        case 0:
            out = {PrincipalType::account,
                   "arn:aws:iam::111122223333:root",
                   "",
                   "111122223333",
                   "111122223333",
                   "",
                   "",
                   {},
                   {}};
            break;
        case 1:
            out = {PrincipalType::service, "", "", "", "", "secretsmanager.amazonaws.com", "", {}, {}};
            break;
        case 2:
            out = role_session("444455556666", "app", "AROAFAR000000000", "s1");
            break;
        case 3:
        case 4:
            out = role_session("111122223333", "app", "AROAAPP000000000", "s1");
            break;
        default:
            out.arn = "arn:aws:iam::111122223333:user/erin";
            out.id = "AIDAERIN00000000";
            out.name = "erin";
    }
    if (one_in(2)) out.tags.push_back({one_in(2) ? "team" : "Team", value()});
    if (one_in(4)) out.tags.push_back({"TEAM", value()});
    if (one_in(10)) out.federated_provider = "ci.example";
    return out;
}

TestRequest PolicyGenerator::request() {
    TestRequest out;
    out.principal = caller();
    out.action = find_action(pick(kActions)).value();
    out.resource = out.action == Action::sts_assume_role ? kRole.front() : resource();
    if (one_in(2)) out.resource_tags.push_back({one_in(2) ? "team" : "tEAM", value()});
    if (one_in(3)) out.request_tags.push_back({"team", value()});
    if (one_in(6)) out.request_tags.push_back({"stage", value()});
    if (one_in(2))
        out.time = Timestamp::from_millis(1782864000000 + static_cast<std::int64_t>(below(3)) * 1000 - 1000);
    constexpr std::array kSet{"aws:UserAgent",       "aws:SourceIp",
                              "aws:SecureTransport", "secretsmanager:VersionStage",
                              "aws:SourceVpce",      "example:Colour"};
    for (const auto* key : kSet) {
        if (!one_in(2)) continue;
        std::vector<std::string> values;
        for (std::size_t n = one_in(4) ? below(4) : 1; n > 0; --n) values.push_back(value());
        out.context.emplace_back(key, std::move(values));
    }
    return out;
}

/// What the ARNs of user erin and role app meant when a policy was put: them, others of before, nobody; or
/// that was not kept.
PrincipalIds PolicyGenerator::meanings() {
    constexpr std::array kErin{"AIDAERIN00000000", "AIDAERIN00000001", ""};
    constexpr std::array kApp{"AROAAPP000000000", "AROAAPP0000000000", ""};
    PrincipalIds ids;
    if (!one_in(3)) ids.emplace("arn:aws:iam::111122223333:user/erin", pick(kErin));
    if (!one_in(3)) ids.emplace("arn:aws:iam::111122223333:role/app", pick(kApp));
    return ids;
}

TestPolicies PolicyGenerator::policies(Action action) {
    TestPolicies out;
    for (std::size_t n = below(3); n > 0; --n) out.add_identity(document(DocumentKind::identity), "identity");
    if (one_in(5)) out.add_session(document(DocumentKind::session), "session");
    if (one_in(5)) out.set_boundary(document(DocumentKind::boundary), "boundary");
    if (one_in(5)) out.set_listener(document(DocumentKind::listener), "listener");
    if (one_in(5)) out.set_stored_listener(document(DocumentKind::listener), "stored listener");
    const auto kind = action == Action::sts_assume_role ? DocumentKind::trust : DocumentKind::resource;
    if (one_in(2)) {
        const auto text = document(kind);
        out.set_resource(text, "resource", kind, meanings());
    }
    return out;
}

}  // namespace coffer::access::test
