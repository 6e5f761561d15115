// Access as a configuration: what is exported changes nothing when it is applied, and a difference is told as
// it is.

#include <gmock/gmock.h>

#include "tests/iam/iam_fixture.hpp"

namespace coffer::iam {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

class Configuration : public testing::Test {
protected:
    Configuration() {
        world_.user("alice");
        world_.group("ops");
        world_.role("app");
        world_.join("alice", "ops");
        world_.identity("alice", "spiffe://t/alice");
        world_.attach_to_user("alice", world_.policy("p", allow("iam:GetUser")));
    }
    v1::AccessConfiguration exported() {
        return world_.call(get_access_configuration, v1::GetAccessConfigurationRequest()).configuration();
    }
    std::vector<std::string> apply(const v1::AccessConfiguration& configuration, bool prune = false) {
        v1::ApplyAccessConfigurationRequest request;
        *request.mutable_configuration() = configuration;
        request.set_prune(prune);
        std::vector<std::string> lines;
        const auto response = world_.call(apply_access_configuration, request);
        for (const auto& change : response.changes()) {
            lines.push_back(change.action() + " " + change.entity() +
                            (change.detail().empty() ? "" : ": " + change.detail()));
        }
        return lines;
    }
    std::string refusal(const v1::AccessConfiguration& configuration, bool prune = false) {
        return refusal_of([&] { static_cast<void>(apply(configuration, prune)); });
    }
    static v1::UserConfiguration& user_of(v1::AccessConfiguration& configuration, const std::string& name) {
        for (auto& user : *configuration.mutable_users()) {
            if (user.user_name() == name) return user;
        }
        throw std::out_of_range(name);
    }

    World world_;
};

TEST_F(Configuration, WhatIsExportedChangesNothing) {
    const auto before = world_.directory().stored().revision;
    EXPECT_THAT(apply(exported(), true), IsEmpty());
    EXPECT_EQ(exported().SerializeAsString(), exported().SerializeAsString());
    EXPECT_EQ(world_.directory().stored().entities.size(), 5U);
    EXPECT_GE(world_.directory().stored().revision, before);
}

TEST_F(Configuration, AnEmptyWorldBecomesTheSame) {
    const auto configuration = exported();
    World other;
    v1::ApplyAccessConfigurationRequest request;
    *request.mutable_configuration() = configuration;
    EXPECT_EQ(other.call(apply_access_configuration, request).changes_size(), 4);  // all but root
    EXPECT_EQ(other.call(get_access_configuration, v1::GetAccessConfigurationRequest())
                  .configuration()
                  .SerializeAsString(),
              configuration.SerializeAsString());
    EXPECT_EQ(other.call(apply_access_configuration, request).changes_size(), 0);
}

TEST_F(Configuration, TellsEachDifference) {
    auto wanted = exported();
    auto& alice = user_of(wanted, "alice");
    alice.clear_groups();
    alice.set_disabled(true);
    alice.mutable_identities(0)->set_value("spiffe://t/alicia");
    auto& tag = *alice.add_tags();
    tag.set_key("team");
    tag.set_value("x");
    wanted.mutable_policies(0)->set_policy_document(deny("iam:GetUser"));
    wanted.add_groups()->set_group_name("new");
    EXPECT_THAT(
        apply(wanted),
        ElementsAre(
            "update policy p: document: changed", "create group new",
            "update user alice: identities: +spiffe 'spiffe://t/alicia' -spiffe 'spiffe://t/alice'; tags: "
            "+team=x; groups: -ops; disabled: no -> yes"));
    EXPECT_EQ(world_.records().find<ManagedPolicy>("p")->default_version, 2);
    EXPECT_THAT(apply(wanted), IsEmpty());
}

TEST_F(Configuration, LayoutOfADocumentIsNoDifference) {
    auto wanted = exported();
    auto document = wanted.policies(0).policy_document();
    for (std::size_t at = 0; (at = document.find(',', at)) != std::string::npos; at += 2)
        document.insert(at + 1, "\n");
    wanted.mutable_policies(0)->set_policy_document(document);
    EXPECT_THAT(apply(wanted), IsEmpty());
}

TEST_F(Configuration, PrunesWhatIsNotThere) {
    auto wanted = exported();
    wanted.clear_roles();
    EXPECT_THAT(apply(wanted), IsEmpty());
    EXPECT_THAT(apply(wanted, true), ElementsAre("delete role app"));
    EXPECT_EQ(world_.records().find<Role>("app"), nullptr);
}

TEST_F(Configuration, IsRefusedAsAWhole) {
    auto wanted = exported();
    wanted.clear_policies();
    wanted.add_groups()->set_group_name("new");
    EXPECT_THAT(refusal(wanted, true), HasSubstr("policy/p does not exist or is not attachable"));
    EXPECT_EQ(world_.records().find<Group>("new"), nullptr);
}

TEST_F(Configuration, WhatIsWrongIsRefused) {
    auto twice = exported();
    twice.add_groups()->set_group_name("ops");
    EXPECT_THAT(refusal(twice),
                AllOf(StartsWith("InvalidInput"), HasSubstr("group 'ops' is in the configuration twice")));
    auto look_alike = exported();
    look_alike.add_groups()->set_group_name("OPS");
    EXPECT_THAT(refusal(look_alike), StartsWith("EntityAlreadyExists"));
    auto shared = exported();
    auto& bob = *shared.add_users();
    bob.set_user_name("bob");
    bob.add_identities()->set_kind("spiffe");
    bob.mutable_identities(0)->set_value("spiffe://t/alice");
    EXPECT_THAT(refusal(shared), StartsWith("EntityAlreadyExists: The identity"));
    auto malformed = exported();
    malformed.mutable_policies(0)->set_policy_document("{}");
    EXPECT_THAT(refusal(malformed), StartsWith("MalformedPolicyDocument"));
    auto reserved = exported();
    user_of(reserved, "alice").add_tags()->set_key("aws:x");
    EXPECT_THAT(refusal(reserved), StartsWith("InvalidInput"));
}

TEST_F(Configuration, DoesNotLockOutWhoAppliesIt) {
    EXPECT_THAT(refusal(v1::AccessConfiguration(), true), HasSubstr("would delete root, who applies it"));
    auto wanted = exported();
    user_of(wanted, "root").set_disabled(true);
    EXPECT_THAT(refusal(wanted), HasSubstr("would disable root"));
}

TEST_F(Configuration, PutsRightWhatIsNotBelieved) {
    const auto wanted = exported();
    world_.damage({IamKind::group, "ops"}, storage::IamFault::missing);
    EXPECT_FALSE(world_.recognise(spiffe("spiffe://t/alice")).rights);
    EXPECT_THAT(apply(wanted), ElementsAre("repair group ops"));
    EXPECT_TRUE(world_.recognise(spiffe("spiffe://t/alice")).rights);
}

}  // namespace
}  // namespace coffer::iam
