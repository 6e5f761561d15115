// The operations one by one. Names and texts of errors are those of the IAM API reference.

#include <gmock/gmock.h>

#include <boost/json/array.hpp>

#include "daemon/secrets/request_record.hpp"
#include "tests/iam/iam_fixture.hpp"

namespace coffer::iam {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

class Operations : public testing::Test {
protected:
    template <class Request, class Response>
    std::string refusal(Response (*operation)(Work&, const Request&), const Request& request,
                        const std::string& caller = "root") {
        return refusal_of([&] { static_cast<void>(world_.call(operation, request, caller)); });
    }
    static v1::GetUserRequest user_request(const std::string& name) {
        v1::GetUserRequest request;
        request.set_user_name(name);
        return request;
    }
    static v1::PutUserPolicyRequest inline_request(const std::string& user, const std::string& policy,
                                                   const std::string& document) {
        v1::PutUserPolicyRequest request;
        request.set_user_name(user);
        request.set_policy_name(policy);
        request.set_policy_document(document);
        return request;
    }

    World world_;
};

TEST_F(Operations, AUserIsMadeShownAndDeleted) {
    v1::CreateUserRequest create;
    create.set_user_name("alice");
    create.set_path("/people/");
    auto& tag = *create.add_tags();
    tag.set_key("team");
    tag.set_value("billing");
    create.set_expires("2026-12-31T00:00:00Z");
    const auto made = world_.call(create_user, create).user();
    EXPECT_EQ(made.arn(), "arn:aws:iam::111122223333:user/people/alice");
    EXPECT_THAT(made.user_id(), StartsWith("AIDA"));
    EXPECT_DOUBLE_EQ(made.create_date(), 1'790'000'000.0);
    EXPECT_DOUBLE_EQ(made.expires(), 1'798'675'200.0);  // date -u -d 2026-12-31 +%s
    const auto shown = world_.call(get_user, user_request("alice")).user();
    EXPECT_EQ(shown.SerializeAsString(), made.SerializeAsString());
    v1::DeleteUserRequest remove;
    remove.set_user_name("alice");
    static_cast<void>(world_.call(delete_user, remove));
    EXPECT_EQ(refusal(get_user, user_request("alice")),
              "NoSuchEntity: The user with name alice cannot be found.");
    EXPECT_EQ(refusal(delete_user, remove), "NoSuchEntity: The user with name alice cannot be found.");
}

TEST_F(Operations, NamesAreTakenWhateverTheirCase) {
    world_.user("alice");
    v1::CreateUserRequest create;
    create.set_user_name("Alice");
    EXPECT_EQ(refusal(create_user, create), "EntityAlreadyExists: User with name Alice already exists.");
}

TEST_F(Operations, WithoutANameTheCallerIsShown) {
    EXPECT_EQ(world_.call(get_user, v1::GetUserRequest()).user().user_name(), "root");
}

TEST_F(Operations, WhoHasNoPolicyIsRefusedWithoutLearningWhatThereIs) {
    world_.user("alice");
    world_.user("mallory");
    for (const auto* name : {"alice", "nobody"}) {
        EXPECT_EQ(
            refusal(get_user, user_request(name), "mallory"),
            std::string(
                "AccessDeniedException: User: arn:aws:iam::111122223333:user/mallory is not authorized to "
                "perform: iam:GetUser on resource: arn:aws:iam::111122223333:user/") +
                name + " because no identity-based policy allows the iam:GetUser action");
    }
}

TEST_F(Operations, EveryOperationAuthorizesItself) {
    world_.user("mallory");
    int count = 0;
#define EXPECT_DENIED(Operation, name)                                                                   \
    EXPECT_THAT(refusal(name, v1::Operation##Request(), "mallory"), StartsWith("AccessDeniedException")) \
        << #Operation;                                                                                   \
    ++count;
#define NOT_HERE(Operation, name) /* needs a database: in the service's test */
    COFFER_IAM_OPERATIONS(EXPECT_DENIED, NOT_HERE, EXPECT_DENIED)
#undef EXPECT_DENIED
#undef NOT_HERE
    EXPECT_GE(count, 70);
}

TEST_F(Operations, AUserIsRenamedAndMoved) {
    world_.user("alice");
    world_.user("bob");
    v1::UpdateUserRequest update;
    update.set_user_name("alice");
    update.set_new_user_name("bob");
    EXPECT_THAT(refusal(update_user, update), StartsWith("EntityAlreadyExists"));
    update.set_new_user_name("alicia");
    update.set_new_path("/x/");
    static_cast<void>(world_.call(update_user, update));
    EXPECT_EQ(world_.call(get_user, user_request("alicia")).user().arn(),
              "arn:aws:iam::111122223333:user/x/alicia");
    EXPECT_THAT(refusal(get_user, user_request("alice")), StartsWith("NoSuchEntity"));
}

/// A trust policy about a user.
std::string user_trust(const std::string& name) {
    return R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:user/)" +
           name + R"("},"Action":"sts:AssumeRole"}]})";
}

class TrustOperations : public Operations {
protected:
    TrustOperations() { world_.role("rr"); }
    void trust(const std::string& name) {
        v1::UpdateAssumeRolePolicyRequest request;
        request.set_role_name("rr");
        request.set_policy_document(user_trust(name));
        static_cast<void>(world_.call(update_assume_role_policy, request));
    }
    std::string trusted() {
        v1::GetRoleRequest request;
        request.set_role_name("rr");
        return world_.call(get_role, request).role().assume_role_policy_document();
    }
    std::vector<std::string> create(const std::string& name) {
        v1::CreateUserRequest request;
        request.set_user_name(name);
        const auto warnings = world_.call(create_user, request).warnings();
        return {warnings.begin(), warnings.end()};
    }
    std::vector<std::string> remove(const std::string& name) {
        v1::DeleteUserRequest request;
        request.set_user_name(name);
        const auto warnings = world_.call(delete_user, request).warnings();
        return {warnings.begin(), warnings.end()};
    }
    std::string rename(const std::string& from, const std::string& to) {
        v1::UpdateUserRequest request;
        request.set_user_name(from);
        request.set_new_user_name(to);
        return refusal(update_user, request);
    }
    /// Whether the role takes a user of that ARN and unique id.
    bool takes(const std::string& name, const std::string& id) {
        access::Principal principal;
        principal.arn = "arn:aws:iam::111122223333:user/" + name;
        principal.account = kAccount;
        principal.id = id;
        principal.name = name;
        const access::RequestContext request(principal, access::Action::sts_assume_role,
                                             "arn:aws:iam::111122223333:role/rr");
        const auto policy = world_.directory().trust_policy("rr");
        access::PolicySet policies;
        policies.resource = policy.get();
        return access::decide(request, policies).allowed();
    }
    std::string id_of(const std::string& name) { return world_.records().find<User>(name)->id; }
};

// AWS keeps the unique id behind the ARN. What secrets' policies say is in a database (service_test.cpp).
TEST_F(TrustOperations, ATrustPolicyMeansTheUser) {
    world_.user("alice");
    const auto alice = id_of("alice");
    trust("alice");
    EXPECT_EQ(trusted(), user_trust("alice"));
    EXPECT_TRUE(takes("alice", alice));
    EXPECT_EQ(rename("alice", "carol"), "done");
    EXPECT_EQ(trusted(), user_trust("carol"));
    EXPECT_TRUE(takes("carol", alice));
    EXPECT_THAT(create("alice"), IsEmpty()) << "nothing holds for her";
    EXPECT_FALSE(takes("alice", id_of("alice")));
    EXPECT_EQ(trusted(), user_trust("carol"));
    EXPECT_THAT(remove("carol"), IsEmpty()) << "nothing is left behind for whoever gets the name";
    auto gone = user_trust("carol");
    const std::string arn = "arn:aws:iam::111122223333:user/carol";
    EXPECT_EQ(trusted(), gone.replace(gone.find(arn), arn.size(), alice));
    EXPECT_THAT(create("carol"), IsEmpty());
    EXPECT_FALSE(takes("carol", id_of("carol")));
}

TEST_F(TrustOperations, WhoWasNotThereIsNotTrusted) {
    trust("carol");
    const std::string warning =
        "policies named user/carol before it was made: the trust policy of role rr; they give this user "
        "nothing until they are put again";
    EXPECT_THAT(create("carol"), ElementsAre(warning));
    const boost::json::object elements{{"warnings", boost::json::array{warning}}};
    EXPECT_EQ(world_.last_record->response_elements, elements);
    EXPECT_FALSE(takes("carol", id_of("carol")));
    EXPECT_EQ(trusted(), user_trust("carol"));
    trust("carol");
    EXPECT_TRUE(takes("carol", id_of("carol")));
    EXPECT_THAT(remove("carol"), IsEmpty());
}

// As it was while the ARN was all that a policy had.
TEST_F(TrustOperations, ATrustPolicyOfBeforeGoesByTheArn) {
    world_.user("alice");
    trust("carol");
    world_.forget_trusted("rr");
    EXPECT_TRUE(takes("carol", "AIDAANYBODY"));
    EXPECT_THAT(rename("alice", "carol"),
                AllOf(StartsWith("DeleteConflict"), HasSubstr("the trust policy of role rr")));
    EXPECT_EQ(world_.last_record->response_elements, std::nullopt);
    EXPECT_THAT(
        create("carol"),
        ElementsAre("policies name user/carol already: the trust policy of role rr; they hold for this "
                    "user now"));
    EXPECT_THAT(rename("carol", "caroline"), HasSubstr("not hold for this user any more"));
    trust("carol");
    EXPECT_EQ(rename("carol", "caroline"), "done");
    EXPECT_TRUE(takes("caroline", id_of("caroline")));
}

// The role itself is there once it is made.
TEST_F(TrustOperations, ARoleMayMeanItself) {
    v1::CreateRoleRequest request;
    request.set_role_name("self");
    request.set_assume_role_policy_document(
        R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:role/self"},"Action":"sts:AssumeRole"}]})");
    static_cast<void>(world_.call(create_role, request));
    const auto& role = *world_.records().find<Role>("self");
    EXPECT_EQ(role.trust_principals, (PrincipalIds{{"arn:aws:iam::111122223333:role/self", role.id}}));
}

TEST_F(Operations, ARenamedGroupKeepsItsUsers) {
    world_.user("alice");
    world_.group("ops");
    world_.join("alice", "ops");
    v1::UpdateGroupRequest update;
    update.set_group_name("ops");
    update.set_new_group_name("operators");
    static_cast<void>(world_.call(update_group, update));
    EXPECT_THAT(world_.records().find<User>("alice")->groups, ElementsAre("operators"));
    v1::GetGroupRequest get;
    get.set_group_name("operators");
    EXPECT_EQ(world_.call(get_group, get).users(0).user_name(), "alice");
}

TEST_F(Operations, WhatIsUsedIsNotDeleted) {
    world_.user("alice");
    world_.group("ops");
    world_.join("alice", "ops");
    const auto arn = world_.policy("p", allow("iam:GetUser"));
    world_.attach_to_user("alice", arn);
    v1::DeletePolicyRequest policy;
    policy.set_policy_arn(arn);
    EXPECT_EQ(refusal(delete_policy, policy), "DeleteConflict: Cannot delete a policy attached to entities.");
    v1::DeleteGroupRequest group;
    group.set_group_name("ops");
    EXPECT_EQ(refusal(delete_group, group),
              "DeleteConflict: Cannot delete entity, must remove users from group first.");
    v1::DeleteUserRequest user;
    user.set_user_name("alice");
    EXPECT_EQ(refusal(delete_user, user),
              "DeleteConflict: Cannot delete entity, must detach all policies first.");
    v1::DetachUserPolicyRequest detach;
    detach.set_user_name("alice");
    detach.set_policy_arn(arn);
    static_cast<void>(world_.call(detach_user_policy, detach));
    EXPECT_EQ(refusal(detach_user_policy, detach), "NoSuchEntity: Policy " + arn + " was not found.");
    static_cast<void>(world_.call(put_user_policy, inline_request("alice", "own", allow("iam:GetUser"))));
    EXPECT_EQ(refusal(delete_user, user),
              "DeleteConflict: Cannot delete entity, must delete policies first.");
    v1::DeleteUserPolicyRequest own;
    own.set_user_name("alice");
    own.set_policy_name("own");
    static_cast<void>(world_.call(delete_user_policy, own));
    EXPECT_EQ(refusal(delete_user_policy, own),
              "NoSuchEntity: The user policy with name own cannot be found.");
    v1::RemoveUserFromGroupRequest leave;
    leave.set_user_name("alice");
    leave.set_group_name("ops");
    static_cast<void>(world_.call(remove_user_from_group, leave));
    EXPECT_EQ(refusal(delete_user, user), "done");
    EXPECT_EQ(refusal(delete_group, group), "done");
    EXPECT_EQ(refusal(delete_policy, policy), "done");
}

TEST_F(Operations, InlinePoliciesArePutShownAndListed) {
    world_.user("alice");
    const auto document = allow("secretsmanager:GetSecretValue");
    static_cast<void>(world_.call(put_user_policy, inline_request("alice", "b", document)));
    static_cast<void>(world_.call(put_user_policy, inline_request("alice", "a", document)));
    v1::GetUserPolicyRequest get;
    get.set_user_name("alice");
    get.set_policy_name("a");
    EXPECT_EQ(world_.call(get_user_policy, get).policy_document(), document);
    v1::ListUserPoliciesRequest list;
    list.set_user_name("alice");
    const auto listed = world_.call(list_user_policies, list);
    EXPECT_THAT(listed.policy_names(), ElementsAre("a", "b"));
    EXPECT_FALSE(listed.is_truncated());
}

TEST_F(Operations, MalformedPoliciesAreRefusedWithTheirPlace) {
    world_.user("alice");
    EXPECT_THAT(refusal(put_user_policy, inline_request("alice", "a",
                                                        "{\n \"Version\": \"2012-10-17\",\n \"Statement\": "
                                                        "[{\"Effect\": \"allow\"}]}")),
                AllOf(StartsWith("MalformedPolicyDocument: "), HasSubstr("line 3")));
    EXPECT_THAT(refusal(put_user_policy, inline_request("alice", "a", "no json")),
                StartsWith("MalformedPolicyDocument"));
    v1::CreateRoleRequest role;
    role.set_role_name("r");
    role.set_assume_role_policy_document(allow("sts:AssumeRole"));
    EXPECT_THAT(refusal(create_role, role), StartsWith("MalformedPolicyDocument"));
}

TEST_F(Operations, VersionsOfAPolicy) {
    const auto arn = world_.policy("p", allow("secretsmanager:GetSecretValue"));
    v1::CreatePolicyVersionRequest create;
    create.set_policy_arn(arn);
    create.set_policy_document(deny("secretsmanager:GetSecretValue"));
    EXPECT_EQ(world_.call(create_policy_version, create).policy_version().version_id(), "v2");
    v1::GetPolicyRequest get;
    get.set_policy_arn(arn);
    EXPECT_EQ(world_.call(get_policy, get).policy().default_version_id(), "v1");
    create.set_set_as_default(true);
    EXPECT_EQ(world_.call(create_policy_version, create).policy_version().version_id(), "v3");
    EXPECT_EQ(world_.call(get_policy, get).policy().default_version_id(), "v3");
    v1::DeletePolicyVersionRequest remove;
    remove.set_policy_arn(arn);
    remove.set_version_id("v3");
    EXPECT_EQ(refusal(delete_policy_version, remove),
              "DeleteConflict: Cannot delete the default version of a policy.");
    v1::SetDefaultPolicyVersionRequest choose;
    choose.set_policy_arn(arn);
    choose.set_version_id("v1");
    static_cast<void>(world_.call(set_default_policy_version, choose));
    static_cast<void>(world_.call(delete_policy_version, remove));
    EXPECT_EQ(refusal(delete_policy_version, remove),
              "NoSuchEntity: Policy " + arn + " version v3 does not exist or is not attachable.");
    EXPECT_EQ(world_.call(create_policy_version, create).policy_version().version_id(), "v4");
    v1::ListPolicyVersionsRequest list;
    list.set_policy_arn(arn);
    std::vector<std::string> ids;
    const auto versions = world_.call(list_policy_versions, list);
    for (const auto& version : versions.versions()) ids.push_back(version.version_id());
    EXPECT_THAT(ids, ElementsAre("v4", "v2", "v1"));
    v1::DeletePolicyRequest policy;
    policy.set_policy_arn(arn);
    EXPECT_THAT(refusal(delete_policy, policy), HasSubstr("This policy has more than one version."));
}

TEST_F(Operations, BuiltInPoliciesAreThereAndStay) {
    const std::string arn(kAdministratorAccess);
    v1::GetPolicyRequest get;
    get.set_policy_arn(arn);
    const auto policy = world_.call(get_policy, get).policy();
    EXPECT_EQ(policy.arn(), arn);
    EXPECT_EQ(policy.attachment_count(), 1);
    v1::DeletePolicyRequest remove;
    remove.set_policy_arn(arn);
    EXPECT_THAT(refusal(delete_policy, remove), StartsWith("UnmodifiableEntity"));
    v1::CreatePolicyVersionRequest create;
    create.set_policy_arn(arn);
    create.set_policy_document(deny("iam:GetUser"));
    EXPECT_THAT(refusal(create_policy_version, create), StartsWith("UnmodifiableEntity"));
    v1::ListEntitiesForPolicyRequest list;
    list.set_policy_arn(arn);
    EXPECT_EQ(world_.call(list_entities_for_policy, list).policy_users(0).user_name(), "root");
}

TEST_F(Operations, PoliciesAreListedByScopeAndUse) {
    const auto arn = world_.policy("p", allow("iam:GetUser"));
    v1::ListPoliciesRequest list;
    list.set_scope("Local");
    EXPECT_EQ(world_.call(list_policies, list).policies(0).arn(), arn);
    list.set_only_attached(true);
    EXPECT_THAT(world_.call(list_policies, list).policies(), IsEmpty());
    list.set_scope("AWS");
    EXPECT_EQ(world_.call(list_policies, list).policies(0).arn(), kAdministratorAccess);
}

TEST_F(Operations, AttachingWhatIsNotThere) {
    world_.user("alice");
    v1::AttachUserPolicyRequest attach;
    attach.set_user_name("alice");
    for (const auto* arn : {"arn:aws:iam::111122223333:policy/none", "arn:aws:iam::aws:policy/None",
                            "arn:aws:iam::444455556666:policy/p", "arn:aws:iam::111122223333:user/alice",
                            "no arn, just some text"}) {
        attach.set_policy_arn(arn);
        EXPECT_EQ(refusal(attach_user_policy, attach),
                  std::string("NoSuchEntity: Policy ") + arn + " does not exist or is not attachable.");
    }
    attach.set_user_name("nobody");
    attach.set_policy_arn(std::string(kAdministratorAccess));
    EXPECT_THAT(refusal(attach_user_policy, attach), StartsWith("NoSuchEntity: The user"));
}

TEST_F(Operations, TagsAreAddedChangedAndRemoved) {
    world_.role("app");
    v1::TagRoleRequest tag;
    tag.set_role_name("app");
    for (const auto& [key, value] : {std::pair{"b", "1"}, std::pair{"a", "2"}}) {
        auto& one = *tag.add_tags();
        one.set_key(key);
        one.set_value(value);
    }
    static_cast<void>(world_.call(tag_role, tag));
    tag.mutable_tags(0)->set_value("3");
    static_cast<void>(world_.call(tag_role, tag));
    EXPECT_THAT(world_.records().find<Role>("app")->tags, ElementsAre(Tag{"b", "3"}, Tag{"a", "2"}));
    v1::ListRoleTagsRequest list;
    list.set_role_name("app");
    EXPECT_EQ(world_.call(list_role_tags, list).tags(0).key(), "a");
    v1::UntagRoleRequest untag;
    untag.set_role_name("app");
    untag.add_tag_keys("b");
    untag.add_tag_keys("none");
    static_cast<void>(world_.call(untag_role, untag));
    EXPECT_THAT(world_.records().find<Role>("app")->tags, ElementsAre(Tag{"a", "2"}));
    tag.mutable_tags(0)->set_key("aws:x");
    EXPECT_THAT(refusal(tag_role, tag), AllOf(StartsWith("InvalidInput"), HasSubstr("'aws:x'")));
    tag.mutable_tags(0)->set_key("AWS:x");
    EXPECT_THAT(refusal(tag_role, tag), StartsWith("InvalidInput"));
    tag.mutable_tags(0)->set_key("a");
    EXPECT_THAT(refusal(tag_role, tag), HasSubstr("Duplicate tag keys"));
}

// IAM user guide, "Tags for IAM resources": "Tag key values are not case sensitive", so that of two keys that
// differ in nothing else the later replaces the earlier.
TEST_F(Operations, KeysOfTagsHaveNoCase) {
    world_.role("app");
    const auto tag_as = [&](std::initializer_list<std::pair<const char*, const char*>> tags) {
        v1::TagRoleRequest request;
        request.set_role_name("app");
        for (const auto& [key, value] : tags) {
            request.add_tags()->set_key(key);
            request.mutable_tags(request.tags_size() - 1)->set_value(value);
        }
        return request;
    };
    static_cast<void>(world_.call(tag_role, tag_as({{"Team", "dev"}})));
    static_cast<void>(world_.call(tag_role, tag_as({{"team", "ops"}})));
    EXPECT_THAT(world_.records().find<Role>("app")->tags, ElementsAre(Tag{"team", "ops"}));
    EXPECT_THAT(refusal(tag_role, tag_as({{"a", "1"}, {"A", "2"}})), HasSubstr("Duplicate tag keys"));
    v1::UntagRoleRequest untag;
    untag.set_role_name("app");
    untag.add_tag_keys("TEAM");
    static_cast<void>(world_.call(untag_role, untag));
    EXPECT_THAT(world_.records().find<Role>("app")->tags, testing::IsEmpty());
}

TEST_F(Operations, ACertificateBelongsToOnePrincipal) {
    world_.user("alice");
    world_.user("bob");
    world_.role("app");
    world_.identity("alice", "spiffe://t/a");
    v1::AddUserIdentityRequest bob;
    bob.set_user_name("bob");
    bob.mutable_identity()->set_kind("spiffe");
    bob.mutable_identity()->set_value("spiffe://t/a");
    EXPECT_THAT(refusal(add_user_identity, bob),
                AllOf(StartsWith("EntityAlreadyExists"), HasSubstr("user alice has")));
    v1::AddRoleIdentityRequest role;
    role.set_role_name("app");
    *role.mutable_identity() = bob.identity();
    // With an issuer it would still match a certificate that alice's identity matches.
    role.mutable_identity()->set_issuer("CN=CA");
    EXPECT_THAT(refusal(add_role_identity, role), StartsWith("EntityAlreadyExists"));
    bob.set_user_name("alice");
    EXPECT_THAT(refusal(add_user_identity, bob), HasSubstr("has the identity"));
    v1::RemoveUserIdentityRequest remove;
    remove.set_user_name("alice");
    *remove.mutable_identity() = bob.identity();
    EXPECT_THAT(world_.call(remove_user_identity, remove).identities(), IsEmpty());
    EXPECT_THAT(refusal(remove_user_identity, remove), StartsWith("NoSuchEntity"));
    EXPECT_EQ(refusal(add_role_identity, role), "done");
    // Another issuer: another certificate.
    bob.set_user_name("bob");
    bob.mutable_identity()->set_issuer("CN=CA 2");
    EXPECT_EQ(refusal(add_user_identity, bob), "done");
}

TEST_F(Operations, IdentitiesThatCannotBeAreRefused) {
    world_.user("alice");
    v1::AddUserIdentityRequest add;
    add.set_user_name("alice");
    for (const auto& [kind, value] :
         {std::pair{"spiffe", "https://t/a"}, std::pair{"email", "nobody"}, std::pair{"subject", "alice"},
          std::pair{"dns", "a b"}, std::pair{"cn", "a\nb"}}) {
        add.mutable_identity()->set_kind(kind);
        add.mutable_identity()->set_value(value);
        EXPECT_THAT(refusal(add_user_identity, add), StartsWith("InvalidInput")) << kind;
    }
    add.mutable_identity()->set_kind("cn");
    add.mutable_identity()->set_value("a");
    add.mutable_identity()->set_issuer("the CA");
    EXPECT_THAT(refusal(add_user_identity, add), AllOf(StartsWith("InvalidInput"), HasSubstr("RFC 2253")));
}

TEST_F(Operations, ADisabledUserIsRefusedUntilItIsEnabled) {
    world_.user("alice");
    world_.identity("alice", "spiffe://t/a");
    v1::DisableUserRequest disable;
    disable.set_user_name("alice");
    static_cast<void>(world_.call(disable_user, disable));
    EXPECT_EQ(world_.recognise(spiffe("spiffe://t/a")).refusal, "user 'alice' is disabled");
    v1::EnableUserRequest enable;
    enable.set_user_name("alice");
    static_cast<void>(world_.call(enable_user, enable));
    EXPECT_TRUE(world_.recognise(spiffe("spiffe://t/a")).rights);
}

// "Permissions boundaries for IAM entities": delegating user management with iam:PermissionsBoundary.
TEST_F(Operations, ADelegateMayOnlyMakeUsersWithTheBoundary) {
    const auto boundary = world_.policy("limit", allow("secretsmanager:*"));
    world_.user("delegate");
    static_cast<void>(world_.call(
        put_user_policy,
        inline_request(
            "delegate", "make-users",
            R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["iam:CreateUser","iam:AttachUserPolicy"],"Resource":"*","Condition":{"StringEquals":{"iam:PermissionsBoundary":")" +
                boundary + R"("}}}]})")));
    v1::CreateUserRequest create;
    create.set_user_name("new");
    EXPECT_THAT(refusal(create_user, create, "delegate"), StartsWith("AccessDeniedException"));
    create.set_permissions_boundary(boundary);
    EXPECT_EQ(refusal(create_user, create, "delegate"), "done");
    v1::AttachUserPolicyRequest attach;
    attach.set_user_name("new");
    attach.set_policy_arn(std::string(kAdministratorAccess));
    EXPECT_EQ(refusal(attach_user_policy, attach, "delegate"), "done");
    attach.set_user_name("delegate");
    EXPECT_THAT(refusal(attach_user_policy, attach, "delegate"), StartsWith("AccessDeniedException"));
}

TEST_F(Operations, WhatIsNotBelievedIsNamedAndMayBeDeleted) {
    world_.user("alice");
    world_.damage({IamKind::user, "alice"}, storage::IamFault::altered);
    EXPECT_THAT(
        refusal(get_user, user_request("alice")),
        AllOf(StartsWith("IntegrityFailureException"), HasSubstr("user alice was altered in the database")));
    v1::CreateUserRequest create;
    create.set_user_name("alice");
    EXPECT_THAT(refusal(create_user, create), StartsWith("EntityAlreadyExists"));
    v1::DeleteUserRequest remove;
    remove.set_user_name("alice");
    EXPECT_EQ(refusal(delete_user, remove), "done");
    EXPECT_EQ(refusal(create_user, create), "done");
}

TEST_F(Operations, ListsComeInPages) {
    for (const auto* name : {"c", "a", "b"}) world_.user(name);
    v1::ListUsersRequest list;
    list.set_max_items(2);
    std::vector<std::string> names;
    for (int pages = 0; pages < 10; ++pages) {
        const auto page = world_.call(list_users, list);
        for (const auto& user : page.users()) names.push_back(user.user_name());
        if (!page.is_truncated()) break;
        EXPECT_EQ(page.users_size(), 2);
        list.set_marker(page.marker());
    }
    EXPECT_THAT(names, ElementsAre("a", "b", "c", "root"));
    v1::ListUsersRequest prefix;
    prefix.set_path_prefix("/none/");
    EXPECT_THAT(world_.call(list_users, prefix).users(), IsEmpty());
}

TEST_F(Operations, AuthorizationDetailsHaveEverything) {
    world_.user("alice");
    world_.group("ops");
    world_.role("app");
    world_.join("alice", "ops");
    world_.policy("p", allow("iam:GetUser"));
    const auto all =
        world_.call(get_account_authorization_details, v1::GetAccountAuthorizationDetailsRequest());
    EXPECT_EQ(all.user_detail_list_size(), 2);
    EXPECT_EQ(all.user_detail_list(0).group_list(0), "ops");
    EXPECT_EQ(all.group_detail_list(0).group_name(), "ops");
    EXPECT_EQ(all.role_detail_list(0).assume_role_policy_document(), trust());
    EXPECT_EQ(all.policies(0).policy_version_list(0).document(), allow("iam:GetUser"));
}

TEST(PolicyTags, AreAddedListedAndRemoved) {
    World world;
    const auto arn = world.policy("p", allow("iam:GetUser"));
    v1::TagPolicyRequest tag;
    tag.set_policy_arn(arn);
    const auto add = [&](const std::string& key, const std::string& value) {
        auto& one = *tag.add_tags();
        one.set_key(key);
        one.set_value(value);
    };
    add("team", "billing");
    add("owner", "alice");
    static_cast<void>(world.call(tag_policy, tag));
    v1::ListPolicyTagsRequest list;
    list.set_policy_arn(arn);
    auto tags = world.call(list_policy_tags, list);
    ASSERT_EQ(tags.tags_size(), 2);
    EXPECT_EQ(tags.tags(0).key(), "owner");
    EXPECT_EQ(tags.tags(1).value(), "billing");
    v1::UntagPolicyRequest untag;
    untag.set_policy_arn(arn);
    untag.add_tag_keys("owner");
    static_cast<void>(world.call(untag_policy, untag));
    EXPECT_EQ(world.call(list_policy_tags, list).tags_size(), 1);
    tag.set_policy_arn(std::string(kAdministratorAccess));
    EXPECT_THAT(refusal_of([&] { static_cast<void>(world.call(tag_policy, tag)); }),
                testing::StartsWith("UnmodifiableEntity"));
    tag.set_policy_arn(arn);
    tag.clear_tags();
    add("aws:x", "y");
    EXPECT_THAT(refusal_of([&] { static_cast<void>(world.call(tag_policy, tag)); }),
                testing::StartsWith("InvalidInput"));
}

}  // namespace
}  // namespace coffer::iam
