#include "daemon/iam/directory.hpp"

#include <gmock/gmock.h>

#include "daemon/access/evaluation.hpp"
#include "daemon/iam/record_json.hpp"
#include "tests/iam/iam_fixture.hpp"

namespace coffer::iam {
namespace {

using access::NameKind;
using storage::IamFault;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

User user(const std::string& name, std::vector<Identity> identities) {
    User made;
    made.name = name;
    made.id = "AIDA" + name;
    made.identities = std::move(identities);
    return made;
}

DirectoryPtr directory_of(const std::vector<User>& users) {
    std::vector<storage::StoredIamEntityPtr> entities;
    for (const auto& each : users) entities.push_back(entity(IamKind::user, each.name, to_document(each)));
    return Directory::build(stored(entities), kAccount);
}

const Timestamp kNow = Timestamp::from_millis(1'000'000);

std::string owner(const Directory& directory, const access::CertificateIdentity& identity) {
    const auto found = directory.recognise(identity, kNow);
    return found.rights ? found.rights->principal.arn : found.refusal;
}

TEST(Directory, KnowsCertificatesByEachKindOfName) {
    const auto directory = directory_of({user("s", {{IdentityKind::spiffe, "spiffe://t/a", {}}}),
                                         user("d", {{IdentityKind::dns, "App.example", {}}}),
                                         user("e", {{IdentityKind::email, "a@b.example", {}}}),
                                         user("c", {{IdentityKind::cn, "app", {}}}),
                                         user("p", {{IdentityKind::subject, "CN=p-*,O=Bank", {}}})});
    EXPECT_EQ(owner(*directory, spiffe("spiffe://t/a")), "arn:aws:iam::111122223333:user/s");
    EXPECT_EQ(owner(*directory, named(NameKind::dns, "app.EXAMPLE")), "arn:aws:iam::111122223333:user/d");
    EXPECT_EQ(owner(*directory, named(NameKind::email, "a@b.example")), "arn:aws:iam::111122223333:user/e");
    EXPECT_EQ(owner(*directory, named(NameKind::cn, "app")), "arn:aws:iam::111122223333:user/c");
    EXPECT_EQ(owner(*directory, named(NameKind::cn, "p-1", "CN=p-1,O=Bank")),
              "arn:aws:iam::111122223333:user/p");
    // The same text of another kind is another name.
    EXPECT_THAT(owner(*directory, named(NameKind::cn, "spiffe://t/a")), HasSubstr("no user or role has"));
    EXPECT_THAT(owner(*directory, spiffe("spiffe://t/A")), HasSubstr("'spiffe://t/A'"));
}

TEST(Directory, AsksForTheIssuerWhereTheIdentityDoes) {
    const auto directory = directory_of({user("a", {{IdentityKind::cn, "app", "CN=CA 1"}}),
                                         user("b", {{IdentityKind::cn, "app", "CN=CA 2"}})});
    EXPECT_THAT(owner(*directory, named(NameKind::cn, "app", "CN=app", "CN=CA 1")), HasSubstr("user/a"));
    EXPECT_THAT(owner(*directory, named(NameKind::cn, "app", "CN=app", "CN=CA 2")), HasSubstr("user/b"));
    EXPECT_THAT(owner(*directory, named(NameKind::cn, "app", "CN=app", "CN=CA 3")),
                HasSubstr("no user or role"));
}

TEST(Directory, RefusesACertificateOfTwoPrincipalsAndNamesBoth) {
    const auto directory = directory_of({user("first", {{IdentityKind::cn, "app", {}}}),
                                         user("second", {{IdentityKind::subject, "CN=a*", {}}})});
    EXPECT_THAT(owner(*directory, named(NameKind::cn, "app", "CN=app")),
                AllOf(HasSubstr("user 'first' and user 'second'"), HasSubstr("must match one principal")));
    EXPECT_THAT(owner(*directory, named(NameKind::cn, "app", "CN=b")), HasSubstr("user/first"));
    // Twice the same principal is one principal.
    const auto twice =
        directory_of({user("a", {{IdentityKind::cn, "app", {}}, {IdentityKind::subject, "CN=app", {}}})});
    EXPECT_THAT(owner(*twice, named(NameKind::cn, "app", "CN=app")), HasSubstr("user/a"));
}

TEST(Directory, RefusesTheDisabledAndTheExpired) {
    auto off = user("off", {{IdentityKind::cn, "off", {}}});
    off.disabled = true;
    auto past = user("past", {{IdentityKind::cn, "past", {}}});
    past.expires = kNow;
    auto future = user("future", {{IdentityKind::cn, "future", {}}});
    future.expires = Timestamp::from_millis(kNow.millis() + 1);
    const auto directory = directory_of({off, past, future});
    EXPECT_EQ(owner(*directory, named(NameKind::cn, "off")), "user 'off' is disabled");
    EXPECT_EQ(owner(*directory, named(NameKind::cn, "past")), "user 'past' expired at 1970-01-01T00:16:40Z");
    const auto found = directory->recognise(named(NameKind::cn, "future"), kNow);
    EXPECT_TRUE(found.rights);
    EXPECT_EQ(found.expires, future.expires);
}

TEST(Directory, GivesARolesCertificateASession) {
    Role role;
    role.name = "app";
    role.path = "/x/";
    role.id = "AROAX";
    role.trust = trust();
    role.tags = {{"team", "a"}};
    role.identities = {{IdentityKind::spiffe, "spiffe://t/pay/7", {}}};
    const auto directory =
        Directory::build(stored({entity(IamKind::role, "app", to_document(role))}), kAccount);
    const auto found = directory->recognise(spiffe("spiffe://t/pay/7"), kNow);
    ASSERT_TRUE(found.rights);
    const auto& principal = found.rights->principal;
    EXPECT_EQ(principal.type, access::PrincipalType::assumed_role);
    EXPECT_EQ(principal.arn, "arn:aws:sts::111122223333:assumed-role/app/7-");
    EXPECT_EQ(principal.issuer_arn, "arn:aws:iam::111122223333:role/x/app");
    EXPECT_EQ(principal.id, "AROAX:7-");
    EXPECT_THAT(principal.tags, ElementsAre(Tag{"team", "a"}));
}

class References : public testing::Test {
protected:
    References() {
        world_.user("alice");
        world_.identity("alice", "spiffe://t/alice");
        world_.user("bob");
        world_.identity("bob", "spiffe://t/bob");
        world_.group("ops");
        world_.join("alice", "ops");
        arn_ = world_.policy("no-delete", deny("secretsmanager:DeleteSecret"));
    }
    std::string refusal(const std::string& name) {
        return world_.recognise(spiffe("spiffe://t/" + name)).refusal;
    }

    World world_;
    std::string arn_;
};

TEST_F(References, ADenyDoesNotVanishWithItsPolicy) {
    world_.attach_to_user("alice", arn_);
    EXPECT_EQ(refusal("alice"), "");
    world_.damage({IamKind::policy, "no-delete"}, IamFault::missing);
    EXPECT_EQ(refusal("alice"),
              "policy '" + arn_ + "', which is attached to user 'alice', is gone from the database");
    EXPECT_EQ(refusal("bob"), "");
}

TEST_F(References, NorWithAGroup) {
    world_.damage({IamKind::group, "ops"}, IamFault::altered);
    EXPECT_EQ(refusal("alice"), "group 'ops', which user 'alice' is in, was altered in the database");
    EXPECT_EQ(refusal("bob"), "");
}

TEST_F(References, NorWithTheGroupsPolicy) {
    v1::AttachGroupPolicyRequest attach;
    attach.set_group_name("ops");
    attach.set_policy_arn(arn_);
    static_cast<void>(world_.call(attach_group_policy, attach));
    world_.damage({IamKind::policy, "no-delete"}, IamFault::altered);
    EXPECT_EQ(refusal("alice"),
              "policy '" + arn_ + "', which is attached to group 'ops', was altered in the database");
}

TEST_F(References, NorDoesABoundary) {
    v1::PutUserPermissionsBoundaryRequest boundary;
    boundary.set_user_name("bob");
    boundary.set_permissions_boundary(arn_);
    static_cast<void>(world_.call(put_user_permissions_boundary, boundary));
    world_.damage({IamKind::policy, "no-delete"}, IamFault::missing);
    EXPECT_EQ(refusal("bob"),
              "policy '" + arn_ + "', the permissions boundary of user 'bob', is gone from the database");
}

TEST_F(References, WhoseRowIsDamagedIsRefused) {
    world_.damage({IamKind::user, "alice"}, IamFault::altered);
    EXPECT_EQ(refusal("alice"), "user 'alice', who has it, was altered in the database");
}

TEST_F(References, ACertificateOfTwoDoesNotBecomeTheOthersWhenOneIsDamaged) {
    v1::AddUserIdentityRequest add;
    add.set_user_name("bob");
    add.mutable_identity()->set_kind("subject");
    add.mutable_identity()->set_value("CN=x");
    static_cast<void>(world_.call(add_user_identity, add));
    EXPECT_THAT(refusal("alice"), HasSubstr("user 'alice' and user 'bob'"));
    world_.damage({IamKind::user, "bob"}, IamFault::missing);
    EXPECT_THAT(refusal("alice"), HasSubstr("user 'alice' and user 'bob'"));
}

TEST(Directory, CollectsThePoliciesOfUserAndGroups) {
    World world;
    world.user("alice");
    world.identity("alice", "spiffe://t/alice");
    world.group("ops");
    world.join("alice", "ops");
    world.attach_to_user("alice", world.policy("managed", allow("secretsmanager:ListSecrets")));
    v1::PutGroupPolicyRequest put;
    put.set_group_name("ops");
    put.set_policy_name("inline");
    put.set_policy_document(allow("secretsmanager:GetSecretValue"));
    static_cast<void>(world.call(put_group_policy, put));
    const auto found = world.recognise(spiffe("spiffe://t/alice"));
    ASSERT_TRUE(found.rights);
    std::vector<std::string> names;
    for (const auto& policy : found.rights->identity) names.push_back(policy->name());
    EXPECT_THAT(names, ElementsAre("arn:aws:iam::111122223333:policy/managed", "ops/inline"));
    EXPECT_THAT(found.rights->principal.groups, ElementsAre("ops"));
    const access::RequestContext request(found.rights->principal, access::Action::get_secret_value, "*");
    EXPECT_TRUE(access::decide(request, found.rights->with(nullptr, nullptr, nullptr)).allowed());
}

TEST(Directory, ReadsAgainOnlyWhatChanged) {
    World world;
    world.user("alice");
    const auto* before = world.records().find<User>("root");
    world.user("bob");
    EXPECT_EQ(world.records().find<User>("root"), before);
}

TEST(Directory, ADocumentOfANewerVersionIsAFault) {
    const auto directory = Directory::build(
        stored({entity(IamKind::user, "x", R"({"path":"/","id":"A","created":1,"shoe_size":44})")}),
        kAccount);
    EXPECT_THAT(directory->records().users, IsEmpty());
    EXPECT_THAT(directory->records().faults.at({IamKind::user, "x"}), HasSubstr("'shoe_size'"));
}

TEST(Directory, DistrustsAll) {
    const auto directory = Directory::distrusted(kAccount, "no");
    EXPECT_EQ(owner(*directory, spiffe("spiffe://t/a")), "no");
}

}  // namespace
}  // namespace coffer::iam
