// AWS's quotas ("IAM and AWS STS quotas"): each is reached, and not exceeded.

#include <gmock/gmock.h>

#include "tests/iam/iam_fixture.hpp"

namespace coffer::iam {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

std::string numbered(const std::string& word, int i) {
    return word + std::to_string(i);
}

TEST(Limits, TenGroupsOfAUser) {
    World world;
    world.user("alice");
    for (int i = 0; i < 10; ++i) {
        world.group(numbered("g", i));
        world.join("alice", numbered("g", i));
    }
    world.group("one-more");
    EXPECT_EQ(refusal_of([&] { world.join("alice", "one-more"); }),
              "LimitExceeded: Cannot exceed quota for GroupsPerUser: 10");
}

TEST(Limits, TenPoliciesOfAUser) {
    World world;
    world.user("alice");
    for (int i = 0; i < 10; ++i) {
        world.attach_to_user("alice", world.policy(numbered("p", i), allow("iam:GetUser")));
    }
    const auto arn = world.policy("one-more", allow("iam:GetUser"));
    EXPECT_EQ(refusal_of([&] { world.attach_to_user("alice", arn); }),
              "LimitExceeded: Cannot exceed quota for PoliciesPerUser: 10");
}

TEST(Limits, FiveVersionsOfAPolicy) {
    World world;
    v1::CreatePolicyVersionRequest create;
    create.set_policy_arn(world.policy("p", allow("iam:GetUser")));
    create.set_policy_document(allow("iam:GetUser"));
    for (int i = 2; i <= 5; ++i) static_cast<void>(world.call(create_policy_version, create));
    EXPECT_EQ(refusal_of([&] { static_cast<void>(world.call(create_policy_version, create)); }),
              "LimitExceeded: A managed policy can have up to 5 versions. Before you create a new version, "
              "you must "
              "delete an existing version.");
}

TEST(Limits, FiftyTags) {
    World world;
    world.user("alice");
    v1::TagUserRequest tag;
    tag.set_user_name("alice");
    for (int i = 0; i < 50; ++i) tag.add_tags()->set_key(numbered("k", i));
    static_cast<void>(world.call(tag_user, tag));
    v1::TagUserRequest more;
    more.set_user_name("alice");
    more.add_tags()->set_key("one-more");
    EXPECT_EQ(refusal_of([&] { static_cast<void>(world.call(tag_user, more)); }),
              "LimitExceeded: Cannot exceed quota for TagsPerResource: 50");
}

/// A policy of `characters` without white space.
std::string policy_of(std::size_t characters) {
    const std::string head =
        R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:GetUser","Resource":"arn:aws:iam::111122223333:user/)";
    const std::string tail = R"("}]})";
    return head + std::string(characters - head.size() - tail.size(), 'x') + tail;
}

TEST(Limits, InlinePoliciesOfAUserHave2048CharactersTogether) {
    World world;
    world.user("alice");
    const auto put = [&](const std::string& name, const std::string& document) {
        return refusal_of([&] {
            v1::PutUserPolicyRequest request;
            request.set_user_name("alice");
            request.set_policy_name(name);
            request.set_policy_document(document);
            static_cast<void>(world.call(put_user_policy, request));
        });
    };
    EXPECT_EQ(put("a", policy_of(1024)), "done");
    EXPECT_EQ(put("b", policy_of(1024)), "done");
    EXPECT_EQ(put("b", policy_of(1025)),
              "LimitExceeded: Maximum policy size of 2048 bytes exceeded for user alice");
    EXPECT_EQ(put("b", "  " + policy_of(1024) + "\n\n"), "done");  // white space does not count
}

TEST(Limits, AManagedPolicyHas6144Characters) {
    World world;
    world.policy("fits", policy_of(6144));
    EXPECT_THAT(refusal_of([&] { world.policy("not", policy_of(6145)); }),
                StartsWith("MalformedPolicyDocument"));
}

TEST(Limits, ManyIdentitiesOfAUser) {
    World world;
    world.user("alice");
    for (int i = 0; i < 100; ++i) world.identity("alice", numbered("spiffe://t/", i));
    EXPECT_EQ(refusal_of([&] { world.identity("alice", "spiffe://t/one-more"); }),
              "LimitExceeded: Cannot exceed quota for IdentitiesPerPrincipal: 100");
}

}  // namespace
}  // namespace coffer::iam
