// Whom secrets' own policies mean when users and roles come, go and change their names. Source: AWS, "AWS
// JSON policy elements: Principal"; docs/policies.md where AWS leaves it open.

#include <gmock/gmock.h>

#include <chrono>
#include <mutex>
#include <thread>

#include "policies_fixture.hpp"

namespace coffer::secrets {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr const char* kAlice = "arn:aws:iam::111122223333:user/alice";
constexpr const char* kErna = "arn:aws:iam::111122223333:user/ops/erna";

class People final : public access::PrincipalNames {
public:
    explicit People(PrincipalIds ids) : ids_(std::move(ids)) {}
    [[nodiscard]] std::optional<std::string> id_of(std::string_view arn) const override {
        if (!arn.starts_with("arn:aws:iam::111122223333:user/")) return std::nullopt;
        const auto found = ids_.find(std::string(arn));
        return found == ids_.end() ? std::string() : found->second;
    }
    [[nodiscard]] std::optional<std::string> arn_of(std::string_view id) const override {
        for (const auto& [arn, known] : ids_) {
            if (known == id) return arn;
        }
        return std::string();
    }

private:
    PrincipalIds ids_;
};

/// Users by ARN, as this node has them and as the database does.
class Book final : public PrincipalDirectory {
public:
    void set(PrincipalIds ids) {
        set_stale(ids);
        const std::lock_guard lock(mutex_);
        stored_ = std::move(ids);
    }
    void set_stale(PrincipalIds ids) {
        const std::lock_guard lock(mutex_);
        known_ = std::move(ids);
    }
    [[nodiscard]] std::unique_ptr<const access::PrincipalNames> names() const override {
        const std::lock_guard lock(mutex_);
        return std::make_unique<const People>(known_);
    }
    [[nodiscard]] std::unique_ptr<const access::PrincipalNames> names(
        storage::ReadTransaction& /*tx*/) const override {
        const std::lock_guard lock(mutex_);
        return std::make_unique<const People>(stored_);
    }

private:
    mutable std::mutex mutex_;
    PrincipalIds known_;
    PrincipalIds stored_;
};

class BoundPrincipalsTest : public PoliciesTest {
protected:
    BoundPrincipalsTest() {
        node().bind_with(&book_);
        book_.set({{kAlice, "AIDAALICE"}});
        create(name_);
        alice_is(kAlice, "AIDAALICE");
    }
    ~BoundPrincipalsTest() override { node().bind_with(nullptr); }

    void alice_is(const std::string& arn, const std::string& id,
                  const std::string& may = allow("secretsmanager:ListSecrets", "*")) {
        alice_arn_ = arn;
        alice_id_ = id;
        alice_may(may);
    }
    /// A policy about alice's ARN.
    static std::string about_alice(const std::string& effect) {
        return R"({"Version":"2012-10-17","Statement":[{"Sid":"One","Effect":")" + effect +
               R"(","Principal":{"AWS":")" + kAlice +
               R"("},"Action":"secretsmanager:GetSecretValue","Resource":"*"}]})";
    }
    static std::string replaced(std::string text, const std::string& with) {
        return text.replace(text.find(kAlice), std::string(kAlice).size(), with);
    }

    Book book_;
};

TEST_F(BoundPrincipalsTest, WhoIsMadeAgainIsSomebodyElse) {
    ASSERT_EQ(attach(about_alice("Allow")), name_);
    EXPECT_EQ(get(name_), "allowed");
    EXPECT_EQ(attached().resource_policy(), about_alice("Allow"));
    book_.set({});
    EXPECT_EQ(attached().resource_policy(), replaced(about_alice("Allow"), "AIDAALICE"));
    book_.set({{kAlice, "AIDANEW"}});
    alice_is(kAlice, "AIDANEW");
    EXPECT_THAT(get(name_), StartsWith("AccessDeniedException"));
    EXPECT_EQ(attached().resource_policy(), replaced(about_alice("Allow"), "AIDAALICE"));
    // The very same text means another when it is put again.
    ASSERT_EQ(attach(about_alice("Allow")), name_);
    EXPECT_EQ(get(name_), "allowed");
    EXPECT_EQ(attached().resource_policy(), about_alice("Allow"));
    alice_is(kAlice, "AIDAALICE");
    EXPECT_THAT(get(name_), StartsWith("AccessDeniedException"));
}

TEST_F(BoundPrincipalsTest, AnotherNameKeepsWhatIsGranted) {
    ASSERT_EQ(attach(about_alice("Allow")), name_);
    book_.set({{kErna, "AIDAALICE"}});
    alice_is(kErna, "AIDAALICE");
    EXPECT_EQ(get(name_), "allowed");
    EXPECT_EQ(attached().resource_policy(), replaced(about_alice("Allow"), kErna));
    EXPECT_EQ(attach(attached().resource_policy()), name_);
    EXPECT_EQ(get(name_), "allowed");
}

TEST_F(BoundPrincipalsTest, ADenialIsNotInheritedAndNotShed) {
    const auto all = allow("*", "*");
    ASSERT_EQ(attach(about_alice("Deny")), name_);
    alice_is(kAlice, "AIDAALICE", all);
    EXPECT_THAT(get(name_), HasSubstr("with an explicit deny in a resource-based policy"));
    alice_is(kErna, "AIDAALICE", all);
    EXPECT_THAT(get(name_), HasSubstr("with an explicit deny in a resource-based policy"));
    alice_is(kAlice, "AIDANEW", all);
    EXPECT_EQ(get(name_), "allowed");
}

// The message is AWS's, which Terraform's provider looks for to try again.
TEST_F(BoundPrincipalsTest, WhoIsNotThereCannotBeNamed) {
    const std::string refusal =
        "MalformedPolicyDocumentException: This resource policy contains an unsupported principal. There is "
        "no " +
        std::string(kAlice) + ": ";
    ASSERT_EQ(attach(about_alice("Deny")), name_);
    book_.set({});
    EXPECT_THAT(attach(about_alice("Allow")), StartsWith(refusal));
    EXPECT_EQ(attached().resource_policy(), replaced(about_alice("Deny"), "AIDAALICE")) << "nothing changed";
    v1::ValidateResourcePolicyRequest request;
    request.set_resource_policy(about_alice("Deny"));
    const auto response = node().call(request);
    EXPECT_FALSE(response.policy_validation_passed());
    ASSERT_EQ(response.validation_errors_size(), 1);
    EXPECT_EQ(response.validation_errors(0).check_name(), "UNSUPPORTED_PRINCIPAL");
    // Another node made the user a moment ago.
    book_.set({{kAlice, "AIDANEW"}});
    book_.set_stale({});
    EXPECT_EQ(attach(about_alice("Allow")), name_);
}

TEST_F(BoundPrincipalsTest, APolicyOfBeforeGoesByTheName) {
    node().bind_with(nullptr);
    ASSERT_EQ(attach(about_alice("Allow")), name_);
    node().bind_with(&book_);
    EXPECT_EQ(get(name_), "allowed");
    book_.set({{kAlice, "AIDANEW"}});
    alice_is(kAlice, "AIDANEW");
    EXPECT_EQ(get(name_), "allowed") << "as before";
    EXPECT_EQ(attached().resource_policy(), about_alice("Allow"));
    ASSERT_EQ(attach(about_alice("Allow")), name_);
    EXPECT_EQ(get(name_), "allowed");
    alice_is(kAlice, "AIDANEWER");
    EXPECT_THAT(get(name_), StartsWith("AccessDeniedException"));
}

// Another node made the user again a moment ago.
TEST_F(BoundPrincipalsTest, WhoTheDatabaseHasIsMeant) {
    book_.set({{kAlice, "AIDANEW"}});
    book_.set_stale({{kAlice, "AIDAALICE"}});
    ASSERT_EQ(attach(about_alice("Allow")), name_);
    EXPECT_THAT(get(name_), StartsWith("AccessDeniedException"));
    alice_is(kAlice, "AIDANEW");
    EXPECT_EQ(get(name_), "allowed");
}

TEST_F(BoundPrincipalsTest, WhomItMeansGoesWithThePolicy) {
    ASSERT_EQ(attach(about_alice("Allow")), name_);
    v1::DeleteResourcePolicyRequest remove;
    remove.set_secret_id(name_);
    node().call(remove);
    EXPECT_FALSE(attached().has_resource_policy());
    node().bind_with(nullptr);
    ASSERT_EQ(attach(about_alice("Allow")), name_);
    alice_is(kAlice, "AIDANEW");
    EXPECT_EQ(get(name_), "allowed") << "nothing is left of whom the policy before it meant";
}

TEST_F(BoundPrincipalsTest, WhoAltersItByHandIsFound) {
    ASSERT_EQ(attach(about_alice("Allow")), name_);
    alice_is(kAlice, "AIDANEW");
    ASSERT_THAT(get(name_), StartsWith("AccessDeniedException"));
    Environment::get().execute(
        "UPDATE secrets SET policy_principals = replace(policy_principals::text, 'AIDAALICE', "
        "'AIDANEW')::jsonb WHERE name = $1",
        name_);
    // The node hears of it within moments.
    std::string said;
    for (int i = 0; i < 1'000; ++i) {
        said = get(name_);
        if (!said.starts_with("AccessDeniedException")) break;
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    EXPECT_THAT(said, HasSubstr("failed its integrity check"));
    // By hand it is not made one of before either.
    Environment::get().execute("UPDATE secrets SET policy_principals = NULL WHERE name = $1", name_);
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    EXPECT_THAT(get(name_), HasSubstr("failed its integrity check"));
    Environment::get().execute("UPDATE secrets SET policy_principals = $1::jsonb WHERE name = $2",
                               std::string("[[\"") + kAlice + R"(","AIDAALICE"]])", name_);
}

}  // namespace
}  // namespace coffer::secrets
