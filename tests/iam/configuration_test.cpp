// Access as a configuration: what is exported changes nothing when it is applied, and a difference is told as
// it is.

#include <gmock/gmock.h>

#include <boost/json/parse.hpp>

#include "daemon/audit/event.hpp"
#include "daemon/secrets/request_record.hpp"
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
    /// requestParameters of the last request, as its event's text has them.
    boost::json::object event_parameters() {
        audit::Event event;
        event.request_parameters = world_.last_record->parameters;
        if (!event.request_parameters) return {};
        return boost::json::parse(audit::to_json(event)).at("requestParameters").as_object();
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

/// What `change` says of a member: "-removed +added".
std::string told(const v1::AccessChange& change, const std::string& member) {
    std::string text;
    for (const auto& difference : change.differences()) {
        if (difference.member() != member) continue;
        for (const auto& removed : difference.removed()) text += "-" + removed + "\n";
        for (const auto& added : difference.added()) text += "+" + added + "\n";
    }
    return text;
}

TEST_F(Configuration, TellsStatementsAndMembersForMachines) {
    auto wanted = exported();
    auto& p = *wanted.mutable_policies(0);
    // Another order of members in a statement is no difference; nor is a version that was the default.
    const std::string first = R"({"Effect":"Allow","Action":"iam:GetUser","Resource":"*"})";
    const std::string again = R"({"Resource":"*","Action":"iam:GetUser","Effect":"Allow"})";
    const std::string second = R"({"Effect":"Deny","Action":"iam:GetRole","Resource":"*"})";
    p.set_policy_document(R"({"Version":"2012-10-17","Statement":[)" + second + "," + again + "]}");
    auto& bob = *wanted.add_users();
    bob.set_user_name("bob");
    bob.add_groups("ops");
    auto& own = *bob.add_inline_policies();
    own.set_policy_name("own");
    own.set_policy_document(R"({"Statement":)" + first + "}");
    auto request = v1::ApplyAccessConfigurationRequest();
    *request.mutable_configuration() = wanted;
    auto changes = world_.call(apply_access_configuration, request).changes();
    ASSERT_EQ(changes.size(), 2);
    EXPECT_EQ(told(changes[0], "document"), "+" + second + "\n");
    EXPECT_TRUE(changes[0].differences(0).is_policy_document());
    EXPECT_EQ(changes[1].entity(), "user bob");
    EXPECT_EQ(told(changes[1], "groups"), "+ops\n");
    // Without a version a policy has the older language.
    EXPECT_EQ(told(changes[1], "inline policy own"), "+\"Version\":\"2008-10-17\"\n+" + first + "\n");

    // What is deleted tells what goes with it: it may be a Deny.
    wanted.mutable_users()->RemoveLast();
    *request.mutable_configuration() = wanted;
    request.set_prune(true);
    changes = world_.call(apply_access_configuration, request).changes();
    ASSERT_EQ(changes.size(), 1);
    EXPECT_EQ(changes[0].action(), "delete");
    EXPECT_EQ(told(changes[0], "groups"), "-ops\n");
    EXPECT_THAT(told(changes[0], "inline policy own"), HasSubstr("-" + first));
}

TEST_F(Configuration, TheEventListsWhatChangedWithTheDocuments) {
    auto request = v1::ApplyAccessConfigurationRequest();
    *request.mutable_configuration() = exported();
    request.mutable_configuration()->mutable_policies(0)->set_policy_document(deny("iam:GetUser"));
    auto& zed = *request.mutable_configuration()->add_users();
    zed.set_user_name("zed");
    zed.add_groups("ops");
    zed.add_inline_policies()->set_policy_name("own");
    zed.mutable_inline_policies(0)->set_policy_document(allow("*"));
    static_cast<void>(world_.call(apply_access_configuration, request));
    const auto parameters = event_parameters();
    const auto& changes = parameters.at("changes").as_array();
    ASSERT_EQ(changes.size(), 2U);
    const auto& policy = changes[0].as_object();
    EXPECT_EQ(policy.at("action").as_string(), "update");
    EXPECT_EQ(policy.at("entity").as_string(), "policy p");
    EXPECT_EQ(policy.at("policyDocuments").as_array().at(0).at("policyDocument").as_string(),
              deny("iam:GetUser"));
    const auto& user = changes[1].as_object();
    EXPECT_EQ(user.at("action").as_string(), "create");
    EXPECT_EQ(user.at("entity").as_string(), "user zed");
    EXPECT_EQ(user.at("detail").as_string(), "inline policies: +own; groups: +ops");
    EXPECT_EQ(user.at("policyDocuments").as_array().at(0).at("name").as_string(), "inline policy own");
    EXPECT_EQ(user.at("policyDocuments").as_array().at(0).at("policyDocument").as_string(), allow("*"));
    EXPECT_FALSE(parameters.contains("changesOmitted"));
    EXPECT_FALSE(parameters.contains("documentsOmitted"));

    // What was asked for and refused is told as well.
    zed.add_groups("none");
    EXPECT_THAT(refusal(request.configuration()), HasSubstr("user 'zed': "));
    EXPECT_EQ(event_parameters().at("changes").as_array().at(0).at("entity").as_string(), "user zed");
    // A dry run changes nothing.
    zed.mutable_groups()->RemoveLast();
    zed.set_disabled(true);
    request.set_dry_run(true);
    static_cast<void>(world_.call(apply_access_configuration, request));
    EXPECT_FALSE(event_parameters().contains("changes"));
}

TEST_F(Configuration, TheEventSaysWhatItHasNoRoomFor) {
    // CloudTrail's requestParameters have 100 KiB; 300 documents of 500 characters are more, and 4,000 users
    // by their names alone.
    const auto sid = std::string(400, 'x') + "\x7F";
    auto request = v1::ApplyAccessConfigurationRequest();
    for (int i = 0; i < 300; ++i) {
        auto& policy = *request.mutable_configuration()->add_policies();
        policy.set_policy_name("p" + std::to_string(i));
        policy.set_policy_document(
            R"({"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:SourceVpce":")" +
            sid + R"("}}}})");
    }
    static_cast<void>(world_.call(apply_access_configuration, request));
    auto parameters = event_parameters();
    EXPECT_EQ(parameters.at("changes").as_array().size(), 300U);
    EXPECT_FALSE(parameters.contains("changesOmitted"));
    std::int64_t there = 0;
    for (const auto& change : parameters.at("changes").as_array()) {
        if (const auto* documents = change.as_object().if_contains("policyDocuments"))
            there += static_cast<std::int64_t>(documents->as_array().size());
    }
    EXPECT_GT(there, 100);
    EXPECT_EQ(there + parameters.at("documentsOmitted").as_int64(), 300);

    request.Clear();
    for (int i = 0; i < 4000; ++i)
        request.mutable_configuration()->add_users()->set_user_name("user-" + std::to_string(i));
    const auto response = world_.call(apply_access_configuration, request);
    EXPECT_LT(response.ByteSizeLong(), 1024U * 1024U);
    parameters = event_parameters();
    const auto listed = static_cast<std::int64_t>(parameters.at("changes").as_array().size());
    EXPECT_GT(listed, 1000);
    EXPECT_EQ(listed + parameters.at("changesOmitted").as_int64(), 4000);
}

TEST_F(Configuration, AnAnswerSaysWhatItHasNoRoomFor) {
    auto request = v1::ApplyAccessConfigurationRequest();
    for (int i = 0; i < 250; ++i) {
        auto& group = *request.mutable_configuration()->add_groups();
        group.set_group_name("g" + std::to_string(i));
        group.add_inline_policies()->set_policy_name("p");
        group.mutable_inline_policies(0)->set_policy_document(allow("iam:" + std::string(2000, 'x')));
    }
    const auto response = world_.call(apply_access_configuration, request);
    EXPECT_EQ(response.changes_size(), 250);
    EXPECT_FALSE(response.changes(0).differences_omitted());
    EXPECT_TRUE(response.changes(249).differences_omitted());
    EXPECT_LT(response.ByteSizeLong(), 300U * 1024U);
}

TEST_F(Configuration, LayoutOfADocumentIsNoDifference) {
    auto wanted = exported();
    auto document = wanted.policies(0).policy_document();
    for (std::size_t at = 0; (at = document.find(',', at)) != std::string::npos; at += 2)
        document.insert(at + 1, "\n");
    wanted.mutable_policies(0)->set_policy_document(document);
    EXPECT_THAT(apply(wanted), IsEmpty());
}

/// A trust policy about a user.
std::string trusting_user(const std::string& name) {
    return R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:user/)" +
           name + R"("},"Action":"sts:AssumeRole"}]})";
}

// What it says of a trust policy is what is shown of it; applying it puts the policy.
TEST_F(Configuration, ATrustPolicyMeansWhoIsThereWhenItIsApplied) {
    const auto user_arn = [](const std::string& name) { return "arn:aws:iam::111122223333:user/" + name; };
    const auto trusted = [&] { return world_.records().find<Role>("app")->trust_principals; };
    const auto id_of = [&](const std::string& name) { return world_.records().find<User>(name)->id; };
    auto configuration = exported();
    auto& role = *configuration.mutable_roles(0);
    role.set_assume_role_policy_document(trusting_user("bob"));
    // Roles come before users, and mean them all the same.
    configuration.add_users()->set_user_name("bob");
    EXPECT_EQ(apply(configuration).size(), 2U);
    const auto bob = id_of("bob");
    EXPECT_EQ(trusted(), (PrincipalIds{{user_arn("bob"), bob}}));
    EXPECT_THAT(apply(configuration), IsEmpty());
    EXPECT_THAT(apply(exported(), true), IsEmpty());
    // Under another name.
    v1::UpdateUserRequest rename;
    rename.set_user_name("bob");
    rename.set_new_user_name("rob");
    static_cast<void>(world_.call(update_user, rename));
    EXPECT_EQ(exported().roles(0).assume_role_policy_document(), trusting_user("rob"));
    EXPECT_THAT(apply(exported(), true), IsEmpty());
    EXPECT_EQ(trusted(), (PrincipalIds{{user_arn("bob"), bob}}));
    // Gone, and another who has the name: the configuration means that one.
    v1::DeleteUserRequest remove;
    remove.set_user_name("rob");
    static_cast<void>(world_.call(delete_user, remove));
    world_.user("bob");
    const auto other = id_of("bob");
    ASSERT_NE(other, bob);
    EXPECT_THAT(exported().roles(0).assume_role_policy_document(), HasSubstr("\"" + bob + "\""));
    EXPECT_THAT(apply(exported(), true), IsEmpty());
    EXPECT_THAT(apply(configuration), ElementsAre("update role app: trust policy: changed"));
    EXPECT_EQ(trusted(), (PrincipalIds{{user_arn("bob"), other}}));
    EXPECT_THAT(apply(configuration), IsEmpty());
    // One of before is bound.
    world_.forget_trusted("app");
    EXPECT_THAT(apply(configuration), ElementsAre("update role app: principals of the trust policy: +" +
                                                  user_arn("bob") + " (" + other + ")"));
    EXPECT_EQ(trusted(), (PrincipalIds{{user_arn("bob"), other}}));
    // Made again within one: deleted by hand, and back by the configuration.
    remove.set_user_name("bob");
    static_cast<void>(world_.call(delete_user, remove));
    EXPECT_THAT(apply(configuration),
                ElementsAre("update role app: trust policy: changed", "create user bob"));
    EXPECT_EQ(trusted(), (PrincipalIds{{user_arn("bob"), id_of("bob")}}));
}

TEST_F(Configuration, ATrustPolicyMeansNobodyWhoIsPruned) {
    auto configuration = exported();
    configuration.mutable_roles(0)->set_assume_role_policy_document(trusting_user("bob"));
    world_.user("bob");
    static_cast<void>(apply(configuration));
    const auto bob = world_.records().find<User>("bob")->id;
    EXPECT_THAT(apply(configuration, true), ElementsAre("delete user bob",
                                                        "update role app: principals of the trust policy: "
                                                        "+arn:aws:iam::111122223333:user/bob (nobody) "
                                                        "-arn:aws:iam::111122223333:user/bob (" +
                                                            bob + ")"));
    EXPECT_THAT(apply(configuration, true), IsEmpty());
}

TEST_F(Configuration, PrunesWhatIsNotThere) {
    auto wanted = exported();
    wanted.clear_roles();
    EXPECT_THAT(apply(wanted), IsEmpty());
    EXPECT_THAT(apply(wanted, true), ElementsAre("delete role app: trust policy: deleted"));
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
    EXPECT_THAT(refusal(shared), StartsWith("EntityAlreadyExists: user 'alice': The identity"));
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
