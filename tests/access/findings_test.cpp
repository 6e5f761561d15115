// Findings, each with its code and place. The checks that IAM Access Analyzer has bear its codes ("Access
// Analyzer policy check reference"); what is public follows S3's "The meaning of public" and Secrets
// Manager's PutResourcePolicy. Positions were counted by hand.

#include "daemon/access/findings.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/access/document_parser.hpp"

namespace coffer::access {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<Finding> find(const std::string& text, DocumentKind kind = DocumentKind::identity) {
    const FindingOptions options{"aws", "111122223333", Timestamp::from_millis(1'782'864'000'000)};
    return find_problems(parse_policy(text, {kind, 0}), options);
}

/// "CODE@line:column", in order.
std::vector<std::string> codes(const std::string& text, DocumentKind kind = DocumentKind::identity) {
    std::vector<std::string> out;
    for (const auto& finding : find(text, kind)) {
        EXPECT_FALSE(finding.message.empty());
        EXPECT_FALSE(finding.advice.empty());
        out.push_back(finding.code + "@" + std::to_string(finding.at.line) + ":" +
                      std::to_string(finding.at.column));
    }
    return out;
}

/// A document of one statement, which begins on line 2.
std::string one(const std::string& elements) {
    return "{\"Version\":\"2012-10-17\",\"Statement\":\n{" + elements + "}}";
}

/// GetSecretValue on one folder with a condition, whose value begins at line 4, column 13.
std::string with_condition(const std::string& condition, const char* effect = "Allow") {
    return one(std::string("\"Effect\":\"") + effect +
               "\",\"Action\":\"secretsmanager:GetSecretValue\",\n"
               "\"Resource\":\"arn:aws:secretsmanager:us-east-1:111122223333:secret:a/*\",\n\"Condition\":" +
               condition);
}

/// Of a trust policy, where the daemon has one identity provider.
std::vector<std::string> trust_codes(const std::string& elements) {
    FindingOptions options{"aws", "111122223333", Timestamp::from_millis(1'782'864'000'000)};
    options.identity_providers = {"ci.example:8443/realms/x"};
    std::vector<std::string> out;
    for (const auto& finding :
         find_problems(parse_policy(one(elements), {DocumentKind::trust, 0}), options)) {
        out.push_back(finding.code + "@" + std::to_string(finding.at.line) + ":" +
                      std::to_string(finding.at.column));
    }
    return out;
}

TEST(Findings, IdentityProviders) {
    const std::string known =
        R"("Effect":"Allow","Principal":{"Federated":"arn:aws:iam::111122223333:oidc-provider/ci.example:8443/realms/x"},)"
        R"("Action":"sts:AssumeRoleWithWebIdentity")";
    EXPECT_THAT(
        trust_codes(known + R"(,"Condition":{"StringEquals":{"ci.example:8443/realms/x:sub":"job-7"}})"),
        IsEmpty());
    EXPECT_THAT(
        trust_codes(known +
                    R"(,"Condition":{"ForAnyValue:StringLike":{"CI.example:8443/realms/x:groups":"ops*"}})"),
        IsEmpty());
    // Everybody: no condition, or none that says who. The ARN begins at column 44.
    const auto everybody = ElementsAre("WEB_IDENTITY_WITHOUT_SUBJECT@2:44");
    EXPECT_THAT(trust_codes(known), everybody);
    for (const auto* condition : {R"({"StringEquals":{"ci.example:8443/realms/x:aud":"build"}})",
                                  R"({"StringLike":{"ci.example:8443/realms/x:sub":"*"}})",
                                  R"({"StringNotEquals":{"ci.example:8443/realms/x:sub":"job-7"}})",
                                  R"({"StringEqualsIfExists":{"ci.example:8443/realms/x:sub":"job-7"}})",
                                  R"({"Null":{"ci.example:8443/realms/x:sub":"false"}})",
                                  R"({"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}})"}) {
        EXPECT_THAT(trust_codes(known + R"(,"Condition":)" + condition), everybody) << condition;
    }
    std::string denied = known;
    denied.replace(denied.find("Allow"), 5, "Deny");
    EXPECT_THAT(trust_codes(denied), IsEmpty());
    EXPECT_THAT(
        trust_codes(R"("Effect":"Allow","Action":"sts:AssumeRoleWithWebIdentity",)"
                    "\n"
                    R"("Principal":{"Federated":"arn:aws:iam::111122223333:oidc-provider/other.example"})"),
        ElementsAre("UNKNOWN_IDENTITY_PROVIDER@3:26"));
    EXPECT_THAT(
        trust_codes(R"("Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"sts:AssumeRole",)"
                    "\n"
                    R"("Condition":{"StringEquals":{"ci.example:8443/realms/x:sub":"a"}})"),
        ElementsAre("KEY_NOT_FOR_ACTION@3:30"));
    EXPECT_THAT(trust_codes(denied + ",\n" + R"("Condition":{"StringEquals":{"other.example:sub":"a"}})"),
                ElementsAre("UNKNOWN_IDENTITY_PROVIDER@3:30"));
    // A key without a dot before its colon is no provider's.
    EXPECT_THAT(trust_codes(denied + ",\n" + R"("Condition":{"StringEquals":{"ci:sub":"a"}})"),
                ElementsAre("INVALID_CONDITION_KEY@3:30"));
    // Where nothing is known of providers, nothing is said of them.
    EXPECT_THAT(codes(one(denied + R"(,"Condition":{"StringEquals":{"other.example:sub":"a"}})"),
                      DocumentKind::trust),
                IsEmpty());
}

TEST(Findings, AGoodPolicyHasNone) {
    EXPECT_THAT(codes(with_condition(R"({"StringEquals":{"secretsmanager:VersionStage":"AWSCURRENT"}})")),
                IsEmpty());
    EXPECT_THAT(codes(one(R"("Effect":"Allow","Action":"secretsmanager:ListSecrets","Resource":"*")")),
                IsEmpty());
}

TEST(Findings, Versions) {
    const std::string rest =
        R"("Statement":{"Effect":"Allow","Action":"secretsmanager:ListSecrets","Resource":"*"}})";
    EXPECT_THAT(codes("{" + rest), ElementsAre("MISSING_VERSION@1:14"));
    EXPECT_THAT(codes("{\"Version\":\"2008-10-17\"," + rest), ElementsAre("OUTDATED_VERSION@1:37"));
    EXPECT_THAT(
        codes(
            R"({"Version":"2008-10-17","Statement":{"Effect":"Allow","Action":"secretsmanager:GetSecretValue",
"Resource":"arn:aws:secretsmanager:us-east-1:111122223333:secret:${aws:username}/*"}})"),
        ElementsAre("OUTDATED_VERSION@1:37", "VARIABLE_IN_OLD_VERSION@2:12"));
}

TEST(Findings, Actions) {
    const auto actions = [](const char* list) {
        return codes(one(std::string("\"Effect\":\"Allow\",\"Resource\":\"*\",\n\"Action\":") + list));
    };
    EXPECT_THAT(actions(R"("secretsmanager:GetSecretsValue")"), ElementsAre("INVALID_ACTION@3:10"));
    EXPECT_THAT(actions(R"(["secretsmanager:ListSecrets","secretsmanager:Fetch*"])"),
                ElementsAre("INVALID_ACTION@3:40"));
    EXPECT_THAT(actions(R"("s3:GetObject")"), ElementsAre("FOREIGN_SERVICE@3:10"));
    EXPECT_THAT(actions("[]"), ElementsAre("EMPTY_ARRAY_ACTION@3:1"));
    EXPECT_THAT(actions(R"("*")"), ElementsAre("ALLOW_ALL@3:1"));
    const auto findings =
        find(one(R"("Effect":"Allow","Resource":"*","Action":"secretsmanager:GetSecretsValue")"));
    ASSERT_EQ(findings.size(), 1U);
    EXPECT_EQ(findings[0].severity, Severity::error);
    EXPECT_EQ(findings[0].statement, 1U);
    EXPECT_EQ(findings[0].message,
              "The action secretsmanager:GetSecretsValue does not exist; did you mean "
              "secretsmanager:GetSecretValue?");
    EXPECT_THAT(codes(one("\"Effect\":\"Allow\",\"Resource\":\"*\",\n\"NotAction\":\"iam:*\"")),
                ElementsAre("ALLOW_WITH_NOT_ACTION@3:1"));
}

// The largest document of nothing but mistakes is checked, and every mistake is named.
TEST(Findings, ManyMistakesAreHarmless) {
    std::string actions = "\"iam:Nothing0\"";
    for (int i = 1; i < 1'000; ++i) actions += ",\"iam:Nothing" + std::to_string(i) + "\"";
    const auto text =
        "{\"Statement\":{\"Effect\":\"Deny\",\"Principal\":\"*\",\"Resource\":\"*\",\"Action\":[" + actions +
        "]}}";
    EXPECT_EQ(find(text, DocumentKind::resource).size(), 1'001U);
}

TEST(Findings, ResourcesThatSuitNoAction) {
    EXPECT_THAT(codes(one("\"Effect\":\"Allow\",\"Action\":[\"secretsmanager:ListSecrets\",\n"
                          "\"secretsmanager:GetSecretValue\"],\n"
                          "\"Resource\":\"arn:aws:secretsmanager:us-east-1:111122223333:secret:a/*\"")),
                ElementsAre("ACTION_NEEDS_ALL_RESOURCES@2:29"));
    EXPECT_THAT(codes(one("\"Effect\":\"Allow\",\"Action\":\"secretsmanager:GetSecretValue\",\n"
                          "\"Resource\":\"arn:aws:iam::111122223333:user/a\"")),
                ElementsAre("UNSUITABLE_RESOURCE@2:28"));
}

TEST(Findings, ResourcesThatMatchNothing) {
    const auto resource = [](const std::string& arn) {
        return codes(
            one("\"Effect\":\"Allow\",\"Action\":\"secretsmanager:GetSecretValue\",\n\"Resource\":\"" + arn +
                "\""));
    };
    const std::string head = "arn:aws:secretsmanager:us-east-1:111122223333:secret:";
    for (const auto* name : {"app/db", "app/db-?????", "db", "a-", "app/db-abcde", "app/db_abcdef",
                             "app/db-abc.ef", "*/db", "app*/db/"}) {
        EXPECT_THAT(resource(head + name), ElementsAre("SECRET_ARN_WITHOUT_SUFFIX@3:12")) << name;
    }
    for (const auto* name :
         {"app/db-??????", "app/db-Qw34Er", "app/db*", "app/*", "*", "app/???????", "app/db-Qw34??",
          "x*-??????", "${aws:username, 'x'}", "${aws:username, 'x'}/*"}) {
        EXPECT_THAT(resource(head + name), IsEmpty()) << name;
    }
    EXPECT_THAT(resource("arn:aws:secretsmanager:us-east-1:111122223333:*"), IsEmpty());
    EXPECT_THAT(resource("arn:*:secretsmanager:*:*:secret:*"), IsEmpty());
    EXPECT_THAT(resource("arn:aws:secretsmanager:us-east-1:111122223333:app/db-??????"),
                ElementsAre("INVALID_RESOURCE@3:12"));
    EXPECT_THAT(resource("arn:aws-cn:secretsmanager:us-east-1:111122223333:secret:a*"),
                ElementsAre("WRONG_PARTITION@3:12"));
    EXPECT_THAT(resource("arn:aws:secretsmanager:us-east-1:444455556666:secret:a*"),
                ElementsAre("OTHER_ACCOUNT@3:12"));
    EXPECT_THAT(
        codes(one("\"Effect\":\"Allow\",\"Action\":\"secretsmanager:GetSecretValue\",\n\"Resource\":[]")),
        ElementsAre("EMPTY_ARRAY_RESOURCE@3:1"));
}

TEST(Findings, ConditionKeys) {
    EXPECT_THAT(codes(with_condition(R"({"StringEquals":{"aws:SourceVPCE":"a","aws:SourceVpceId":"b"}})")),
                ElementsAre("INVALID_CONDITION_KEY@4:51"));
    EXPECT_THAT(codes(with_condition(R"({"StringEquals":{"example:Colour":"red"}})")),
                ElementsAre("INVALID_CONDITION_KEY@4:30"));
    EXPECT_THAT(codes(with_condition(R"({"Bool":{"aws:MultiFactorAuthPresent":"true"}})")),
                ElementsAre("KEY_NEVER_PRESENT@4:22"));
    EXPECT_THAT(codes(with_condition(R"({"NumericLessThan":{"secretsmanager:RecoveryWindowInDays":"7"}})")),
                ElementsAre("KEY_NOT_FOR_ACTION@4:33"));
    EXPECT_THAT(codes(with_condition(
                    R"({"StringEquals":{"aws:PrincipalTag/team":"a","secretsmanager:ResourceTag/b":"c"}})")),
                IsEmpty());
}

// AWS, KafkaServiceRolePolicy and the type ARN in the service authorization reference: SecretId is compared
// as the complete ARN.
TEST(Findings, ValuesThatAreNeverASecretsArn) {
    const auto id = [](const std::string& op, const std::string& value) {
        return codes(with_condition("{\"" + op + R"(":{"secretsmanager:SecretId":")" + value + "\"}}"));
    };
    const std::string head = "arn:aws:secretsmanager:us-east-1:111122223333:secret:";
    for (const auto& [op, value] : std::vector<std::pair<std::string, std::string>>{
             {"StringEquals", "app/db"},
             {"StringLike", "app/*"},
             {"StringLike", "app/db"},
             {"StringLike", "*app/db"},
             {"StringEquals", head + "app/db"},
             {"StringNotEquals", "app/db"},
             {"ArnEquals", head + "app/db"},
             {"ArnLike", "arn:aws:s3:us-east-1:111122223333:secret:app/db-??????"},
             {"ArnLike", "arn:aws:secretsmanager:*:*:app/*"}}) {
        const auto found = id(op, value);
        EXPECT_TRUE(found.size() == 1 && found[0].starts_with("VALUE_NEVER_MATCHES")) << op << " " << value;
    }
    for (const auto& [op, value] : std::vector<std::pair<std::string, std::string>>{
             {"StringEquals", head + "app/db-Qw34Er"},
             {"StringLike", "*app/db-??????"},
             {"StringLike", "*agree/b-*"},
             {"StringLike", "arn:*:secret:app/*"},
             {"StringLike", "*"},
             {"ArnLike", "arn:*:secretsmanager:*:*:secret:AmazonMSK_*"},
             {"ArnLike", head + "app/db-??????"},
             {"ArnLike", head + "${aws:username}/*"}}) {
        EXPECT_THAT(id(op, value), IsEmpty()) << op << " " << value;
    }
}

// docs/policies.md: keys of AWS whose requests are not taken here.
TEST(Findings, KeysThatNoRequestHas) {
    const auto of = [](const std::string& action, const std::string& condition) {
        return codes(one("\"Effect\":\"Allow\",\"Action\":\"" + action +
                         "\",\n\"Resource\":\"*\",\n\"Condition\":" + condition));
    };
    for (const auto& [action, key] : std::vector<std::pair<std::string, std::string>>{
             {"secretsmanager:CreateSecret", "secretsmanager:Type"},
             {"secretsmanager:GetSecretValue", "secretsmanager:resource/Type"},
             {"secretsmanager:RotateSecret", "secretsmanager:ExternalSecretRotationRoleArn"},
             {"iam:PassRole", "iam:PassedToService"},
             {"secretsmanager:GetSecretValue", "aws:SourceAccount"}}) {
        const auto found = of(action, R"({"StringEquals":{")" + key + R"(":"x"}})");
        EXPECT_TRUE(found.size() == 1 && found[0].starts_with("KEY_NEVER_PRESENT")) << key;
    }
    EXPECT_THAT(of("secretsmanager:UpdateSecret",
                   R"({"ArnLike":{"secretsmanager:KmsKeyArn":"arn:aws:kms:*:*:key/*"}})"),
                IsEmpty());
    EXPECT_THAT(of("secretsmanager:CreateSecret",
                   R"({"Bool":{"secretsmanager:ForceOverwriteReplicaSecret":"false"}})"),
                IsEmpty());
}

TEST(Findings, Operators) {
    EXPECT_THAT(codes(with_condition(R"({"IpAddress":{"aws:UserAgent":"10.0.0.0/8"}})")),
                ElementsAre("TYPE_MISMATCH@4:14"));
    EXPECT_THAT(codes(with_condition(R"({"DateLessThan":{"aws:SecureTransport":"2030"}})")),
                ElementsAre("TYPE_MISMATCH@4:14"));
    EXPECT_THAT(codes(with_condition(R"({"NumericLessThan":{"aws:EpochTime":"1782864000"}})")), IsEmpty());
    EXPECT_THAT(codes(with_condition(R"({"StringEquals":{"aws:TagKeys":"a"}})")),
                ElementsAre("MULTIVALUED_KEY_WITHOUT_SET_OPERATOR@4:14"));
    EXPECT_THAT(codes(with_condition(R"({"ForAllValues:StringEquals":{"aws:TagKeys":"a"}})")),
                ElementsAre("ALLOW_WITH_FOR_ALL_VALUES@4:14"));
    EXPECT_THAT(codes(with_condition(
                    R"({"ForAllValues:StringEquals":{"aws:TagKeys":"a"},"Null":{"aws:tagkeys":false}})")),
                IsEmpty());
    EXPECT_THAT(codes(with_condition(R"({"ForAllValues:StringEquals":{"aws:TagKeys":"a"}})", "Deny")),
                IsEmpty());
    EXPECT_THAT(
        codes(with_condition(R"({"Null":{"aws:SourceVpce":true},"StringEquals":{"aws:SourceVpce":"x"}})")),
        ElementsAre("NULL_WITH_CONDITION_KEY@4:22"));
    EXPECT_THAT(
        codes(with_condition(R"({"Null":{"aws:SourceVpce":false},"StringEquals":{"aws:SourceVpce":"x"}})")),
        IsEmpty());
}

TEST(Findings, ConditionValues) {
    EXPECT_THAT(codes(with_condition(R"({"StringEquals":{"aws:UserAgent":["a","b*"]}})")),
                ElementsAre("WILDCARD_WITHOUT_LIKE_OPERATOR@4:51"));
    EXPECT_THAT(codes(with_condition(R"({"DateLessThan":{"aws:CurrentTime":"2026-06-30"}})")),
                ElementsAre("DATE_IN_PAST@4:48"));
    EXPECT_THAT(codes(with_condition(R"({"DateLessThan":{"aws:CurrentTime":"2026-07-02"}})")), IsEmpty());
    EXPECT_THAT(codes(with_condition(R"({"DateGreaterThan":{"aws:CurrentTime":"2026-06-30"}})")), IsEmpty());
    EXPECT_THAT(codes(with_condition(R"({"IpAddress":{"aws:SourceIp":"10.0.0.1/8"}})")),
                ElementsAre("IP_RANGE_WITH_HOST_BITS@4:42"));
    EXPECT_THAT(codes(with_condition(R"({"StringLike":{"aws:userid":"*:rotator"}})")),
                ElementsAre("SESSION_NAME_IS_CHOSEN@4:41"));
    EXPECT_THAT(codes(with_condition(R"({"StringEquals":{"aws:UserAgent":[]}})")),
                ElementsAre("EMPTY_ARRAY_CONDITION@4:30"));
}

TEST(Findings, VariablesInADeny) {
    EXPECT_THAT(codes(with_condition(
                    R"({"StringEquals":{"aws:ResourceTag/team":"${aws:PrincipalTag/team}"}})", "Deny")),
                ElementsAre("DENY_WITH_VARIABLE@4:53"));
    EXPECT_THAT(codes(with_condition(
                    R"({"StringEquals":{"aws:ResourceTag/team":"${aws:PrincipalTag/team, 'x'}"}})", "Deny")),
                IsEmpty());
    EXPECT_THAT(codes(with_condition(R"({"StringEquals":{"aws:ResourceTag/team":"${aws:PrincipalAccount}"}})",
                                     "Deny")),
                IsEmpty());
    EXPECT_THAT(
        codes(with_condition(R"({"StringEquals":{"aws:ResourceTag/team":"${aws:PrincipalTag/team}"}})")),
        IsEmpty());
}

TEST(Findings, Lookalikes) {
    // Cyrillic a; zero-width space; full-width digit beside Latin letters; a word wholly in Cyrillic; an
    // accent.
    EXPECT_THAT(codes(with_condition("{\"StringEquals\":{\"aws:username\":\"\xD0\xB0lice\"}}")),
                ElementsAre("UNICODE_LOOKALIKE@4:45"));
    EXPECT_THAT(codes(with_condition("{\"StringEquals\":{\"aws:username\":\"ali\xE2\x80\x8B"
                                     "ce\"}}")),
                ElementsAre("UNICODE_LOOKALIKE@4:45"));
    EXPECT_THAT(codes(with_condition("{\"StringEquals\":{\"aws:username\":\"team\xEF\xBC\x91\"}}")),
                ElementsAre("UNICODE_LOOKALIKE@4:45"));
    EXPECT_THAT(codes(with_condition(
                    "{\"StringEquals\":{\"aws:username\":\"\xD0\xB0\xD0\xB4\xD0\xBC\xD0\xB8\xD0\xBD\"}}")),
                IsEmpty());
    EXPECT_THAT(codes(with_condition("{\"StringEquals\":{\"aws:username\":\"caf\xC3\xA9\"}}")), IsEmpty());
}

std::string two(const char* first, const char* second) {
    return std::string("{\"Version\":\"2012-10-17\",\"Statement\":[\n") + first + ",\n" + second + "]}";
}

TEST(Findings, StatementsThatAnotherOneCovers) {
    const auto* const narrow =
        R"({"Effect":"Allow","Action":"secretsmanager:GetSecretValue","Resource":"arn:aws:secretsmanager:us-east-1:111122223333:secret:a/*"})";
    const auto* const wide =
        R"({"Effect":"Allow","Action":"secretsmanager:Get*","Resource":"arn:aws:secretsmanager:*:111122223333:secret:*"})";
    const auto* const deny = R"({"Effect":"Deny","Action":"secretsmanager:*","Resource":"*"})";
    const auto* const limited =
        R"({"Effect":"Deny","Action":"secretsmanager:*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":false}}})";
    EXPECT_THAT(codes(two(narrow, wide)), ElementsAre("REDUNDANT_STATEMENT@2:1"));
    EXPECT_THAT(codes(two(wide, narrow)), ElementsAre("REDUNDANT_STATEMENT@3:1"));
    EXPECT_THAT(codes(two(narrow, narrow)), ElementsAre("REDUNDANT_STATEMENT@3:1"));
    EXPECT_THAT(codes(two(narrow, deny)), ElementsAre("SHADOWED_ALLOW@2:1"));
    EXPECT_THAT(codes(two(deny, narrow)), ElementsAre("SHADOWED_ALLOW@3:1"));
    EXPECT_THAT(codes(two(narrow, limited)), IsEmpty());
    EXPECT_THAT(codes(two(limited, deny)), ElementsAre("REDUNDANT_STATEMENT@2:1"));
}

std::string granted_to(const std::string& principal, const std::string& condition = "") {
    return one("\"Effect\":\"Allow\",\"Action\":\"secretsmanager:GetSecretValue\",\"Resource\":\"*\",\n" +
               principal + (condition.empty() ? "" : ",\n\"Condition\":" + condition));
}

TEST(Findings, Principals) {
    constexpr auto kind = DocumentKind::resource;
    EXPECT_THAT(codes(granted_to(R"("Principal":"*")"), kind), ElementsAre("PUBLIC_ACCESS@3:1"));
    EXPECT_THAT(codes(granted_to(R"("Principal":{"AWS":"111122223333"})"), kind), IsEmpty());
    EXPECT_THAT(codes(granted_to(R"("NotPrincipal":{"AWS":"111122223333"})"), kind),
                ElementsAre("ALLOW_WITH_NOT_PRINCIPAL@3:1"));
    EXPECT_THAT(codes(granted_to(R"("Principal":{})"), kind), ElementsAre("EMPTY_OBJECT_PRINCIPAL@3:1"));
    EXPECT_THAT(codes(granted_to(R"("Principal":{"CanonicalUser":"79a5"})"), kind),
                ElementsAre("UNSUPPORTED_PRINCIPAL@3:30"));
    EXPECT_THAT(codes(granted_to(R"("Principal":"*")"), DocumentKind::listener), IsEmpty());
    EXPECT_THAT(codes(one("\"Effect\":\"Deny\",\"Action\":\"*\",\"Resource\":\"*\",\n\"NotPrincipal\":{"
                          "\"AWS\":\"111122223333\"}"),
                      kind),
                ElementsAre("DENY_WITH_NOT_PRINCIPAL@3:1"));
}

/// Of the own policy of the secret app/db, with a Deny for this account; `elements` begin line 3.
std::vector<std::string> own_codes(const std::string& elements, bool of_any = false) {
    FindingOptions options{"aws", "111122223333", Timestamp::from_millis(1'782'864'000'000)};
    if (!of_any) options.secret = "arn:aws:secretsmanager:us-east-1:111122223333:secret:app/db-Qw34Er";
    const auto text = one("\"Effect\":\"Deny\",\"Principal\":{\"AWS\":\"111122223333\"},\n" + elements);
    std::vector<std::string> out;
    for (const auto& finding : find_problems(parse_policy(text, {DocumentKind::resource, 0}), options)) {
        out.push_back(finding.code + "@" + std::to_string(finding.at.line) + ":" +
                      std::to_string(finding.at.column));
    }
    return out;
}

// A secret's own policy is asked about that secret alone.
TEST(Findings, ResourcesOfASecretsOwnPolicy) {
    const auto resource = [](const std::string& arn, const char* element = "Resource", bool of_any = false) {
        return own_codes(
            std::string("\"") + element + "\":\"" + arn + "\",\"Action\":\"secretsmanager:GetSecretValue\"",
            of_any);
    };
    const std::string head = "arn:aws:secretsmanager:us-east-1:111122223333:secret:";
    for (const auto& own :
         {std::string("*"), head + "app/db-Qw34Er", head + "app/db-??????", head + "app/*",
          std::string("arn:aws:secretsmanager:*:*:secret:app/d*"), head + "${aws:username, 'x'}-??????"}) {
        EXPECT_THAT(resource(own), IsEmpty()) << own;
    }
    for (const auto& other : {head + "app/db-Qw34Es", head + "app/db2-??????", head + "APP/*",
                              std::string("arn:aws:secretsmanager:eu-west-1:111122223333:secret:app/*")}) {
        EXPECT_THAT(resource(other), ElementsAre("OTHER_SECRET@3:12")) << other;
        EXPECT_THAT(resource(other, "Resource", true), IsEmpty()) << other;
        EXPECT_THAT(resource(other, "NotResource"), IsEmpty()) << other;
    }
    EXPECT_THAT(resource(head + "app/db"), ElementsAre("SECRET_ARN_WITHOUT_SUFFIX@3:12")) << "said once";
    EXPECT_THAT(resource(head + "app/*", "NotResource"), ElementsAre("NOT_RESOURCE_IS_THIS_SECRET@3:15"));
}

TEST(Findings, ActionsOfASecretsOwnPolicy) {
    const auto action = [](const std::string& name) {
        return own_codes("\"Resource\":\"*\",\"Action\":\"" + name + "\"");
    };
    for (const auto* name : {"secretsmanager:ListSecrets", "secretsmanager:CreateSecret",
                             "secretsmanager:GetRandomPassword", "iam:GetUser", "kms:Decrypt"}) {
        EXPECT_THAT(action(name), ElementsAre("NOT_AN_ACTION_ON_SECRETS@3:25")) << name;
        EXPECT_THAT(
            codes(one(std::string("\"Effect\":\"Allow\",\"Resource\":\"*\",\"Action\":\"") + name + "\"")),
            IsEmpty())
            << name;
    }
    for (const auto* name :
         {"secretsmanager:GetSecretValue", "secretsmanager:*", "*", "coffer:GetRotation"}) {
        EXPECT_THAT(action(name), IsEmpty()) << name;
    }
}

bool is_public_policy(const std::string& text) {
    return is_public(parse_policy(text, {DocumentKind::resource, 0}));
}

TEST(PublicAccess, EverybodyWithoutLimitIsPublic) {
    EXPECT_TRUE(is_public_policy(granted_to(R"("Principal":"*")")));
    EXPECT_TRUE(is_public_policy(granted_to(R"("Principal":{"AWS":"*"})")));
    EXPECT_TRUE(
        is_public_policy(granted_to(R"("Principal":{"AWS":["arn:aws:iam::111122223333:role/reader","*"]})")));
    EXPECT_TRUE(is_public_policy(granted_to(R"("NotPrincipal":{"AWS":"arn:aws:iam::111122223333:user/a"})")));
    EXPECT_FALSE(is_public_policy(granted_to(R"("Principal":{"AWS":"444455556666"})")));
    EXPECT_FALSE(is_public_policy(granted_to(R"("Principal":{"Service":"secretsmanager.amazonaws.com"})")));
}

TEST(PublicAccess, ADenyIsNot) {
    EXPECT_FALSE(is_public_policy(one(
        R"("Effect":"Deny","Principal":"*","Action":"*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":false}})")));
}

TEST(PublicAccess, FixedValuesLimit) {
    const auto with = [](const char* condition) {
        return is_public_policy(granted_to(R"("Principal":"*")", condition));
    };
    for (const auto* limit :
         {R"({"StringEquals":{"aws:PrincipalAccount":"111122223333"}})",
          R"({"StringEquals":{"aws:SourceVpce":"vpce-1"}})",
          R"({"StringEquals":{"aws:SourceVpc":["vpc-1","vpc-2"]}})",
          R"({"StringLike":{"aws:SourceAccount":"111122223333"}})",
          R"({"ArnEquals":{"aws:SourceArn":"arn:aws:sns:us-east-1:111122223333:t"}})",
          R"({"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::111122223333:role/*"}})",
          R"({"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}})",
          R"({"IpAddress":{"aws:SourceIp":"2001:db8::/32"}})",
          R"({"StringEquals":{"aws:userid":"AIDAEXAMPLE"}})",
          R"({"StringEquals":{"aws:PrincipalOrgID":"o-1"},"Bool":{"aws:SecureTransport":true}})"}) {
        EXPECT_FALSE(with(limit)) << limit;
    }
    for (const auto* none :
         {R"({"Bool":{"aws:SecureTransport":true}})", R"({"StringLike":{"aws:SourceVpce":"vpce-*"}})",
          R"({"StringEqualsIfExists":{"aws:SourceVpce":"vpce-1"}})",
          R"({"StringNotEquals":{"aws:SourceVpce":"vpce-1"}})",
          R"({"ForAllValues:StringEquals":{"aws:SourceVpce":"vpce-1"}})",
          R"({"IpAddress":{"aws:SourceIp":"0.0.0.0/0"}})",
          R"({"IpAddress":{"aws:SourceIp":["10.0.0.0/8","0.0.0.0/1"]}})",
          R"({"IpAddress":{"aws:SourceIp":"2001::/16"}})",
          R"({"NotIpAddress":{"aws:SourceIp":"10.0.0.0/8"}})",
          R"({"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/x"}})",
          R"({"StringLike":{"aws:userid":"AROAEXAMPLE:*"}})", R"({"StringEquals":{"aws:UserAgent":"x"}})",
          R"({"StringEquals":{"aws:PrincipalTag/a":"b"}})", R"({"Null":{"aws:SourceVpce":"false"}})",
          R"({"StringEquals":{"aws:SourceVpce":"${aws:PrincipalTag/v}"}})"}) {
        EXPECT_TRUE(with(none)) << none;
    }
}

}  // namespace
}  // namespace coffer::access
