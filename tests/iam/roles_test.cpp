// Roles that are disabled, that expire, whose sessions are revoked.

#include <gmock/gmock.h>

#include "tests/iam/iam_fixture.hpp"

namespace coffer::iam {
namespace {

using testing::HasSubstr;

class Roles : public testing::Test {
protected:
    Roles() {
        world_.role("app");
        v1::AddRoleIdentityRequest identity;
        identity.set_role_name("app");
        identity.mutable_identity()->set_kind("spiffe");
        identity.mutable_identity()->set_value("spiffe://t/app");
        static_cast<void>(world_.call(add_role_identity, identity));
    }
    std::string owner() const {
        const auto found = world_.recognise(spiffe("spiffe://t/app"));
        return found.rights ? found.rights->principal.arn : found.refusal;
    }
    access::Session session() const {
        access::Session session;
        session.issuer_id = world_.records().find<Role>("app")->id;
        session.name = "s1";
        session.issued = world_.now;
        session.expires = world_.now + std::chrono::hours(1);
        return session;
    }
    access::Recognition of(access::Session session) const {
        return world_.directory().session(std::make_shared<const access::Session>(std::move(session)),
                                          world_.now);
    }
    void update(const std::string& expires) {
        v1::UpdateRoleRequest request;
        request.set_role_name("app");
        request.set_expires(expires);
        static_cast<void>(world_.call(update_role, request));
    }

    World world_;
};

TEST_F(Roles, ADisabledOneIsNobody) {
    EXPECT_EQ(owner(), "arn:aws:sts::111122223333:assumed-role/app/app");
    v1::DisableRoleRequest disable;
    disable.set_role_name("app");
    static_cast<void>(world_.call(disable_role, disable));
    EXPECT_EQ(owner(), "role 'app' is disabled");
    EXPECT_EQ(world_.recognise(spiffe("spiffe://t/app")).refused->arn,
              "arn:aws:sts::111122223333:assumed-role/app/app");
    EXPECT_EQ(of(session()).refusal, "role 'app' is disabled");
    v1::GetRoleRequest get;
    get.set_role_name("app");
    EXPECT_TRUE(world_.call(get_role, get).role().disabled());
    v1::EnableRoleRequest enable;
    enable.set_role_name("app");
    static_cast<void>(world_.call(enable_role, enable));
    EXPECT_EQ(owner(), "arn:aws:sts::111122223333:assumed-role/app/app");
}

TEST_F(Roles, AnExpiredOneIsNobody) {
    update("2026-09-21T14:13:21Z");  // the world's time and one second
    EXPECT_EQ(world_.recognise(spiffe("spiffe://t/app")).expires, Timestamp::from_millis(1'790'000'001'000));
    EXPECT_TRUE(of(session()).rights);
    world_.now = world_.now + std::chrono::seconds(1);
    EXPECT_EQ(owner(), "role 'app' expired at 2026-09-21T14:13:21Z");
    EXPECT_EQ(of(session()).refusal, "role 'app' expired at 2026-09-21T14:13:21Z");
    update("never");
    EXPECT_EQ(owner(), "arn:aws:sts::111122223333:assumed-role/app/app");
}

TEST_F(Roles, FilesSayItToo) {
    v1::ApplyAccessConfigurationRequest apply;
    auto& role = *apply.mutable_configuration()->add_roles();
    role.set_role_name("app");
    role.set_assume_role_policy_document(trust());
    role.set_disabled(true);
    role.set_expires("2030-01-01T00:00:00Z");
    const auto response = world_.call(apply_access_configuration, apply);
    EXPECT_THAT(response.changes(0).detail(),
                HasSubstr("disabled: no -> yes; expires: never -> 2030-01-01T00:00:00Z"));
    EXPECT_TRUE(world_.records().find<Role>("app")->disabled);
    const auto exported = world_.call(get_access_configuration, v1::GetAccessConfigurationRequest());
    EXPECT_EQ(exported.configuration().roles(0).expires(), "2030-01-01T00:00:00Z");
    EXPECT_TRUE(exported.configuration().roles(0).disabled());
}

TEST_F(Roles, ASessionIsTheRole) {
    const auto found = of(session());
    ASSERT_TRUE(found.rights);
    const auto& principal = found.rights->principal;
    EXPECT_EQ(principal.arn, "arn:aws:sts::111122223333:assumed-role/app/s1");
    EXPECT_EQ(principal.issuer_arn, "arn:aws:iam::111122223333:role/app");
    EXPECT_EQ(principal.id, world_.records().find<Role>("app")->id + ":s1");
    EXPECT_EQ(found.expires, world_.now + std::chrono::hours(1));
}

TEST_F(Roles, ASessionEndsWithItsTime) {
    auto over = session();
    over.expires = world_.now;
    EXPECT_TRUE(of(over).expired);
    EXPECT_EQ(of(over).refusal, "its session expired at 2026-09-21T14:13:20Z");
}

TEST_F(Roles, ARoleThatIsMadeAgainHasNotTheOldSessions) {
    const auto old = session();
    v1::DeleteRoleRequest remove;
    remove.set_role_name("app");
    static_cast<void>(world_.call(delete_role, remove));
    world_.role("app");
    EXPECT_THAT(of(old).refusal, HasSubstr("was deleted"));
    EXPECT_EQ(of(old).refused->id, old.issuer_id + ":s1");
    EXPECT_EQ(of(old).refused->arn, "") << "a token of before does not say";
    auto named = old;
    named.issuer_arn = "arn:aws:iam::111122223333:role/path/app";
    EXPECT_EQ(of(named).refused->type, access::PrincipalType::assumed_role);
    EXPECT_EQ(of(named).refused->arn, "arn:aws:sts::111122223333:assumed-role/app/s1");
    EXPECT_EQ(of(named).refused->issuer_arn, "arn:aws:iam::111122223333:role/path/app");
    named.type = access::PrincipalType::user;
    named.issuer_arn = "arn:aws:iam::111122223333:user/path/gone";
    EXPECT_EQ(of(named).refused->arn, "arn:aws:iam::111122223333:user/path/gone");
    EXPECT_EQ(of(named).refused->name, "gone");
    EXPECT_TRUE(of(session()).rights);
}

TEST_F(Roles, ADamagedRoleHasNoSessions) {
    const auto old = session();
    world_.damage({IamKind::role, "app"}, storage::IamFault::altered);
    EXPECT_FALSE(of(old).rights);
}

TEST_F(Roles, RevokingEndsOlderSessions) {
    const auto old = session();
    world_.now = world_.now + std::chrono::seconds(5);
    v1::RevokeSessionsRequest revoke;
    revoke.set_role_name("app");
    EXPECT_DOUBLE_EQ(world_.call(revoke_sessions, revoke).sessions_valid_from(), 1'790'000'005.0);
    EXPECT_EQ(of(old).refusal,
              "the sessions of role 'app' that were issued before 2026-09-21T14:13:25Z were revoked");
    ASSERT_TRUE(of(old).refused);
    EXPECT_EQ(of(old).refused->arn, "arn:aws:sts::111122223333:assumed-role/app/s1");
    EXPECT_EQ(of(old).refused->id, old.issuer_id + ":s1");
    EXPECT_FALSE(of(session()).refused);
    EXPECT_TRUE(of(session()).rights);
    revoke.set_user_name("root");
    EXPECT_THAT(refusal_of([&] { static_cast<void>(world_.call(revoke_sessions, revoke)); }),
                HasSubstr("RoleName or UserName"));
    EXPECT_THAT(
        refusal_of([&] { static_cast<void>(world_.call(revoke_sessions, v1::RevokeSessionsRequest())); }),
        HasSubstr("RoleName or UserName"));
}

TEST_F(Roles, SessionTagsGoOverTheRoles) {
    v1::TagRoleRequest tag;
    tag.set_role_name("app");
    auto& team = *tag.add_tags();
    team.set_key("Team");
    team.set_value("role");
    auto& stage = *tag.add_tags();
    stage.set_key("stage");
    stage.set_value("prod");
    static_cast<void>(world_.call(tag_role, tag));
    auto with_tags = session();
    with_tags.tags = {{"team", "session"}};
    const std::vector<Tag> expected{{"stage", "prod"}, {"team", "session"}};
    EXPECT_EQ(of(with_tags).rights->principal.tags, expected);
}

TEST_F(Roles, AManagedSessionPolicyThatIsGoneRefusesAll) {
    auto limited = session();
    limited.policy_arns = {world_.policy("less", allow("iam:GetUser"))};
    EXPECT_EQ(of(limited).rights->session.size(), 1U);
    v1::DeletePolicyRequest remove;
    remove.set_policy_arn(limited.policy_arns.front());
    static_cast<void>(world_.call(delete_policy, remove));
    EXPECT_THAT(of(limited).refusal, HasSubstr("which limits the session, does not exist"));
}

}  // namespace
}  // namespace coffer::iam
