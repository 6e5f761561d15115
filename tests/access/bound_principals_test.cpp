// Whom a policy's ARNs mean when it is put, and how it is shown later. Source: AWS, "AWS JSON policy
// elements: Principal" (IAM role principals, IAM user principals).

#include "daemon/access/bound_principals.hpp"

#include <gtest/gtest.h>

#include "daemon/access/document_parser.hpp"

namespace coffer::access {
namespace {

constexpr const char* kErin = "arn:aws:iam::111122223333:user/erin";
constexpr const char* kApp = "arn:aws:iam::111122223333:role/app";

/// A directory of a few, by ARN; what is not of the account is not in it.
class Names final : public PrincipalNames {
public:
    [[nodiscard]] std::optional<std::string> id_of(std::string_view arn) const override {
        if (!arn.starts_with("arn:aws:iam::111122223333:user/") &&
            !arn.starts_with("arn:aws:iam::111122223333:role/"))
            return std::nullopt;
        const auto found = ids.find(std::string(arn));
        return found == ids.end() ? std::string() : found->second;
    }
    [[nodiscard]] std::optional<std::string> arn_of(std::string_view id) const override {
        for (const auto& [arn, known] : ids) {
            if (known == id) return arn;
        }
        return all_believed ? std::optional(std::string()) : std::nullopt;
    }

    PrincipalIds ids{{kErin, "AIDAERIN"}, {kApp, "AROAAPP"}};
    bool all_believed = true;
};

std::string statement(const std::string& principal) {
    return R"({"Effect":"Allow","Principal":)" + principal +
           R"(,"Action":"secretsmanager:GetSecretValue","Resource":"*"})";
}

std::string policy(const std::string& principal) {
    return R"({"Version":"2012-10-17","Statement":[)" + statement(principal) + "]}";
}

PrincipalIds bound(const std::string& text, const Names& names) {
    return bind_principals(parse_policy(text, {.kind = DocumentKind::resource}), names);
}

std::string shown(const std::string& text, const PrincipalIds& ids, const Names& names) {
    return shown_policy(text, DocumentKind::resource, ids, names);
}

TEST(BoundPrincipals, UsersAndRolesOfTheAccountAreBound) {
    const Names names;
    const auto ids =
        bound(policy(R"({"AWS":["arn:aws:iam::111122223333:user\/erin","arn:aws:iam::111122223333:role/app",)"
                     R"("arn:aws:iam::111122223333:user/ann"]})"),
              names);
    EXPECT_EQ(ids, (PrincipalIds{
                       {kErin, "AIDAERIN"}, {kApp, "AROAAPP"}, {"arn:aws:iam::111122223333:user/ann", ""}}));
}

TEST(BoundPrincipals, OthersAreNot) {
    const Names names;
    for (const auto* principal :
         {R"("*")", R"({"AWS":"*"})", R"({"AWS":"111122223333"})",
          R"({"AWS":"arn:aws:iam::111122223333:root"})", R"({"AWS":"AIDAERIN00000000"})",
          R"({"AWS":"arn:aws:sts::111122223333:assumed-role/app/one"})",
          R"({"AWS":"arn:aws:iam::444455556666:role/app"})",
          R"({"Federated":"arn:aws:iam::111122223333:oidc-provider/ci.example"})",
          R"({"Service":"secretsmanager.amazonaws.com"})"}) {
        EXPECT_TRUE(bound(policy(principal), names).empty()) << principal;
    }
}

TEST(BoundPrincipals, AreShownByTheArnThatTheyHave) {
    Names names;
    const auto text = policy("{\"AWS\":\"" + std::string(kErin) + "\"}");
    const auto ids = bound(text, names);
    EXPECT_EQ(shown(text, ids, names), text);
    names.ids = {{"arn:aws:iam::111122223333:user/ops/erna", "AIDAERIN"}};
    EXPECT_EQ(shown(text, ids, names), policy(R"({"AWS":"arn:aws:iam::111122223333:user/ops/erna"})"));
    EXPECT_EQ(shown_ids(ids, names), (PrincipalIds{{"arn:aws:iam::111122223333:user/ops/erna", "AIDAERIN"}}));
    // A path may have any printable character.
    names.ids = {{R"(arn:aws:iam::111122223333:user/a"b\c/erin)", "AIDAERIN"}};
    EXPECT_EQ(shown(text, ids, names), policy(R"({"AWS":"arn:aws:iam::111122223333:user/a\"b\\c/erin"})"));
}

TEST(BoundPrincipals, WhoIsGoneIsShownByTheId) {
    Names names;
    const auto text = policy("{\"AWS\":\"" + std::string(kErin) + "\"}");
    const auto ids = bound(text, names);
    names.ids = {{kErin, "AIDAOTHER"}};
    EXPECT_EQ(shown(text, ids, names), policy(R"({"AWS":"AIDAERIN"})"));
    EXPECT_TRUE(shown_ids(ids, names).empty());
    // While somebody's record is not believed, it is not said that this one is gone; but never who has the
    // name now.
    names.all_believed = false;
    EXPECT_EQ(shown(text, ids, names), policy(R"({"AWS":"AIDAERIN"})"));
    names.ids.clear();
    EXPECT_EQ(shown(text, ids, names), text);
}

TEST(BoundPrincipals, NobodyIsShownAsWritten) {
    Names names;
    const auto text = policy(R"({"AWS":"arn:aws:iam::111122223333:user/ann"})");
    const auto ids = bound(text, names);
    names.ids.emplace("arn:aws:iam::111122223333:user/ann", "AIDAANN");
    EXPECT_EQ(shown(text, ids, names), text);
    EXPECT_EQ(shown_ids(ids, names), ids);
}

// Lines, characters of several bytes, escapes, and the same text in other places.
TEST(BoundPrincipals, NothingElseOfTheTextIsTouched) {
    Names names;
    const std::string text =
        "{ \"Id\": \"\xC3\xA4 \xF0\x9F\x94\x92 arn:aws:iam::111122223333:user/erin\",\n\t\"Statement\":\n "
        "[\n  {"
        "\"Condition\": {\"StringEquals\": {\"aws:PrincipalArn\": "
        "\"arn:aws:iam::111122223333:user/erin\"}},\n"
        "\"Effect\": \"Deny\", \"NotPrincipal\" : {\"AWS\" : [ "
        "\"arn:aws:iam::111122223333:user\\/\\u0065rin\" , "
        "\"111122223333\", \"arn:aws:iam::111122223333:role/app\" ] },\r\n "
        "\"Action\":\"*\",\"Resource\":\"*\"},"
        "{\"Sid\":\"b\",\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"arn:aws:iam::111122223333:user/erin\"},"
        "\"Action\":\"*\",\"Resource\":\"*\"}]}";
    const auto ids = bound(text, names);
    names.ids.erase(kErin);
    std::string expected = text;
    const auto replace = [&](const std::string& what, std::size_t from) {
        const auto at = expected.find(what, from);
        ASSERT_NE(at, std::string::npos);
        expected.replace(at, what.size(), "\"AIDAERIN\"");
    };
    replace(R"("arn:aws:iam::111122223333:user\/\u0065rin")", 0);
    replace(R"("arn:aws:iam::111122223333:user/erin")", expected.find("\"Sid\""));
    EXPECT_EQ(shown(text, ids, names), expected);
}

TEST(BoundPrincipals, WhatIsNoPolicyIsLeftAlone) {
    const Names names;
    EXPECT_EQ(shown("{", {{"arn:aws:iam::111122223333:user/x", "AIDAX"}}, names), "{");
}

}  // namespace
}  // namespace coffer::access
