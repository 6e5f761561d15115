// AssumeRoleWithWebIdentity: whose tokens are believed, and what a role's trust policy makes of them. The
// cases are those of the STS API reference (AssumeRoleWithWebIdentity, with its errors), the IAM user guide
// ("Available keys for AWS OIDC federation", "Pass session tags") and RFC 7519, section 4.1, in other words.

#include "daemon/sts/web_identity.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "daemon/secrets/request_record.hpp"
#include "daemon/sts/identity_providers.hpp"
#include "daemon/sts/pinned_keys.hpp"
#include "daemon/sts/session_origin.hpp"
#include "tests/iam/iam_fixture.hpp"
#include "tests/sts/sts_fixture.hpp"
#include "tests/support/run_coroutine.hpp"
#include "token_maker.hpp"

namespace coffer::sts {
namespace {

using iam::allow;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

constexpr std::int64_t kNowSeconds = 1'790'000'000;

/// A file that goes with the test.
class KeyFile {
public:
    KeyFile() {
        std::string name = (std::filesystem::temp_directory_path() / "coffer-jwks-XXXXXX").string();
        folder_ = ::mkdtemp(name.data());
    }
    ~KeyFile() { std::filesystem::remove_all(folder_); }
    KeyFile(const KeyFile&) = delete;
    KeyFile& operator=(const KeyFile&) = delete;

    [[nodiscard]] std::filesystem::path path() const { return folder_ / "jwks.json"; }
    void write(const std::string& text, mode_t mode = 0644) const {
        std::ofstream(path()) << text;
        ::chmod(path().c_str(), mode);
    }

private:
    std::filesystem::path folder_;
};

class WebIdentities : public testing::Test {
protected:
    static constexpr const char* kIssuer = "https://ci.example/realms/x";
    static constexpr const char* kProvider = "arn:aws:iam::111122223333:oidc-provider/ci.example/realms/x";

    WebIdentities() {
        file_.write(maker_.key_set());
        std::vector<IdentityProvider> providers;
        providers.emplace_back(kIssuer, std::vector<std::string>{"build", "deploy"},
                               std::make_unique<PinnedKeys>(file_.path()));
        providers_ = std::make_unique<IdentityProviders>(std::move(providers));
        world_.role("app");
    }

    /// The claims of a good token, with `more` at their end.
    static std::string claims(const std::string& more = {}) {
        return R"({"iss":"https://ci.example/realms/x","sub":"job-7","aud":"build","exp":1790000600)" + more +
               "}";
    }
    static std::string without(const std::string& text) {
        auto all = claims();
        all.erase(all.find(text), text.size());
        return all;
    }
    static std::string replaced(const std::string& from, const std::string& to) {
        auto all = claims();
        all.replace(all.find(from), from.size(), to);
        return all;
    }

    WebIdentity identify(const std::string& token, std::int64_t seconds = kNowSeconds) {
        auto request = std::make_shared<v1::Request>();
        request->mutable_assume_role_with_web_identity()->set_web_identity_token(token);
        return test::run_coroutine(providers_->identify(request, Timestamp::from_millis(seconds * 1'000)));
    }
    std::string refusal(const std::string& token, std::int64_t seconds = kNowSeconds) {
        return iam::refusal_of([&] { static_cast<void>(identify(token, seconds)); });
    }
    std::string refusal_of_claims(const std::string& claims) { return refusal(maker_.token(claims)); }

    void trust(const std::string& actions, const std::string& condition = {},
               const std::string& principal = std::string(R"({"Federated":")") + kProvider + R"("})") {
        v1::UpdateAssumeRolePolicyRequest request;
        request.set_role_name("app");
        request.set_policy_document(R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":)" +
                                    principal + R"(,"Action":)" + actions +
                                    (condition.empty() ? "" : R"(,"Condition":)" + condition) + "}]}");
        static_cast<void>(world_.call(iam::update_assume_role_policy, request));
    }
    static v1::AssumeRoleWithWebIdentityRequest request(const std::string& role = "app") {
        v1::AssumeRoleWithWebIdentityRequest request;
        request.set_role_arn("arn:aws:iam::111122223333:role/" + role);
        request.set_role_session_name("pod-7");
        return request;
    }
    /// As a stranger over the AWS endpoint.
    static secrets::CallContext stranger() {
        secrets::CallContext call;
        call.caller.source_address = "10.1.2.3";
        call.caller.listener = "aws";
        call.caller.protocol = access::Protocol::aws;
        call.record = std::make_shared<secrets::RequestRecord>();
        return call;
    }
    v1::AssumeRoleWithWebIdentityResponse assume(const v1::AssumeRoleWithWebIdentityRequest& request,
                                                 const std::string& claims) {
        const auto identity = identify(maker_.token(claims));
        return assume_role_with_web_identity({world_.directory(), tokens_, call_, world_.now}, request,
                                             identity);
    }
    std::string refused(const v1::AssumeRoleWithWebIdentityRequest& request, const std::string& claims) {
        return iam::refusal_of([&] { static_cast<void>(assume(request, claims)); });
    }
    access::SessionPtr session_of(const v1::AssumeRoleWithWebIdentityResponse& response) const {
        return tokens_.open(response.credentials().session_token())->session;
    }

    KeyFile file_;
    TokenMaker maker_;
    std::unique_ptr<IdentityProviders> providers_;
    iam::World world_;
    secrets::CallContext call_ = stranger();
    StillClock clock_{kNow};
    SessionKeys keys_{derive_with('k'), clock_};
    SessionTokens tokens_{keys_};
};

// ---- whose tokens are believed
// ------------------------------------------------------------------------------------

TEST_F(WebIdentities, AGoodToken) {
    const auto identity = identify(maker_.token(claims(R"(,"amr":["pwd","hwk"],"admin":true,"n":1)")));
    EXPECT_EQ(identity.provider->name(), "ci.example/realms/x");
    EXPECT_EQ(identity.claims.subject, "job-7");
    EXPECT_EQ(identity.claims.audience(), "build");
    EXPECT_THAT(identity.claims.values.at("amr"), ElementsAre("pwd", "hwk"));
    EXPECT_THAT(identity.claims.values.at("admin"), ElementsAre("true"));
    EXPECT_FALSE(identity.claims.values.contains("n"));
}

TEST_F(WebIdentities, OfNoProvider) {
    EXPECT_EQ(refusal_of_claims(replaced("realms/x", "realms/y")),
              "InvalidIdentityToken: No OpenIDConnect provider found in your account for "
              "https://ci.example/realms/y");
    EXPECT_THAT(refusal_of_claims(replaced("realms/x", "realms/x/")), StartsWith("InvalidIdentityToken"));
    EXPECT_THAT(refusal_of_claims(replaced("https:", "http:")), StartsWith("InvalidIdentityToken"));
}

TEST_F(WebIdentities, SignedByAnother) {
    const TokenMaker same_name;
    EXPECT_THAT(refusal(same_name.token(claims())),
                StartsWith("InvalidIdentityToken: The token's signature"));
    const TokenMaker unknown("k2");
    EXPECT_THAT(
        refusal(unknown.token(claims())),
        StartsWith("InvalidIdentityToken: Couldn't retrieve verification key from your identity provider"));
    auto token = maker_.token(claims());
    const auto other = maker_.token(replaced("job-7", "job-8"));
    const auto first = token.find('.');
    const auto last = token.rfind('.');
    token.replace(first, last - first, other.substr(other.find('.'), other.rfind('.') - other.find('.')));
    EXPECT_THAT(refusal(token), StartsWith("InvalidIdentityToken: The token's signature"));
}

TEST_F(WebIdentities, ForWhom) {
    EXPECT_EQ(refusal_of_claims(replaced("build", "test")), "InvalidIdentityToken: Incorrect token audience");
    EXPECT_EQ(refusal_of_claims(replaced("build", "Build")),
              "InvalidIdentityToken: Incorrect token audience");
    EXPECT_EQ(refusal_of_claims(replaced(R"("build")", R"(["deploy"])")), "done");
    EXPECT_THAT(refusal_of_claims(replaced(R"("build")", R"(["deploy","other"])")), HasSubstr("'azp'"));
    for (const auto* wrong : {"[]", "1", R"(["build",1])", R"("")", "null"}) {
        EXPECT_THAT(refusal_of_claims(replaced(R"("build")", wrong)), HasSubstr("claim 'aud' must be"))
            << wrong;
    }
    const auto identity = identify(maker_.token(replaced(R"("build")", R"(["other","deploy"],"azp":"web")")));
    EXPECT_EQ(identity.claims.audience(), "web");
    EXPECT_EQ(refusal_of_claims(replaced(R"("build")", R"(["other"],"azp":"build")")),
              "InvalidIdentityToken: Incorrect token audience");
}

TEST_F(WebIdentities, When) {
    const auto token = maker_.token(claims());
    EXPECT_EQ(refusal(token, 1'790'000'599), "done");
    EXPECT_EQ(refusal(token, 1'790'000'600),
              "ExpiredTokenException: Token expired: current date/time 1790000600 must be before the "
              "expiration date/time "
              "1790000600");
    const auto later = maker_.token(claims(R"(,"nbf":1790000060)"));
    EXPECT_EQ(refusal(later), "done");  // 60 seconds of skew
    EXPECT_THAT(refusal(later, kNowSeconds - 1), StartsWith("IDPRejectedClaim: The token is not valid yet"));
    EXPECT_THAT(refusal_of_claims(claims(R"(,"iat":1790000061)")), StartsWith("IDPRejectedClaim"));
    EXPECT_EQ(refusal_of_claims(claims(R"(,"iat":1790000000.25,"nbf":1.79e9)")), "done");
    for (const auto* wrong : {R"("1790000600")", "-1", "1e12", "true", "null"}) {
        EXPECT_THAT(refusal_of_claims(replaced("1790000600", wrong)), HasSubstr("claim 'exp' must be"))
            << wrong;
    }
}

TEST_F(WebIdentities, ClaimsThatAreMissingOrWrong) {
    EXPECT_THAT(refusal_of_claims(without(R"("sub":"job-7",)")),
                HasSubstr("claim 'sub' must be a string of 1 to 512"));
    EXPECT_THAT(refusal_of_claims(without(R"("aud":"build",)")), HasSubstr("claim 'aud' must be"));
    EXPECT_THAT(refusal_of_claims(without(R"(,"exp":1790000600)")), HasSubstr("claim 'exp' must be"));
    EXPECT_THAT(refusal_of_claims(without(R"("iss":"https://ci.example/realms/x",)")),
                HasSubstr("claim 'iss' must be"));
    EXPECT_THAT(refusal_of_claims(replaced("job-7", std::string(513, 'j'))),
                HasSubstr("claim 'sub' must be"));
    EXPECT_THAT(refusal_of_claims(replaced("job-7", "job\\n7")), HasSubstr("claim 'sub' must be"));
    EXPECT_THAT(refusal_of_claims(replaced(R"("job-7")", "7")), HasSubstr("claim 'sub' must be"));
}

TEST_F(WebIdentities, AKeyFileIsReadAgain) {
    const TokenMaker next("k2");
    auto& keys = providers_->all().front().keys();
    file_.write(next.key_set());
    EXPECT_EQ(refusal(maker_.token(claims())), "done");
    keys.reload();
    EXPECT_EQ(refusal(next.token(claims())), "done");
    EXPECT_THAT(refusal(maker_.token(claims())), HasSubstr("Couldn't retrieve verification key"));
    const auto refused = [&](const std::string& text, mode_t mode) -> std::string {
        file_.write(text, mode);
        try {
            keys.reload();
        } catch (const KeySourceError& error) {
            return error.what();
        }
        return "read";
    };
    EXPECT_THAT(refused("{}", 0644), HasSubstr("no list 'keys'"));
    EXPECT_THAT(refused(maker_.key_set(), 0664),
                HasSubstr("has mode 0664: others than its owner may write it"));
    EXPECT_EQ(refusal(next.token(claims())), "done");  // the last good ones stay
    std::filesystem::remove(file_.path());
    EXPECT_THROW(keys.reload(), KeySourceError);
}

// ---- what the role's trust policy says
// ----------------------------------------------------------------------------

TEST_F(WebIdentities, TheTrustPolicyAlone) {
    EXPECT_EQ(refused(request(), claims()),
              "AccessDeniedException: Not authorized to perform sts:AssumeRoleWithWebIdentity");
    trust(R"("sts:AssumeRoleWithWebIdentity")");
    const auto response = assume(request(), claims());
    const auto role_id = world_.records().find<iam::Role>("app")->id;
    EXPECT_EQ(response.assumed_role_user().arn(), "arn:aws:sts::111122223333:assumed-role/app/pod-7");
    EXPECT_EQ(response.assumed_role_user().assumed_role_id(), role_id + ":pod-7");
    EXPECT_EQ(response.provider(), kProvider);
    EXPECT_EQ(response.audience(), "build");
    EXPECT_EQ(response.subject_from_web_identity_token(), "job-7");
    EXPECT_DOUBLE_EQ(response.credentials().expiration(), 1'790'000'000.0 + 3'600);
    EXPECT_FALSE(response.has_packed_policy_size());
    EXPECT_FALSE(response.has_source_identity());
    EXPECT_EQ(refused(request("nosuch"), claims()),
              "AccessDeniedException: Not authorized to perform sts:AssumeRoleWithWebIdentity");
    auto no_role = request();
    no_role.set_role_arn("arn:aws:iam::111122223333:user/alice");
    EXPECT_THAT(refused(no_role, claims()), StartsWith("ValidationException"));
}

TEST_F(WebIdentities, OtherActionsAndProvidersAreNotThis) {
    trust(R"("sts:AssumeRole")");
    EXPECT_THAT(refused(request(), claims()), StartsWith("AccessDenied"));
    trust(R"("sts:AssumeRoleWithWebIdentity")", {}, R"({"AWS":"111122223333"})");
    EXPECT_THAT(refused(request(), claims()), StartsWith("AccessDenied"));
    trust(R"("sts:AssumeRoleWithWebIdentity")", {},
          R"({"Federated":"arn:aws:iam::111122223333:oidc-provider/ci.example"})");
    EXPECT_THAT(refused(request(), claims()), StartsWith("AccessDenied"));
}

TEST_F(WebIdentities, ConditionsOnTheProvidersKeys) {
    trust(
        R"("sts:AssumeRoleWithWebIdentity")",
        R"({"StringEquals":{"ci.example/realms/x:aud":"build"},"StringLike":{"ci.example/realms/x:sub":"job-*"}})");
    EXPECT_EQ(refused(request(), claims()), "done");
    EXPECT_THAT(refused(request(), replaced("job-7", "main")), StartsWith("AccessDenied"));
    EXPECT_THAT(refused(request(), replaced("build", "deploy")), StartsWith("AccessDenied"));
    // With azp, aud means azp, and oaud what the token's aud says.
    EXPECT_THAT(refused(request(), claims(R"(,"azp":"web")")), StartsWith("AccessDenied"));
    trust(R"("sts:AssumeRoleWithWebIdentity")",
          R"({"StringEquals":{"ci.example/realms/x:aud":"web","ci.example/realms/x:oaud":"build"}})");
    EXPECT_EQ(refused(request(), claims(R"(,"azp":"web")")), "done");
    EXPECT_THAT(refused(request(), claims(R"(,"oaud":"build")")), StartsWith("AccessDenied"));
    trust(R"("sts:AssumeRoleWithWebIdentity")",
          R"({"ForAnyValue:StringEquals":{"ci.example/realms/x:groups":"ops"}})");
    EXPECT_EQ(refused(request(), claims(R"(,"groups":["dev","ops"])")), "done");
    EXPECT_THAT(refused(request(), claims(R"(,"groups":["dev"])")), StartsWith("AccessDenied"));
    EXPECT_THAT(refused(request(), claims()), StartsWith("AccessDenied"));
    trust(
        R"("sts:AssumeRoleWithWebIdentity")",
        R"({"StringEquals":{"aws:FederatedProvider":"arn:aws:iam::111122223333:oidc-provider/ci.example/realms/x",)"
        R"("sts:RoleSessionName":"pod-7"},"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}})");
    EXPECT_EQ(refused(request(), claims()), "done");
    auto renamed = request();
    renamed.set_role_session_name("pod-8");
    EXPECT_THAT(refused(renamed, claims()), StartsWith("AccessDenied"));
}

TEST_F(WebIdentities, AClaimCannotStandInForAnotherKey) {
    trust(R"("sts:AssumeRoleWithWebIdentity")", R"({"StringEquals":{"aws:SourceIp":"1.2.3.4"}})");
    EXPECT_THAT(refused(request(), claims(R"(,"aws:SourceIp":"1.2.3.4","SourceIp":"1.2.3.4")")),
                StartsWith("AccessDenied"));
    trust(R"("sts:AssumeRoleWithWebIdentity")", R"({"StringEquals":{"ci.example/realms/x:sub":"admin"}})");
    EXPECT_THAT(refused(request(), claims(R"(,"Sub":"admin","SUB":"admin")")), StartsWith("AccessDenied"));
    trust(R"("sts:AssumeRoleWithWebIdentity")", R"({"StringEquals":{"ci.example/realms/x:aud":"admin"}})");
    EXPECT_THAT(refused(request(), claims(R"(,"Aud":"admin","AUD":["admin"])")), StartsWith("AccessDenied"));
}

TEST_F(WebIdentities, TheSession) {
    trust(R"("sts:AssumeRoleWithWebIdentity")");
    const auto session = session_of(assume(request(), claims()));
    EXPECT_EQ(session->federated_provider, kProvider);
    EXPECT_EQ(session->origin, "");
    const auto known = world_.directory().session(session, world_.now);
    ASSERT_TRUE(known.rights);
    EXPECT_EQ(known.rights->principal.arn, "arn:aws:sts::111122223333:assumed-role/app/pod-7");
    EXPECT_EQ(known.rights->principal.federated_provider, kProvider);
    access::RequestContext context(known.rights->principal, access::Action::list_secrets, "*");
    EXPECT_THAT(context.values(access::Key::federated_provider), ElementsAre(kProvider));
    // Revoked like every other.
    v1::RevokeSessionsRequest revoke;
    revoke.set_role_name("app");
    world_.now = world_.now + std::chrono::seconds(1);
    static_cast<void>(world_.call(iam::revoke_sessions, revoke));
    EXPECT_THAT(world_.directory().session(session, world_.now).refusal, HasSubstr("were revoked"));
}

TEST_F(WebIdentities, OverTheNativeProtocolItIsBoundToTheCertificate) {
    trust(R"("sts:AssumeRoleWithWebIdentity")");
    const access::CertificateIdentity pod{access::NameKind::spiffe, "spiffe://bank.example/pod", "CN=pod",
                                          "CN=ca"};
    auto other = pod;
    other.name = "spiffe://bank.example/other";
    auto elsewhere = pod;
    elsewhere.issuer = "CN=other";
    call_.caller.certificate = std::make_shared<const access::CertificateIdentity>(pod);
    const auto session = session_of(assume(request(), claims()));
    EXPECT_EQ(session->origin, certificate_origin(pod));
    EXPECT_NE(session->origin, certificate_origin(other));
    EXPECT_NE(session->origin, certificate_origin(elsewhere));
}

TEST_F(WebIdentities, WhoBringsTheTokenCountsForNothing) {
    trust(R"("sts:AssumeRoleWithWebIdentity")", R"({"StringEquals":{"aws:PrincipalTag/team":"ops"}})");
    call_ = world_.context_of("root");
    EXPECT_THAT(refused(request(), claims()), StartsWith("AccessDenied"));
    trust(R"("sts:AssumeRoleWithWebIdentity")", R"({"ArnLike":{"aws:PrincipalArn":"*"}})");
    EXPECT_THAT(refused(request(), claims()), StartsWith("AccessDenied"));
}

TEST_F(WebIdentities, DurationsAndSessionPolicies) {
    trust(R"("sts:AssumeRoleWithWebIdentity")");
    auto longer = request();
    longer.set_duration_seconds(3'601);
    EXPECT_EQ(refused(longer, claims()),
              "ValidationException: The requested DurationSeconds exceeds the MaxSessionDuration set for "
              "this role.");
    auto limited = request();
    limited.set_duration_seconds(900);
    limited.set_policy(allow("secretsmanager:GetSecretValue"));
    limited.add_policy_arns()->set_arn("arn:aws:iam::aws:policy/IAMReadOnlyAccess");
    const auto response = assume(limited, claims());
    EXPECT_DOUBLE_EQ(response.credentials().expiration(), 1'790'000'900.0);
    EXPECT_GT(response.packed_policy_size(), 0);
    EXPECT_EQ(world_.directory().session(session_of(response), world_.now).rights->session.size(), 2U);
    limited.set_policy("{}");
    EXPECT_THAT(refused(limited, claims()), StartsWith("MalformedPolicyDocument"));
}

TEST_F(WebIdentities, ADisabledRole) {
    trust(R"("sts:AssumeRoleWithWebIdentity")");
    v1::DisableRoleRequest disable;
    disable.set_role_name("app");
    static_cast<void>(world_.call(iam::disable_role, disable));
    EXPECT_EQ(refused(request(), claims()),
              "AccessDeniedException: Not authorized to perform sts:AssumeRoleWithWebIdentity because role "
              "'app' is disabled");
}

// ---- tags and source identity that the token brings
// ---------------------------------------------------------------

TEST_F(WebIdentities, TagsOfTheToken) {
    const auto tagged = claims(
        R"(,"https://aws.amazon.com/tags":{"principal_tags":{"team":["blue"],"stage":"test"},"transitive_tag_keys":["team"]})");
    trust(R"("sts:AssumeRoleWithWebIdentity")");
    EXPECT_EQ(refused(request(), tagged), "AccessDeniedException: Not authorized to perform sts:TagSession");
    trust(R"(["sts:AssumeRoleWithWebIdentity","sts:TagSession"])",
          R"({"StringEquals":{"aws:RequestTag/team":["blue","red"]}})");
    const auto session = session_of(assume(request(), tagged));
    ASSERT_EQ(session->tags.size(), 2U);
    EXPECT_EQ(session->tags[0], (access::Tag{"team", "blue"}));
    EXPECT_EQ(session->tags[1], (access::Tag{"stage", "test"}));
    EXPECT_THAT(session->transitive_tag_keys, ElementsAre("team"));
    EXPECT_THAT(refused(request(), claims()), StartsWith("AccessDenied"));
    const auto wrong = [&](const std::string& value) {
        return refusal_of_claims(claims(R"(,"https://aws.amazon.com/tags":)" + value));
    };
    EXPECT_THAT(wrong("[]"), HasSubstr("an object with at most 50 'principal_tags'"));
    EXPECT_THAT(wrong(R"({"principal_tags":{"team":["blue","red"]}})"),
                HasSubstr("a key and one value each"));
    EXPECT_THAT(wrong(R"({"principal_tags":{"team":1}})"), HasSubstr("a key and one value each"));
    EXPECT_THAT(wrong(R"({"principal_tags":{"team":"blue"},"transitive_tag_keys":"team"})"),
                HasSubstr("a list of"));
}

TEST_F(WebIdentities, ASourceIdentityOfTheToken) {
    const auto named = claims(R"(,"https://aws.amazon.com/source_identity":"alice")");
    trust(R"("sts:AssumeRoleWithWebIdentity")");
    EXPECT_EQ(refused(request(), named),
              "AccessDeniedException: Not authorized to perform sts:SetSourceIdentity");
    trust(R"(["sts:AssumeRoleWithWebIdentity","sts:SetSourceIdentity"])");
    const auto response = assume(request(), named);
    EXPECT_EQ(response.source_identity(), "alice");
    EXPECT_EQ(session_of(response)->source_identity, "alice");
    EXPECT_THAT(refusal_of_claims(claims(R"(,"https://aws.amazon.com/source_identity":"a b")")),
                HasSubstr("2 to 64"));
}

// ---- what is on record
// --------------------------------------------------------------------------------------------

TEST_F(WebIdentities, ItsEventNamesTheCredentialsAndNoSecret) {
    trust(R"("sts:AssumeRoleWithWebIdentity")");
    const auto response = assume(request(), claims());
    const auto& elements = *call_.record->response_elements;
    EXPECT_EQ(elements.at("provider").as_string(), kProvider);
    EXPECT_EQ(elements.at("audience").as_string(), "build");
    EXPECT_EQ(elements.at("subjectFromWebIdentityToken").as_string(), "job-7");
    const auto& credentials = elements.at("credentials").as_object();
    EXPECT_EQ(credentials.size(), 2U);
    EXPECT_EQ(credentials.at("accessKeyId").as_string(), response.credentials().access_key_id());
    EXPECT_EQ(call_.record->statement,
              "statement 1 of the role trust policy arn:aws:iam::111122223333:role/app");
}

}  // namespace
}  // namespace coffer::sts
