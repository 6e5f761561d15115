// AssumeRole, GetSessionToken and GetCallerIdentity. The cases are those of the STS API reference, "Pass
// session tags", "How to use an external ID", "Monitor and control actions taken with assumed roles" and "IAM
// roles: role chaining", in other words.

#include <gmock/gmock.h>

#include <algorithm>

#include "daemon/iam/operations.hpp"
#include "daemon/secrets/request_record.hpp"
#include "daemon/sts/operations.hpp"
#include "daemon/sts/session_origin.hpp"
#include "tests/iam/iam_fixture.hpp"
#include "tests/sts/sts_fixture.hpp"

namespace coffer::sts {
namespace {

using iam::allow;
using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

/// A trust policy with one statement more than its Effect, which is Allow, and its Version.
std::string trusting(const std::string& principal, const std::string& actions, const std::string& more = {}) {
    return R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":)" + principal +
           R"(,"Action":)" + actions + (more.empty() ? "" : "," + more) + "}]}";
}

class AssumeRole : public testing::Test {
protected:
    static constexpr const char* kAlice = R"({"AWS":"arn:aws:iam::111122223333:user/alice"})";
    static constexpr const char* kAccount = R"({"AWS":"111122223333"})";

    AssumeRole() {
        world_.user("alice");
        world_.user("bob");
        world_.role("deploy");
    }

    void trust(const std::string& document, const std::string& role = "deploy") {
        v1::UpdateAssumeRolePolicyRequest request;
        request.set_role_name(role);
        request.set_policy_document(document);
        static_cast<void>(world_.call(iam::update_assume_role_policy, request));
    }
    void allow_to(const std::string& user, const std::string& action) {
        world_.attach_to_user(user, world_.policy(user + std::to_string(++policies_), allow(action)));
    }
    v1::AssumeRoleRequest request(const std::string& role = "deploy") const {
        v1::AssumeRoleRequest request;
        request.set_role_arn("arn:aws:iam::111122223333:role/" + role);
        request.set_role_session_name("s1");
        return request;
    }
    static void tag(v1::AssumeRoleRequest& request, const std::string& key, const std::string& value) {
        auto& tag = *request.add_tags();
        tag.set_key(key);
        tag.set_value(value);
    }
    v1::AssumeRoleResponse assume(const v1::AssumeRoleRequest& request, const std::string& user = "alice") {
        const auto call = world_.context_of(user);
        return assume_role({world_.directory(), tokens_, call, world_.now}, request);
    }
    /// As a session of a role.
    secrets::CallContext in_session(const v1::SessionCredentials& credentials) {
        auto call = world_.context_of("root");
        call.caller.session = tokens_.open(credentials.session_token())->session;
        call.caller.rights = world_.directory().session(call.caller.session, world_.now).rights;
        return call;
    }
    v1::AssumeRoleResponse assume_in(const v1::SessionCredentials& credentials,
                                     const v1::AssumeRoleRequest& request) {
        const auto call = in_session(credentials);
        return assume_role({world_.directory(), tokens_, call, world_.now}, request);
    }
    std::string refusal(const v1::AssumeRoleRequest& request, const std::string& user = "alice") {
        return iam::refusal_of([&] { static_cast<void>(assume(request, user)); });
    }

    iam::World world_;
    int policies_ = 0;
    StillClock clock_{kNow};
    SessionKeys keys_{derive_with('k'), clock_};
    SessionTokens tokens_{keys_};
};

TEST_F(AssumeRole, TheRolesTrustAndTheCallersOwnPolicyAllow) {
    // To trust the account is to leave it to the account's own policies.
    EXPECT_THAT(refusal(request()), HasSubstr("no identity-based policy allows the sts:AssumeRole action"));
    allow_to("alice", "sts:AssumeRole");
    const auto response = assume(request());
    EXPECT_EQ(response.assumed_role_user().arn(), "arn:aws:sts::111122223333:assumed-role/deploy/s1");
    EXPECT_EQ(response.assumed_role_user().assumed_role_id(),
              world_.records().find<iam::Role>("deploy")->id + ":s1");
    EXPECT_DOUBLE_EQ(response.credentials().expiration(), 1'790'000'000.0 + 3'600);
    EXPECT_FALSE(response.has_packed_policy_size());
}

TEST_F(AssumeRole, ATrustThatNamesTheUserIsEnough) {
    trust(trusting(kAlice, R"("sts:AssumeRole")"));
    EXPECT_EQ(refusal(request()), "done");
    EXPECT_THAT(refusal(request(), "bob"), StartsWith("AccessDenied"));
    allow_to("bob", "sts:AssumeRole");
    EXPECT_THAT(refusal(request(), "bob"),
                HasSubstr("no role trust policy allows the sts:AssumeRole action"));
}

// The same from both sides: what the questions say, and what happens.
TEST_F(AssumeRole, TheQuestionsAgree) {
    allow_to("bob", "sts:AssumeRole");
    const auto asked = [&](const std::string& user) {
        v1::WhoCanRequest question;
        question.set_action("sts:AssumeRole");
        question.set_resource("role/deploy");
        const auto add = [&](const std::string& key, const std::string& value) {
            auto& entry = *question.add_context_entries();
            entry.set_context_key_name(key);
            entry.add_context_key_values(value);
        };
        add("sts:RoleSessionName", "s1");
        add("sts:DurationSeconds", "3600");
        add("aws:SourceIp", "10.0.0.1");  // World's
        add("aws:SourceVpce", "local");
        const auto answer = world_.call(iam::who_can, question);
        return std::ranges::any_of(answer.grants(), [&](const v1::AccessGrant& grant) {
            return grant.principal().ends_with("/" + user);
        });
    };
    const std::vector<std::string> conditions{"{}",
                                              R"({"StringEquals":{"sts:RoleSessionName":"s1"}})",
                                              R"({"StringNotEquals":{"sts:RoleSessionName":"s1"}})",
                                              R"({"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}})",
                                              R"({"StringEquals":{"aws:SourceVpce":"public"}})",
                                              R"({"StringEquals":{"aws:username":"bob"}})"};
    int allowed = 0;
    int refused = 0;
    for (const auto* principal :
         {kAlice, kAccount, R"("*")", R"({"AWS":"arn:aws:iam::111122223333:user/bob"})"}) {
        for (const auto& condition : conditions) {
            trust(trusting(principal, R"("sts:AssumeRole")", R"("Condition":)" + condition));
            for (const auto* user : {"alice", "bob"}) {
                const bool done = refusal(request(), user) == "done";
                EXPECT_EQ(asked(user), done) << user << " " << principal << " " << condition;
                ++(done ? allowed : refused);
            }
        }
    }
    EXPECT_GT(allowed, 8);
    EXPECT_GT(refused, 8);
}

TEST_F(AssumeRole, NobodyLearnsWhichRolesThereAre) {
    allow_to("alice", "sts:AssumeRole");
    trust(trusting(R"({"AWS":"arn:aws:iam::111122223333:user/bob"})", R"("sts:AssumeRole")"));
    auto there = refusal(request());
    const auto at = there.find("role/deploy");
    ASSERT_NE(at, std::string::npos);
    there.replace(at, std::string_view("role/deploy").size(), "role/nosuch");
    EXPECT_EQ(refusal(request("nosuch")), there);
    auto no_role = request();
    no_role.set_role_arn("arn:aws:iam::111122223333:user/alice");
    EXPECT_THAT(refusal(no_role), StartsWith("ValidationException"));
}

TEST_F(AssumeRole, AnExternalIdThatTheTrustAsksFor) {
    trust(trusting(kAlice, R"("sts:AssumeRole")",
                   R"("Condition":{"StringEquals":{"sts:ExternalId":"12345"}})"));
    EXPECT_THAT(refusal(request()), StartsWith("AccessDenied"));
    auto with = request();
    with.set_external_id("12346");
    EXPECT_THAT(refusal(with), StartsWith("AccessDenied"));
    with.set_external_id("12345");
    EXPECT_EQ(refusal(with), "done");
}

TEST_F(AssumeRole, ASessionNameThatTheTrustAsksFor) {
    trust(trusting(kAlice, R"("sts:AssumeRole")",
                   R"("Condition":{"StringLike":{"sts:RoleSessionName":"${aws:username}"}})"));
    auto named = request();
    EXPECT_THAT(refusal(named), StartsWith("AccessDenied"));
    named.set_role_session_name("alice");
    EXPECT_EQ(refusal(named), "done");
}

TEST_F(AssumeRole, DurationsUpToTheRolesMost) {
    trust(trusting(kAlice, R"("sts:AssumeRole")"));
    auto longer = request();
    longer.set_duration_seconds(3'601);
    EXPECT_EQ(
        refusal(longer),
        "ValidationException: The requested DurationSeconds exceeds the MaxSessionDuration set for this "
        "role.");
    v1::UpdateRoleRequest update;
    update.set_role_name("deploy");
    update.set_max_session_duration(7'200);
    static_cast<void>(world_.call(iam::update_role, update));
    longer.set_duration_seconds(7'200);
    EXPECT_DOUBLE_EQ(assume(longer).credentials().expiration(), 1'790'007'200.0);
    EXPECT_DOUBLE_EQ(assume(request()).credentials().expiration(), 1'790'003'600.0);
}

TEST_F(AssumeRole, ChainedSessionsLastAnHourAtMost) {
    trust(trusting(kAlice, R"("sts:AssumeRole")"));
    world_.role("next");
    trust(trusting(R"({"AWS":"arn:aws:iam::111122223333:role/deploy"})", R"("sts:AssumeRole")"), "next");
    v1::UpdateRoleRequest update;
    update.set_role_name("next");
    update.set_max_session_duration(43'200);
    static_cast<void>(world_.call(iam::update_role, update));
    const auto first = assume(request()).credentials();
    auto longer = request("next");
    longer.set_duration_seconds(3'601);
    EXPECT_THAT(iam::refusal_of([&] { static_cast<void>(assume_in(first, longer)); }),
                HasSubstr("exceeds the 1 hour session limit for roles assumed by role chaining"));
    const auto second = assume_in(first, request("next")).credentials();
    // Whoever began the chain presents the last token as well.
    EXPECT_EQ(tokens_.open(second.session_token())->session->origin,
              world_.records().find<iam::User>("alice")->id);
}

TEST_F(AssumeRole, TagsNeedARightOfTheirOwn) {
    trust(trusting(kAlice, R"("sts:AssumeRole")"));
    auto tagged = request();
    tag(tagged, "team", "blue");
    EXPECT_THAT(refusal(tagged), HasSubstr("sts:TagSession"));
    trust(trusting(kAlice, R"(["sts:AssumeRole","sts:TagSession"])",
                   R"("Condition":{"StringEquals":{"aws:RequestTag/team":["blue","red"]}})"));
    const auto session = tokens_.open(assume(tagged).credentials().session_token())->session;
    ASSERT_EQ(session->tags.size(), 1U);
    EXPECT_EQ(session->tags[0].value, "blue");
    tagged.mutable_tags(0)->set_value("green");
    EXPECT_THAT(refusal(tagged), StartsWith("AccessDenied"));
}

TEST_F(AssumeRole, TagsThatAreWrong) {
    trust(trusting(kAlice, R"(["sts:AssumeRole","sts:TagSession"])"));
    auto twice = request();
    tag(twice, "team", "blue");
    tag(twice, "team", "red");
    EXPECT_NE(refusal(twice), "done");
    auto reserved = request();
    tag(reserved, "aws:team", "blue");
    EXPECT_NE(refusal(reserved), "done");
    auto transitive = request();
    tag(transitive, "team", "blue");
    transitive.add_transitive_tag_keys("stage");
    EXPECT_THAT(refusal(transitive), HasSubstr("transitive tag key stage"));
}

TEST_F(AssumeRole, TransitiveTagsAndTheSourceIdentityGoOnAndCannotBeChanged) {
    const std::string all = R"(["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"])";
    trust(trusting(kAlice, all));
    world_.role("next");
    trust(trusting(R"({"AWS":"arn:aws:iam::111122223333:role/deploy"})", all), "next");
    auto first_request = request();
    tag(first_request, "team", "blue");
    tag(first_request, "ticket", "7");
    first_request.add_transitive_tag_keys("team");
    first_request.set_source_identity("alice");
    const auto response = assume(first_request);
    EXPECT_EQ(response.source_identity(), "alice");
    const auto first = response.credentials();
    const auto second =
        tokens_.open(assume_in(first, request("next")).credentials().session_token())->session;
    ASSERT_EQ(second->tags.size(), 1U);
    EXPECT_EQ(second->tags[0].key, "team");
    EXPECT_EQ(second->source_identity, "alice");
    auto other = request("next");
    tag(other, "Team", "red");
    EXPECT_THAT(iam::refusal_of([&] { static_cast<void>(assume_in(first, other)); }),
                HasSubstr("conflicts with a transitive tag key from the calling session"));
    auto renamed = request("next");
    renamed.set_source_identity("bob");
    EXPECT_THAT(iam::refusal_of([&] { static_cast<void>(assume_in(first, renamed)); }),
                HasSubstr("cannot be changed"));
}

TEST_F(AssumeRole, ASourceIdentityNeedsARightOfItsOwn) {
    trust(trusting(kAlice, R"("sts:AssumeRole")"));
    auto named = request();
    named.set_source_identity("alice");
    EXPECT_THAT(refusal(named), HasSubstr("sts:SetSourceIdentity"));
}

TEST_F(AssumeRole, SessionPoliciesAreChecked) {
    trust(trusting(kAlice, R"("sts:AssumeRole")"));
    auto limited = request();
    limited.set_policy(R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow"}]})");
    EXPECT_THAT(refusal(limited), StartsWith("MalformedPolicyDocument"));
    limited.set_policy(allow("iam:GetUser"));
    limited.add_policy_arns()->set_arn("arn:aws:iam::111122223333:policy/nosuch");
    EXPECT_THAT(refusal(limited), HasSubstr("there is no managed policy"));
    limited.mutable_policy_arns(0)->set_arn("arn:aws:iam::aws:policy/IAMReadOnlyAccess");
    const auto response = assume(limited);
    EXPECT_GT(response.packed_policy_size(), 0);
    EXPECT_LT(response.packed_policy_size(), 10);
    EXPECT_EQ(in_session(response.credentials()).caller.rights->session.size(), 2U);
}

TEST_F(AssumeRole, TooMuchForASessionIsRefused) {
    trust(trusting(kAlice, R"(["sts:AssumeRole","sts:TagSession"])"));
    auto big = request();
    for (int i = 0; i < 50; ++i) tag(big, "key" + std::to_string(i), std::string(256, 'x'));
    EXPECT_THAT(refusal(big), StartsWith("PackedPolicyTooLarge"));
}

TEST_F(AssumeRole, ADisabledRoleTakesNobody) {
    trust(trusting(kAlice, R"("sts:AssumeRole")"));
    v1::DisableRoleRequest disable;
    disable.set_role_name("deploy");
    static_cast<void>(world_.call(iam::disable_role, disable));
    EXPECT_THAT(refusal(request()), HasSubstr("because role 'deploy' is disabled"));
}

TEST_F(AssumeRole, ItsEventNamesTheCredentialsAndNoSecret) {
    trust(trusting(kAlice, R"("sts:AssumeRole")"));
    const auto call = world_.context_of("alice");
    const auto response = assume_role({world_.directory(), tokens_, call, world_.now}, request());
    const auto& credentials = call.record->response_elements->at("credentials").as_object();
    EXPECT_EQ(credentials.size(), 2U);
    EXPECT_EQ(credentials.at("accessKeyId").as_string(), response.credentials().access_key_id());
    EXPECT_EQ(credentials.at("expiration").as_string(), "2026-09-21T15:13:20Z");
}

TEST_F(AssumeRole, WhoAsks) {
    trust(trusting(kAlice, R"("sts:AssumeRole")"));
    const auto call = in_session(assume(request()).credentials());
    const auto who = get_caller_identity({world_.directory(), tokens_, call, world_.now}, {});
    EXPECT_EQ(who.arn(), "arn:aws:sts::111122223333:assumed-role/deploy/s1");
    EXPECT_EQ(who.account(), "111122223333");
    EXPECT_EQ(who.user_id(), world_.records().find<iam::Role>("deploy")->id + ":s1");
}

TEST_F(AssumeRole, AUsersOwnSession) {
    const auto call = world_.context_of("alice");
    const auto response = get_session_token({world_.directory(), tokens_, call, world_.now}, {});
    EXPECT_DOUBLE_EQ(response.credentials().expiration(), 1'790'000'000.0 + 43'200);
    const auto within = in_session(response.credentials());
    EXPECT_EQ(within.caller.rights->principal.arn, "arn:aws:iam::111122223333:user/alice");
    EXPECT_THAT(
        iam::refusal_of([&] {
            static_cast<void>(get_session_token({world_.directory(), tokens_, within, world_.now}, {}));
        }),
        HasSubstr("Cannot call GetSessionToken with session credentials"));
}

/// As AWS IAM Roles Anywhere has it: a certificate that is mapped to a role is good for the role's
/// credentials.
TEST_F(AssumeRole, ACertificatesRoleHasCredentialsOfItself) {
    v1::AddRoleIdentityRequest identity;
    identity.set_role_name("deploy");
    identity.mutable_identity()->set_kind("spiffe");
    identity.mutable_identity()->set_value("spiffe://t/app");
    static_cast<void>(world_.call(iam::add_role_identity, identity));
    const auto certificate = iam::spiffe("spiffe://t/app");
    auto call = world_.context_of("alice");
    call.caller.rights = world_.recognise(certificate).rights;
    ASSERT_TRUE(call.caller.rights);
    call.caller.certificate = std::make_shared<const access::CertificateIdentity>(certificate);
    const auto ask = [&](const secrets::CallContext& by, std::int64_t seconds = 0) {
        v1::GetSessionTokenRequest request;
        if (seconds > 0) request.set_duration_seconds(seconds);
        return get_session_token({world_.directory(), tokens_, by, world_.now}, request);
    };
    const auto response = ask(call);
    EXPECT_DOUBLE_EQ(response.credentials().expiration(), 1'790'000'000.0 + 3'600);
    const auto within = in_session(response.credentials());
    EXPECT_EQ(within.caller.rights->principal.arn, "arn:aws:sts::111122223333:assumed-role/deploy/app");
    EXPECT_EQ(within.caller.rights->principal.id, call.caller.rights->principal.id);
    EXPECT_TRUE(within.caller.rights->session.empty()) << "it may what the role may";
    EXPECT_EQ(within.caller.session->origin, certificate_origin(certificate)) << "and is this certificate's";
    EXPECT_THAT(iam::refusal_of([&] { static_cast<void>(ask(call, 3'601)); }),
                HasSubstr("MaxSessionDuration"));
    EXPECT_DOUBLE_EQ(ask(call, 900).credentials().expiration(), 1'790'000'000.0 + 900);
    // Not with such credentials, over whichever certificate, and not by those of AssumeRole.
    auto again = within;
    again.caller.certificate = call.caller.certificate;
    for (const auto& by : {within, again}) {
        EXPECT_THAT(iam::refusal_of([&] { static_cast<void>(ask(by)); }),
                    HasSubstr("Cannot call GetSessionToken with session credentials"));
    }
    call.caller.listener_policy = access::Policy::parse(
        R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"secretsmanager:*","Resource":"*"}]})",
        "listener", {.kind = access::DocumentKind::listener});
    EXPECT_THAT(iam::refusal_of([&] { static_cast<void>(ask(call)); }), HasSubstr("VPC endpoint policy"));
}

/// The words are those that STS answered, as reports on the AWS CLI have them.
TEST_F(AssumeRole, NobodyHasADeviceForASecondFactor) {
    trust(trusting(kAlice, R"("sts:AssumeRole")"));
    const auto call = world_.context_of("alice");
    const std::string unknown =
        "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial "
        "number is "
        "valid and associated with this user.";
    const std::string half =
        "MultiFactorAuthentication failed, must provide both MFA serial number and one time pass code.";
    auto assumed = request();
    v1::GetSessionTokenRequest own;
    const auto ask = [&] {
        return iam::refusal_of([&] {
            static_cast<void>(get_session_token({world_.directory(), tokens_, call, world_.now}, own));
        });
    };
    EXPECT_EQ(refusal(assumed), "done");
    EXPECT_EQ(ask(), "done");
    assumed.set_serial_number("arn:aws:iam::111122223333:mfa/alice");
    own.set_token_code("123456");
    EXPECT_THAT(refusal(assumed), HasSubstr(half));
    EXPECT_THAT(ask(), HasSubstr(half));
    assumed.set_token_code("123456");
    own.set_serial_number("arn:aws:iam::111122223333:mfa/alice");
    EXPECT_THAT(refusal(assumed), HasSubstr(unknown));
    EXPECT_THAT(ask(), HasSubstr(unknown));
}

TEST_F(AssumeRole, AUsersOwnSessionCanBeForbidden) {
    const auto ask = [&](const secrets::CallContext& call) {
        return iam::refusal_of([&] {
            static_cast<void>(get_session_token({world_.directory(), tokens_, call, world_.now}, {}));
        });
    };
    auto call = world_.context_of("alice");
    EXPECT_EQ(ask(call), "done") << "nothing has to allow it";
    call.caller.listener_policy = access::Policy::parse(
        R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"secretsmanager:*","Resource":"*"}]})",
        "listener", {.kind = access::DocumentKind::listener});
    EXPECT_THAT(ask(call), AllOf(HasSubstr("sts:GetSessionToken"), HasSubstr("VPC endpoint policy")));
    world_.attach_to_user(
        "alice",
        world_.policy(
            "no-sts",
            R"({"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"sts:*","Resource":"*"}]})"));
    EXPECT_THAT(ask(world_.context_of("alice")),
                AllOf(HasSubstr("sts:GetSessionToken"), HasSubstr("explicit deny")));
}

TEST_F(AssumeRole, TagsThatDifferInCaseAloneAreOne) {
    trust(trusting(kAlice, R"(["sts:AssumeRole","sts:TagSession"])"));
    auto asked = request();
    tag(asked, "team", "dev");
    tag(asked, "Team", "admin");
    EXPECT_THAT(refusal(asked), HasSubstr("Duplicate tag keys"));
}

}  // namespace
}  // namespace coffer::sts
