#include "daemon/iam/names.hpp"

#include <gtest/gtest.h>

#include <set>

#include "daemon/access/document_parser.hpp"
#include "daemon/iam/bootstrap.hpp"
#include "daemon/iam/identities.hpp"
#include "daemon/iam/managed_policies.hpp"

namespace coffer::iam {
namespace {

// "IAM identifiers": an IAM ARN is arn:partition:iam::account:resource, with the path between type and name.
TEST(Arns, HaveThePathBetweenKindAndName) {
    EXPECT_EQ(arn_of("123456789012", IamKind::user, "/division_abc/subdivision_xyz/", "Mary"),
              "arn:aws:iam::123456789012:user/division_abc/subdivision_xyz/Mary");
    EXPECT_EQ(arn_of("123456789012", IamKind::group, "/", "Developers"),
              "arn:aws:iam::123456789012:group/Developers");
    EXPECT_EQ(session_arn("123456789012", "Accounting", "Mary"),
              "arn:aws:sts::123456789012:assumed-role/Accounting/Mary");
}

TEST(Arns, AreReadBack) {
    const auto name = parse_arn("arn:aws:iam::123456789012:policy/division_abc/UsersManageOwn");
    ASSERT_TRUE(name);
    EXPECT_EQ(name->kind, IamKind::policy);
    EXPECT_EQ(name->account, "123456789012");
    EXPECT_EQ(name->path, "/division_abc/");
    EXPECT_EQ(name->name, "UsersManageOwn");
    for (const auto* wrong :
         {"", "arn:aws:iam::123456789012:root", "arn:aws:s3:::bucket/x", "arn:aws:iam::1:user/",
          "arn:aws:iam::1:demon/x", "arn:aws:iam:eu:1:user/x", "arn:aws:iam::1:user/a b"}) {
        EXPECT_FALSE(parse_arn(wrong)) << wrong;
    }
}

// "Unique identifiers": the prefixes; the ids look like AIDACKCEVSQ6C2EXAMPLE, 21 characters.
TEST(UniqueIds, HaveTheKindsPrefix) {
    std::set<std::string> ids;
    for (const auto& [kind, prefix] :
         {std::pair{IamKind::user, "AIDA"}, std::pair{IamKind::group, "AGPA"},
          std::pair{IamKind::role, "AROA"}, std::pair{IamKind::policy, "ANPA"}}) {
        const auto id = make_unique_id(kind);
        EXPECT_TRUE(id.starts_with(prefix)) << id;
        EXPECT_EQ(id.size(), 21U) << id;
        ids.insert(id);
    }
    for (int i = 0; i < 1000; ++i) ids.insert(make_unique_id(IamKind::user));
    EXPECT_EQ(ids.size(), 1004U);
}

// STS AssumeRole, RoleSessionName: 2 to 64 of [\w+=,.@-].
TEST(SessionNames, AreMadeOfCertificateNames) {
    EXPECT_EQ(session_name("spiffe://bank.example/app/payments"), "payments");
    EXPECT_EQ(session_name("app-a.bank.example"), "app-a.bank.example");
    EXPECT_EQ(session_name("Jane Doe (ops)"), "Jane-Doe--ops-");
    EXPECT_EQ(session_name("x"), "x-");
    EXPECT_EQ(session_name(std::string(100, 'a')).size(), 64U);
}

TEST(BuiltInPolicies, AreNamedAsAwsNamesItsOwn) {
    for (const auto& policy : built_in_policies()) {
        EXPECT_EQ(policy.arn, "arn:aws:iam::aws:policy/" + std::string(policy.name));
        EXPECT_TRUE(compiled(policy, access::DocumentKind::identity));
        EXPECT_TRUE(compiled(policy, access::DocumentKind::boundary));
    }
}

TEST(SubjectPatterns, MatchPartByPart) {
    const SubjectPattern pattern("CN=app-*,OU=?,O=Bank");
    EXPECT_TRUE(pattern.matches("CN=app-1,OU=x,O=Bank"));
    EXPECT_TRUE(pattern.matches("CN=app-,OU=x,O=Bank"));
    EXPECT_TRUE(pattern.matches("CN=app-a\\,b,OU=x,O=Bank"));
    EXPECT_FALSE(pattern.matches("CN=app-1,OU=evil,OU=x,O=Bank"));  // a * does not reach over a comma
    EXPECT_FALSE(pattern.matches("CN=app-1,O=Bank"));
    EXPECT_FALSE(pattern.matches("CN=App-1,OU=x,O=Bank"));
    EXPECT_FALSE(pattern.matches("CN=app-1,OU=xy,O=Bank"));
    EXPECT_FALSE(SubjectPattern("CN=*").matches("CN=a,O=b"));
    EXPECT_FALSE(SubjectPattern("*").matches("CN=a,O=b"));
}

TEST(Identities, AreWrittenOnTheCommandLine) {
    EXPECT_EQ(parse_identity("spiffe://bank.example/ops").kind, IdentityKind::spiffe);
    const auto dns = parse_identity("dns:a.example");
    EXPECT_EQ(dns.kind, IdentityKind::dns);
    EXPECT_EQ(dns.value, "a.example");
    EXPECT_EQ(parse_identity("subject:CN=ops,O=Bank").value, "CN=ops,O=Bank");
    for (const auto* wrong :
         {"", "ops", "demon:x", "spiffe:ops", "cn:", "email:nobody", "subject:ops", "dns:a b"}) {
        EXPECT_THROW(static_cast<void>(parse_identity(wrong)), Error) << wrong;
    }
}

}  // namespace
}  // namespace coffer::iam
