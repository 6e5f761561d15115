// Changes of tags that would take away their caller's right to change them: what is refused, on which state
// of the secret it is decided, and what is on record of it.

#include <gmock/gmock.h>

#include <future>
#include <pqxx/connection>
#include <pqxx/nontransaction>
#include <pqxx/transaction>
#include <thread>

#include "policies_fixture.hpp"

namespace coffer::secrets {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

/// Alice may change the tags of her team's secrets, and read all of them.
class TaggingTest : public PoliciesTest {
protected:
    TaggingTest() {
        alice_may(allow("secretsmanager:*agResource", "*",
                        R"({"StringEquals":{"aws:ResourceTag/team":"${aws:PrincipalTag/team}"}})") +
                  "," + allow("secretsmanager:GetSecretValue", "*"));
    }
    v1::TagResourceRequest tagging(const std::string& key, const std::string& value) {
        v1::TagResourceRequest request;
        request.set_secret_id(name_);
        auto& tag = *request.add_tags();
        tag.set_key(key);
        tag.set_value(value);
        return request;
    }
    v1::UntagResourceRequest untagging(const std::string& key) {
        v1::UntagResourceRequest request;
        request.set_secret_id(name_);
        request.add_tag_keys(key);
        return request;
    }
    /// "KEY=VALUE " of each tag that the secret has.
    std::string tags() {
        v1::DescribeSecretRequest request;
        request.set_secret_id(name_);
        const auto answer = node().call(request);
        std::string text;
        for (const auto& tag : answer.tags().tags()) text += tag.key() + "=" + tag.value() + " ";
        return text;
    }
    static std::string denying(const std::string& action, const std::string& condition) {
        return R"({"Version":"2012-10-17","Statement":[{"Sid":"Kept","Effect":"Deny","Principal":"*","Action":")" +
               action + R"(","Resource":"*","Condition":)" + condition + "}]}";
    }
};

// Secrets Manager, TagResource and UntagResource: what would lose the caller his permissions is blocked, with
// AccessDeniedException.
TEST_F(TaggingTest, MayNotTakeAwayTheRightToTag) {
    const auto arn = create(name_, {{"team", "payments"}});
    EXPECT_EQ(as_alice(tagging("stage", "test")), "allowed");
    EXPECT_EQ(as_alice(tagging("team", "hr")),
              "AccessDeniedException: With these tags changed you could not change them again: User: "
              "arn:aws:iam::111122223333:user/alice is not authorized to perform: secretsmanager:TagResource "
              "on resource: " +
                  arn + " because no identity-based policy allows the secretsmanager:TagResource action");
    EXPECT_THAT(as_alice(untagging("team")),
                AllOf(StartsWith("AccessDeniedException: With these tags changed you could not"),
                      HasSubstr("to perform: secretsmanager:UntagResource on resource: " + arn)));
    EXPECT_EQ(tags(), "team=payments stage=test ");
    EXPECT_EQ(as_alice(untagging("stage")), "allowed");
    EXPECT_EQ(as_alice(untagging("never-there")), "allowed");
    EXPECT_EQ(as_alice(tagging("team", "payments")), "allowed") << "it has that";
    // Who may by another policy gives the secret away.
    node().call(tagging("team", "hr"));
    EXPECT_EQ(tags(), "team=hr ");
    EXPECT_THAT(as_alice(tagging("team", "payments")), StartsWith("AccessDeniedException: User: "));
}

TEST_F(TaggingTest, OfTheAccountsAdministratorADenyCanTakeItAway) {
    create(name_);
    ASSERT_EQ(attach(denying("secretsmanager:TagResource",
                             R"({"StringEquals":{"aws:ResourceTag/locked":"true"}})")),
              name_);
    try {
        node().call(tagging("locked", "true"));
        ADD_FAILURE() << "nothing was refused";
    } catch (const CallError& e) {
        EXPECT_THAT(e.what(), AllOf(StartsWith("AccessDeniedException: With these tags changed"),
                                    HasSubstr("with an explicit deny in a resource-based policy")));
    }
    EXPECT_EQ(tags(), "");
    node().call(tagging("locked", "no"));
    EXPECT_EQ(tags(), "locked=no ");
}

// Other rights may go: a tag that anybody may set and only some may take off, a secret that nobody is to
// read.
TEST_F(TaggingTest, OtherRightsDoNotCount) {
    create(name_, {{"team", "payments"}});
    ASSERT_EQ(attach(R"({"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":)"
                     R"(["secretsmanager:UntagResource","secretsmanager:GetSecretValue"],"Resource":"*",)"
                     R"("Condition":{"StringEquals":{"aws:ResourceTag/quarantine":"true"}}}]})"),
              name_);
    EXPECT_EQ(get(name_), "allowed");
    EXPECT_EQ(as_alice(tagging("quarantine", "true")), "allowed");
    EXPECT_THAT(get(name_), HasSubstr("explicit deny"));
    EXPECT_THAT(as_alice(untagging("quarantine")), HasSubstr("explicit deny"));
    EXPECT_EQ(as_alice(tagging("quarantine", "false")), "allowed");
    EXPECT_EQ(get(name_), "allowed");
}

TEST_F(TaggingTest, ARefusalIsOnRecordWithWhatWouldDecide) {
    const auto arn = create(name_, {{"team", "payments"}});
    EXPECT_EQ(as_alice(tagging("a", "b")), "allowed");
    auto event = node().events().back();
    EXPECT_EQ(event.at("additionalEventData").at("statement").as_string(),
              "statement 1 of the identity-based policy alice");
    ASSERT_THAT(as_alice(untagging("team")), StartsWith("AccessDeniedException"));
    event = node().events().back();
    EXPECT_EQ(event.at("eventName").as_string(), "UntagResource");
    EXPECT_EQ(event.at("errorCode").as_string(), "AccessDenied");
    EXPECT_EQ(event.at("resources").at(0).at("ARN").as_string(), arn);
    EXPECT_EQ(event.at("additionalEventData").at("statement").as_string(),
              "no identity-based policy allows it");
}

// Both changes are under way when the row's lock is let go; PostgreSQL gives it to who waits for longer.
TEST_F(TaggingTest, TheRowAsItIsUnderTheLockDecides) {
    create(name_, {{"team", "payments"}});
    pqxx::connection owner(Environment::get().conninfo());
    pqxx::work holding(owner);
    holding.exec_params("SELECT FROM secrets WHERE name = $1 FOR UPDATE", name_);
    pqxx::connection watcher(Environment::get().conninfo());
    const auto await_waiting = [&](int wanted) {
        for (int tries = 0; tries < 1'000; ++tries) {
            pqxx::nontransaction look(watcher);
            const auto waiting = look.exec1(
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = "
                "current_database()");
            if (waiting[0].as<int>() >= wanted) return true;
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        }
        return false;
    };
    auto& other = Environment::get().second_node();
    auto first = std::async(std::launch::async, [&] {
        v1::PutResourcePolicyRequest request;
        request.set_secret_id(name_);
        request.set_resource_policy(denying(
            "secretsmanager:TagResource",
            R"({"StringEquals":{"aws:ResourceTag/locked":"true"},"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:user/alice"}})"));
        return other.call(request).name();
    });
    const bool policy_waits = await_waiting(1);
    auto second = std::async(std::launch::async, [&] { return as_alice(tagging("locked", "true")); });
    const bool both_wait = policy_waits && await_waiting(2);
    holding.commit();
    EXPECT_EQ(first.get(), name_);
    EXPECT_THAT(second.get(), AllOf(HasSubstr("With these tags changed"), HasSubstr("explicit deny")));
    EXPECT_TRUE(both_wait);
    EXPECT_EQ(tags(), "team=payments ");
}

}  // namespace
}  // namespace coffer::secrets
