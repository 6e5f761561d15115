// Documents that are not policies, each with the place and the reason; and what a good one becomes. Sources:
// "Grammar of the IAM JSON policy language" and the pages of its elements; RFC 8259 for JSON. Positions were
// counted by hand.

#include "daemon/access/document_parser.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/access/json_reader.hpp"
#include "daemon/access/limits.hpp"
#include "daemon/access/malformed_policy.hpp"

namespace coffer::access {
namespace {

using ::testing::HasSubstr;

PolicyDocument parse(std::string_view text, DocumentKind kind = DocumentKind::identity) {
    return parse_policy(text, {kind, 0});
}

struct Mistake {
    const char* text;
    TextPosition at;
    const char* reason;
    DocumentKind kind = DocumentKind::identity;
};

void expect_mistake(const Mistake& mistake) {
    SCOPED_TRACE(mistake.text);
    try {
        (void)parse(mistake.text, mistake.kind);
        ADD_FAILURE() << "accepted";
    } catch (const MalformedPolicy& e) {
        EXPECT_EQ(e.at().line, mistake.at.line) << e.what();
        EXPECT_EQ(e.at().column, mistake.at.column) << e.what();
        EXPECT_THAT(e.reason(), HasSubstr(mistake.reason));
        EXPECT_THAT(e.what(), HasSubstr("(line " + std::to_string(mistake.at.line) + ", column " +
                                        std::to_string(mistake.at.column) + ")"));
    }
}

constexpr auto kResource = DocumentKind::resource;
constexpr auto kTrust = DocumentKind::trust;

TEST(PolicyJson, MistakesHaveTheirPlace) {
    const Mistake mistakes[] = {
        {"", {1, 1}, "the document is empty"},
        {"  \n ", {2, 2}, "the document is empty"},
        {"{", {1, 2}, "a name in quotation marks, but the document ends here"},
        {"{\"Version\"", {1, 11}, "':', but the document ends here"},
        {"{\"Version\" \"2012-10-17\"}", {1, 12}, "expected ':'"},
        {"{\"Version\": }", {1, 13}, "a value"},
        {"{\"a\": 1,}", {1, 9}, "a name in quotation marks"},
        {"{\"a\": [1,]}", {1, 10}, "a value"},
        {"{\"a\": [1 2]}", {1, 10}, "',' or ']'"},
        {"{\"a\": 1 \"b\": 2}", {1, 9}, "',' or '}'"},
        {"{'a': 1}", {1, 2}, "a name in quotation marks"},
        {"{\"a\": 01}", {1, 8}, "',' or '}'"},
        {"{\"a\": +1}", {1, 7}, "a value"},
        {"{\"a\": 1.}", {1, 9}, "a digit"},
        {"{\"a\": -}", {1, 8}, "a digit"},
        {"{\"a\": 1e}", {1, 9}, "a digit"},
        {"{\"a\": tru}", {1, 7}, "a value"},
        {"{\"a\": NaN}", {1, 7}, "a value"},
        {"{} {}", {1, 4}, "text after the end"},
        {"{\"a\": \"b}", {1, 10}, "the closing quotation mark"},
        {"{\"a\": \"\n\"}", {1, 8}, "a control character"},
        {"{\"a\": \"\t\"}", {1, 8}, "a control character"},
        {"{\"a\": \"\\x\"}", {1, 9}, "an escape that JSON knows"},
        {"{\"a\": \"\\u12G4\"}", {1, 12}, "four hexadecimal digits"},
        {"{\"a\": \"\\uD800\"}", {1, 8}, "half of a surrogate pair"},
        {"{\"a\": \"\\uDC00x\"}", {1, 8}, "half of a surrogate pair"},
        {"{\"a\": \"\\uD83D\\u0041\"}", {1, 8}, "half of a surrogate pair"},
        {"{\"a\": \"\\u0000\"}", {1, 8}, "\\u0000"},
        {"// no\n{}", {1, 1}, "a value"},
        {"\xEF\xBB\xBF{}", {1, 1}, "a value"},
        {"{\"a\": \"\xC3\"}", {1, 8}, "not valid UTF-8"},
        {"{\"a\": \"\xC0\x80\"}", {1, 8}, "not valid UTF-8"},
        {"{\"a\": \"\xED\xA0\x80\"}", {1, 8}, "not valid UTF-8"},
        {"{\"a\": \"\xF4\x90\x80\x80\"}", {1, 8}, "not valid UTF-8"},
        // A character of two bytes and one of four are one column each.
        {"{\"\xC3\xA9\xF0\x9F\x94\x91\": }", {1, 8}, "a value"},
        {"{\r\n\t\"a\": x}", {2, 7}, "a value"},
    };
    for (const auto& mistake : mistakes) expect_mistake(mistake);
}

TEST(PolicyJson, DepthIsLimited) {
    const std::string deep = std::string(kMaxJsonDepth + 1, '[') + std::string(kMaxJsonDepth + 1, ']');
    expect_mistake(
        {deep.c_str(), {1, kMaxJsonDepth + 1}, "more than 16 objects and lists inside each other"});
    const std::string abyss(100'000, '[');
    expect_mistake({abyss.c_str(), {1, kMaxJsonDepth + 1}, "more than 16"});
}

TEST(PolicyJson, TextsAreDecoded) {
    const auto json = read_json(R"(["\"\\\/\b\f\n\r\t", "\u00e9\u20AC", "\ud83d\udd11"])", kMaxJsonDepth);
    ASSERT_EQ(json.root.items.size(), 3U);
    EXPECT_EQ(json.root.items[0].text, "\"\\/\b\f\n\r\t");
    EXPECT_EQ(json.root.items[1].text, "\xC3\xA9\xE2\x82\xAC");
    EXPECT_EQ(json.root.items[2].text, "\xF0\x9F\x94\x91");
}

TEST(PolicyDocument, MistakesHaveTheirPlace) {
    const Mistake mistakes[] = {
        {"[]", {1, 1}, "a policy is an object, not a list"},
        {"7", {1, 1}, "a policy is an object, not a number"},
        {"{}", {1, 1}, "Missing required field Statement"},
        {R"({"Version":"2012-10-17"})", {1, 1}, "Missing required field Statement"},
        {R"({"Version":"2012-10-18","Statement":[]})", {1, 12}, "Invalid policy version: \"2012-10-18\""},
        {R"({"Version":2012,"Statement":[]})",
         {1, 12},
         "The value of Version must be a string, not a number"},
        {R"({"Statement":[],"Statement":[]})", {1, 17}, "Duplicate key \"Statement\""},
        {R"({"Statement":[]})", {1, 14}, "there is no statement"},
        {R"({"Statement":"x"})", {1, 14}, "an object or a list of objects, not a string"},
        {R"({"Statement":["x"]})", {1, 15}, "The value of Statement must be an object, not a string"},
        {R"({"statement":[]})", {1, 2}, "Unknown element \"statement\""},
        {R"({"Id":"x","Statement":[]})", {1, 2}, "Has prohibited field Id"},
        {R"({"Statement":{"Action":"*","Resource":"*"}})", {1, 14}, "Missing required field Effect"},
        {R"({"Statement":{"Effect":"Allow","Resource":"*"}})", {1, 14}, "Missing required field Action"},
        {R"({"Statement":{"Effect":"Allow","Action":"*"}})", {1, 14}, "must contain resources"},
        {R"({"Statement":{"Effect":"allow","Action":"*","Resource":"*"}})",
         {1, 24},
         "Invalid effect: \"allow\""},
        {R"({"Statement":{"Effect":true,"Action":"*","Resource":"*"}})", {1, 24}, "a string, not a boolean"},
        {R"({"Statement":{"Effect":null}})", {1, 24}, "a string, not null"},
        {R"({"Statement":{"Effect":"Deny","Effect":"Deny"}})", {1, 31}, "Duplicate key \"Effect\""},
        {R"({"Statement":{"Effect":"Deny","Action":"*","NotAction":"*"}})",
         {1, 44},
         "either Action or NotAction"},
        {R"({"Statement":{"Resource":"*","NotResource":"*"}})", {1, 30}, "either Resource or NotResource"},
        {R"({"Statement":{"Efect":"Deny"}})", {1, 15}, "Unknown element \"Efect\""},
        {R"({"Statement":{"Action":7}})", {1, 24}, "a string or a list of strings, not a number"},
        {R"({"Statement":{"Action":["a:b",7]}})", {1, 31}, "must be a string, not a number"},
        {R"({"Statement":{"Action":"GetSecretValue"}})", {1, 24}, "must be prefaced by a vendor"},
        {R"({"Statement":{"Action":"secrets*:Get"}})", {1, 24}, "Vendor secrets* is not valid"},
        {R"({"Statement":{"Action":":Get"}})", {1, 24}, "Vendor  is not valid"},
        {R"({"Statement":{"Action":"a:"}})", {1, 24}, "a name that no action can have"},
        {R"({"Statement":{"Action":"a:Get Secret"}})", {1, 24}, "a name that no action can have"},
        {"{\"Statement\":{\"Action\":\"a:GetV\xD0\xB0lue\"}}", {1, 24}, "not ASCII"},
        {R"({"Statement":{"NotAction":[]}})", {1, 15}, "NotAction must name something"},
        {R"({"Statement":{"NotResource":[]}})", {1, 15}, "NotResource must name something"},
        {R"({"Statement":{"Resource":"app/db"}})", {1, 26}, "must be in ARN format or \"*\""},
        {R"({"Statement":{"Resource":""}})", {1, 26}, "must be in ARN format"},
        {R"({"Statement":{"Resource":"arn:aws:secretsmanager:*"}})", {1, 26}, "must be in ARN format"},
        {R"({"Statement":{"Resource":"arn::secretsmanager:::x"}})", {1, 26}, "Partition \"\" is not valid"},
        {R"({"Statement":{"Resource":"arn:aws:*:::x"}})", {1, 26}, "vendor must be fully qualified"},
        {R"({"Statement":{"Resource":"arn:aws:sm::1234:x"}})", {1, 26}, "not of twelve digits"},
        {R"({"Statement":{"Resource":"arn:aws:sm:::"}})", {1, 26}, "names nothing after the fifth colon"},
        {R"({"Version":"2012-10-17","Statement":{"Resource":"arn:aws:sm::${aws:userid}:x"}})",
         {1, 49},
         "only stand in the last part"},
        {R"({"Version":"2012-10-17","Statement":{"Resource":"arn:aws:sm:::x/${aws:userid"}})",
         {1, 49},
         "has no closing }"},
        {R"({"Version":"2012-10-17","Statement":{"Resource":"arn:aws:sm:::x/${}"}})", {1, 49}, "has no name"},
        {R"({"Version":"2012-10-17","Statement":{"Resource":"arn:aws:sm:::x/${a b}"}})",
         {1, 49},
         "has a name with"},
        {R"({"Version":"2012-10-17","Statement":{"Resource":"arn:aws:sm:::x/${a:b, c}"}})",
         {1, 49},
         "not in single quotation marks"},
        {R"({"Statement":{"Principal":"*"}})", {1, 15}, "Has prohibited field Principal"},
        {R"({"Statement":{"NotPrincipal":"*"}})", {1, 15}, "Has prohibited field NotPrincipal"},
        {R"({"Statement":{"Sid":"a b"}})", {1, 21}, "(SID) must be alpha-numeric"},
        {R"({"Statement":{"Sid":7}})", {1, 21}, "must be a string, not a number"},
        {R"({"Statement":{"Condition":[]}})", {1, 27}, "must be an object, not a list"},
        {R"({"Statement":{"Condition":{"None":{}}}})", {1, 28}, "\"None\" is not a condition operator"},
        {R"({"Statement":{"Condition":{"stringequals":{}}}})", {1, 28}, "not a condition operator"},
        {R"({"Statement":{"Condition":{"NullIfExists":{}}}})", {1, 28}, "not a condition operator"},
        {R"({"Statement":{"Condition":{"ForAnyValue:Null":{}}}})", {1, 28}, "not a condition operator"},
        {R"({"Statement":{"Condition":{"StringEquals":7}}})", {1, 43}, "must be an object, not a number"},
        {R"({"Statement":{"Condition":{"Bool":{},"Bool":{}}}})", {1, 38}, "Duplicate key \"Bool\""},
        {R"({"Statement":{"Condition":{"Bool":{"aws:x":true,"AWS:X":true}}}})",
         {1, 49},
         "Duplicate key \"AWS:X\""},
        {R"({"Statement":{"Condition":{"Bool":{"SourceIp":true}}}})", {1, 36}, "prefaced by a vendor"},
        {R"({"Statement":{"Condition":{"Bool":{"ci example:sub":true}}}})", {1, 36}, "prefaced by a vendor"},
        {R"({"Statement":{"Condition":{"Bool":{":sub":true}}}})", {1, 36}, "prefaced by a vendor"},
        {R"({"Statement":{"Condition":{"Bool":{"ci.example/x:":true}}}})", {1, 36}, "its name must have"},
        {R"({"Statement":{"Condition":{"Bool":{"aws:":true}}}})", {1, 36}, "its name must have 1 to 256"},
        {R"({"Statement":{"Condition":{"Bool":{"a:b":null}}}})", {1, 42}, "not null"},
        {R"({"Statement":{"Condition":{"Bool":{"a:b":[true,[]]}}}})", {1, 48}, "not a list"},
        {R"({"Statement":{"Condition":{"Bool":{"a:b":"yes"}}}})", {1, 42}, "Invalid value \"yes\" for Bool"},
        {R"({"Statement":{"Condition":{"Null":{"a:b":"0"}}}})", {1, 42}, "it must be true or false"},
        {R"({"Statement":{"Condition":{"NumericEquals":{"a:b":"7d"}}}})", {1, 51}, "an integer or a decimal"},
        {R"({"Statement":{"Condition":{"NumericEquals":{"a:b":[1,1e3]}}}})",
         {1, 54},
         "an integer or a decimal"},
        {R"({"Statement":{"Condition":{"DateEquals":{"a:b":"2026-02-30"}}}})", {1, 48}, "it must be a date"},
        {R"({"Statement":{"Condition":{"IpAddress":{"a:b":"10.0.0.0/33"}}}})",
         {1, 47},
         "an IP address or a range"},
        {R"({"Statement":{"Condition":{"IpAddress":{"a:b":"10.0.0"}}}})",
         {1, 47},
         "an IP address or a range"},
        {R"({"Statement":{"Condition":{"BinaryEquals":{"a:b":"AAE"}}}})", {1, 50}, "base64 with padding"},
        {R"({"Statement":{"Condition":{"ArnLike":{"a:b":"role/x"}}}})", {1, 45}, "an ARN has six parts"},
    };
    for (const auto& mistake : mistakes) expect_mistake(mistake);
}

TEST(PolicyDocument, MistakesOfPrincipalsHaveTheirPlace) {
    const Mistake mistakes[] = {
        {R"({"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}})",
         {1, 14},
         "Missing required field Principal",
         kResource},
        {R"({"Statement":{"Principal":"arn:aws:iam::111122223333:root"}})",
         {1, 27},
         "Invalid principal",
         kResource},
        {R"({"Statement":{"Principal":["*"]}})", {1, 27}, "must be an object, not a list", kResource},
        {R"({"Statement":{"Principal":{"aws":"*"}}})", {1, 28}, "unknown kind \"aws\"", kResource},
        {R"({"Statement":{"Principal":{"AWS":""}}})", {1, 34}, "an empty name", kResource},
        {R"({"Statement":{"Principal":{"AWS":7}}})", {1, 34}, "a string or a list of strings", kResource},
        {R"({"Statement":{"Principal":{"AWS":"12345"}}})", {1, 34}, "is neither", kResource},
        {R"({"Statement":{"Principal":{"AWS":"*","AWS":"*"}}})", {1, 38}, "Duplicate key \"AWS\"", kResource},
        {R"({"Statement":{"Principal":{"AWS":["*","arn:aws:iam::111122223333:role/*"]}}})",
         {1, 39},
         "has a wildcard",
         kResource},
        {R"({"Statement":{"Principal":{"AWS":"arn:aws:iam::111122223333:group/g"}}})",
         {1, 34},
         "groups are no principals",
         kResource},
        {R"({"Statement":{"Principal":{"AWS":"arn:aws:s3::111122223333:user/u"}}})",
         {1, 34},
         "not an ARN of iam or sts",
         kResource},
        {R"({"Statement":{"Principal":{"AWS":"arn:aws:iam::1:user/u"}}})",
         {1, 34},
         "an account's principal",
         kResource},
        {R"({"Statement":{"Principal":{"Service":"lambda"}}})", {1, 38}, "is not a service", kResource},
        {R"({"Statement":{"Principal":{"Service":"*.amazonaws.com"}}})",
         {1, 38},
         "has a wildcard",
         kResource},
        {R"({"Statement":{"NotPrincipal":{}}})", {1, 15}, "must name something", kResource},
        {R"({"Statement":{"Principal":"*","NotPrincipal":"*"}})",
         {1, 31},
         "either Principal or NotPrincipal",
         kResource},
        {R"({"Statement":{"NotPrincipal":"*"}})", {1, 15}, "Has prohibited field NotPrincipal", kTrust},
        {R"({"Statement":{"Resource":"*"}})", {1, 15}, "Has prohibited field Resource", kTrust},
        {R"({"Statement":{"Effect":"Allow","Action":"sts:AssumeRole"}})",
         {1, 14},
         "Missing required field Principal",
         kTrust},
        {R"({"Statement":{"Principal":"*"}})",
         {1, 15},
         "Has prohibited field Principal",
         DocumentKind::session},
        {R"({"Statement":{"Principal":"*"}})",
         {1, 15},
         "Has prohibited field Principal",
         DocumentKind::boundary},
        {R"({"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}})",
         {1, 14},
         "Missing required field Principal",
         DocumentKind::listener},
    };
    for (const auto& mistake : mistakes) expect_mistake(mistake);
}

TEST(PolicyDocument, PlacesCountLinesAndCharacters) {
    const auto* const text =
        "{\n"
        "  \"Version\": \"2012-10-17\",\n"
        "  \"Statement\": [\n"
        "    {\"Sid\": \"A\", \"Effect\": \"Allow\", \"Action\": \"*\", \"Resource\": \"*\"},\n"
        "    {\"Sid\": \"A\", \"Effect\": \"Deny\", \"Action\": \"*\", \"Resource\": \"*\"}\n"
        "  ]\n"
        "}\n";
    expect_mistake({text, {5, 13}, "(SID) in a single policy must be unique: \"A\" is also on line 4"});
}

TEST(PolicyDocument, WhatIsReadStandsWithItsPlace) {
    const auto document = parse(R"({"Version":"2012-10-17",
"Id":"door","Statement":{"Sid":"One more","Effect":"Deny","NotPrincipal":{"AWS":["111122223333","*"],
 "Service":"x.amazonaws.com"},"NotAction":"a:b","Resource":["*"],
 "Condition":{"ForAnyValue:StringNotLikeIfExists":{"aws:TagKeys":[1,true,"x"]},"Null":{"a:b":false}}}})",
                                kResource);
    EXPECT_EQ(document.version, LanguageVersion::v2012);
    EXPECT_TRUE(document.version_given);
    EXPECT_EQ(document.id->text, "door");
    ASSERT_EQ(document.statements.size(), 1U);
    const auto& statement = document.statements[0];
    EXPECT_EQ(statement.at, (TextPosition{2, 25}));
    EXPECT_EQ(statement.sid->text, "One more");
    EXPECT_EQ(statement.effect, Effect::deny);
    EXPECT_TRUE(statement.principal->negated);
    ASSERT_EQ(statement.principal->entries.size(), 3U);
    EXPECT_EQ(statement.principal->entries[0].kind, PrincipalKind::aws);
    EXPECT_EQ(statement.principal->entries[1].kind, PrincipalKind::any);
    EXPECT_EQ(statement.principal->entries[2].kind, PrincipalKind::service);
    EXPECT_TRUE(statement.actions.negated);
    EXPECT_EQ(statement.actions.values[0].at, (TextPosition{3, 43}));
    EXPECT_FALSE(statement.resources->negated);
    ASSERT_EQ(statement.conditions.size(), 2U);
    const auto& condition = statement.conditions[0];
    EXPECT_EQ(condition.op,
              (ConditionOperator{Comparison::string_like, true, true, SetOperator::for_any_value}));
    EXPECT_EQ(condition.key.key, Key::tag_keys);
    EXPECT_EQ(condition.values[0].text, "1");
    EXPECT_EQ(condition.values[1].text, "true");
    EXPECT_EQ(condition.values[2].text, "x");
    EXPECT_EQ(statement.conditions[1].op.comparison, Comparison::null);
}

TEST(PolicyDocument, WithoutVersionItIsTheOldLanguage) {
    const auto document =
        parse(R"({"Statement":{"Effect":"Allow","Action":"*","Resource":"arn:aws:sm:::${"}})");
    EXPECT_EQ(document.version, LanguageVersion::v2008);
    EXPECT_FALSE(document.version_given);
}

TEST(PolicyDocument, TheVersionMayStandLast) {
    expect_mistake(
        {R"({"Statement":{"Effect":"Allow","Action":"*","Resource":"arn:aws:sm:::${"},"Version":"2012-10-17"})",
         {1, 56},
         "has no closing }"});
}

std::string policy_of(std::size_t characters, const std::string& space, const char* head) {
    const std::string begin =
        std::string(R"({"Statement":{)") + head + R"("Effect":"Allow","Resource":"*","Action":"a:)";
    const std::string end = "\"}}";
    return begin + std::string(characters - begin.size() - end.size(), 'b') + space + end;
}

TEST(PolicyDocument, SizesAreThoseOfAws) {
    const auto* const everybody = R"("Principal":"*",)";
    EXPECT_NO_THROW((void)parse(policy_of(20'480, "", everybody), kResource));
    EXPECT_THROW((void)parse(policy_of(20'481, "", everybody), kResource), MalformedPolicy);
    EXPECT_NO_THROW((void)parse(policy_of(6'144, "", "")));
    EXPECT_THROW((void)parse(policy_of(6'145, "", "")), MalformedPolicy);
    EXPECT_NO_THROW((void)parse_policy(policy_of(6'145, "", ""), {DocumentKind::identity, 10'240}));
    EXPECT_THROW((void)parse(policy_of(2'049, "", ""), DocumentKind::session), MalformedPolicy);
}

TEST(PolicyDocument, WhiteSpaceBetweenTokensCountsForResourcePoliciesAlone) {
    const std::string space(30'000, ' ');
    EXPECT_NO_THROW((void)parse(space + policy_of(6'144, "", "")));
    EXPECT_THROW((void)parse(space + policy_of(1'000, "", R"("Principal":"*",)"), kResource),
                 MalformedPolicy);
    // A character of several bytes is one character.
    const std::string accents =
        R"({"Id":"éé","Statement":{"Principal":"*","Effect":"Deny","Action":"*","Resource":"*"}})";
    EXPECT_NO_THROW((void)parse_policy(accents, {kResource, accents.size() - 2}));
    EXPECT_THROW((void)parse_policy(accents, {kResource, accents.size() - 3}), MalformedPolicy);
}

TEST(PolicyDocument, BytesAreLimitedBeforeAnythingIsRead) {
    expect_mistake({std::string(kMaxDocumentBytes + 1, ' ').c_str(),
                    {1, 1},
                    "131073 bytes; a document may have 131072"});
}

TEST(ConditionOperators, AllNamesAreKnown) {
    std::size_t known = 0;
    for (const auto* name : {"StringEquals",
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
                             "ArnNotLike"}) {
        for (const auto* set : {"", "ForAllValues:", "ForAnyValue:"}) {
            for (const auto* suffix : {"", "IfExists"}) {
                const auto whole = std::string(set) + name + suffix;
                const auto op = find_operator(whole);
                ASSERT_TRUE(op) << whole;
                EXPECT_EQ(op->if_exists, std::string_view(suffix) == "IfExists");
                EXPECT_EQ(op->negated, std::string_view(name).find("Not") != std::string_view::npos);
                ++known;
            }
        }
    }
    EXPECT_EQ(known, 26U * 6U);
    EXPECT_TRUE(find_operator("Null"));
    for (const auto* name :
         {"", "Equals", "StringMatches", "ForAllValue:StringEquals", "StringEqualsifexists", "IfExists",
          "BinaryNotEquals", "StringEqualsIfExistsIfExists"}) {
        EXPECT_FALSE(find_operator(name)) << name;
    }
}

}  // namespace
}  // namespace coffer::access
