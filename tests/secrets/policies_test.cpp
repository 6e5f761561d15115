// Policies where they meet the operations: what a request says, what is stored, and what is refused. The
// language itself is tested in tests/access. Expected answers follow AWS's documentation of the condition
// keys and of policy evaluation.

#include <gmock/gmock.h>

#include "policies_fixture.hpp"

namespace coffer::secrets {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr const char* kArnPrefix = "arn:aws:secretsmanager:eu-test-1:111122223333:secret:";

TEST_F(PoliciesTest, TheStoredArnDecidesHoweverTheSecretIsNamed) {
    const auto arn = create(name_);
    const auto partial = arn.substr(0, arn.size() - 7);
    const std::vector<std::string> spellings{name_, partial, arn};
    for (const auto& [resource, allowed] :
         std::vector<std::pair<std::string, bool>>{{partial, false},
                                                   {partial + "-??????", true},
                                                   {partial + "*", true},
                                                   {arn, true},
                                                   {"*", true}}) {
        alice_may(allow("secretsmanager:GetSecretValue", resource));
        for (const auto& spelling : spellings) {
            if (allowed) {
                EXPECT_EQ(get(spelling), "allowed") << resource << " " << spelling;
            } else {
                EXPECT_EQ(
                    get(spelling),
                    "AccessDeniedException: User: arn:aws:iam::111122223333:user/alice is not authorized to "
                    "perform: secretsmanager:GetSecretValue on resource: " +
                        arn +
                        " because no identity-based policy allows the "
                        "secretsmanager:GetSecretValue action");
            }
        }
    }
    alice_may(allow("secretsmanager:*", "*") +
              R"(,{"Effect":"Deny","Action":"secretsmanager:GetSecretValue","Resource":")" + partial +
              "-*\"}");
    for (const auto& spelling : spellings) {
        EXPECT_THAT(get(spelling), HasSubstr("with an explicit deny in an identity-based policy"))
            << spelling;
    }
    EXPECT_EQ(describe(name_), "allowed");
}

// Service authorization reference, "Condition keys for AWS Secrets Manager": SecretId (an ARN),
// SecretPrimaryRegion and KmsKeyArn.
TEST_F(PoliciesTest, TheKeysOfTheSecretAndOfItsMasterKey) {
    const auto arn = create(name_);
    alice_may(allow("secretsmanager:GetSecretValue", "*",
                    R"({"ArnEquals":{"secretsmanager:SecretId":")" + arn + "\"}}"));
    for (const auto& spelling : {name_, arn, arn.substr(0, arn.size() - 7)})
        EXPECT_EQ(get(spelling), "allowed");
    alice_may(allow("secretsmanager:GetSecretValue", "*",
                    R"({"StringEquals":{"secretsmanager:SecretId":")" + name_ + "\"}}"));
    EXPECT_THAT(get(name_), HasSubstr("no identity-based policy allows"));
    alice_may(allow("secretsmanager:GetSecretValue", "*",
                    R"({"StringEquals":{"secretsmanager:SecretPrimaryRegion":"eu-test-1"}})"));
    EXPECT_EQ(get(name_), "allowed");

    v1::UpdateSecretRequest update;
    update.set_secret_id(name_);
    const auto update_under = [&](const std::string& pattern) {
        alice_may(allow("secretsmanager:UpdateSecret", "*",
                        R"({"ArnLike":{"secretsmanager:KmsKeyArn":")" + pattern + "\"}}"));
        return as_alice(update);
    };
    EXPECT_THAT(update_under("arn:aws:kms:*:*:key/*"), HasSubstr("no identity-based policy allows"))
        << "the request names no key";
    update.set_kms_key_id("alias/aws/secretsmanager");
    EXPECT_EQ(update_under("arn:aws:kms:eu-test-1:111122223333:key/*"), "allowed");
    EXPECT_THAT(update_under("arn:aws:kms:eu-test-1:111122223333:alias/*"),
                HasSubstr("no identity-based policy allows"));
    update.set_kms_key_id("alias/no-such-key");
    EXPECT_THAT(update_under("arn:aws:kms:*:*:key/*"), HasSubstr("no identity-based policy allows"));
}

TEST_F(PoliciesTest, WhoMayNotLookIsNotToldWhetherItIsThere) {
    alice_may(allow("secretsmanager:GetSecretValue", kArnPrefix + std::string("other/*")));
    EXPECT_THAT(get("no/such"), StartsWith("AccessDeniedException"));
    EXPECT_THAT(get("no/such"), HasSubstr("on resource: no/such because"));
    alice_may(allow("secretsmanager:GetSecretValue", "*"));
    EXPECT_THAT(get("no/such"), StartsWith("ResourceNotFoundException"));
}

TEST_F(PoliciesTest, OnlyWhatTheRequestSaysIsAFact) {
    create(name_);
    alice_may(allow("secretsmanager:*", "*",
                    R"({"ForAnyValue:StringEquals":{"secretsmanager:VersionStage":"AWSCURRENT"}})"));
    EXPECT_EQ(get(name_, "AWSCURRENT"), "allowed");
    EXPECT_THAT(get(name_), StartsWith("AccessDeniedException"));
    EXPECT_THAT(get(name_, "AWSPREVIOUS"), StartsWith("AccessDeniedException"));
    EXPECT_THAT(describe(name_), StartsWith("AccessDeniedException"));
}

TEST_F(PoliciesTest, TagsOfTheSecretDecideAtOnce) {
    create(name_, {{"team", "payments"}});
    for (const std::string key : {"secretsmanager:ResourceTag/team", "aws:ResourceTag/team"}) {
        alice_may(allow("secretsmanager:GetSecretValue", "*",
                        R"({"StringEquals":{")" + key + R"(":"${aws:PrincipalTag/team}"}})"));
        EXPECT_EQ(get(name_), "allowed") << key;
    }
    v1::UntagResourceRequest untag;
    untag.set_secret_id(name_);
    untag.add_tag_keys("team");
    node().call(untag);
    EXPECT_THAT(get(name_), StartsWith("AccessDeniedException"));
}

TEST_F(PoliciesTest, WhoCreatesWithTagsMayTag) {
    v1::CreateSecretRequest request;
    request.set_name(name_);
    request.set_client_request_token(Uuid::random().text());
    auto& tag = *request.add_tags();
    tag.set_key("team");
    tag.set_value("payments");
    alice_may(allow("secretsmanager:CreateSecret", "*"));
    EXPECT_THAT(as_alice(request), HasSubstr("secretsmanager:TagResource on resource: " + name_));
    alice_may(
        allow("secretsmanager:CreateSecret", "*") + "," +
        allow("secretsmanager:TagResource", "*", R"({"StringEquals":{"aws:RequestTag/team":"billing"}})"));
    EXPECT_THAT(as_alice(request), HasSubstr("secretsmanager:TagResource"));
    alice_may(
        allow("secretsmanager:*", "*",
              R"({"StringLike":{"secretsmanager:Name":"policies/*"},"StringEquals":{"aws:RequestTag/team":)"
              R"("payments"},"ForAllValues:StringEquals":{"aws:TagKeys":["team"]}})") +
        "," +
        allow("secretsmanager:TagResource", "*", R"({"StringEquals":{"aws:RequestTag/team":"payments"}})"));
    EXPECT_EQ(as_alice(request), "allowed");
}

TEST_F(PoliciesTest, DeletionCanBeLimitedToTheRecoverable) {
    create(name_);
    alice_may(allow("secretsmanager:DeleteSecret", "*") +
              R"(,{"Effect":"Deny","Action":"secretsmanager:DeleteSecret","Resource":"*","Condition":)"
              R"({"Bool":{"secretsmanager:ForceDeleteWithoutRecovery":"true"}}},)"
              R"({"Effect":"Deny","Action":"secretsmanager:DeleteSecret","Resource":"*","Condition":)"
              R"({"NumericLessThan":{"secretsmanager:RecoveryWindowInDays":"14"}}})");
    v1::DeleteSecretRequest request;
    request.set_secret_id(name_);
    request.set_force_delete_without_recovery(true);
    EXPECT_THAT(as_alice(request), HasSubstr("explicit deny"));
    request.clear_force_delete_without_recovery();
    request.set_recovery_window_in_days(7);
    EXPECT_THAT(as_alice(request), HasSubstr("explicit deny"));
    request.set_recovery_window_in_days(14);
    EXPECT_EQ(as_alice(request), "allowed");
}

TEST_F(PoliciesTest, WhereTheCallerIsCounts) {
    create(name_);
    alice_may(allow("secretsmanager:GetSecretValue", "*",
                    R"({"IpAddress":{"aws:SourceIp":"127.0.0.0/8"},"StringEquals":{"aws:SourceVpce":"test"},)"
                    R"("Bool":{"aws:SecureTransport":"true"},)"
                    R"("DateLessThan":{"aws:CurrentTime":"2100-01-01T00:00:00Z"}})"));
    EXPECT_EQ(get(name_), "allowed");
    alice_may(
        allow("secretsmanager:GetSecretValue", "*", R"({"NotIpAddress":{"aws:SourceIp":"127.0.0.1"}})"));
    EXPECT_THAT(get(name_), StartsWith("AccessDeniedException"));
}

constexpr const char* kAliceMayRead =
    R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":)"
    R"({"AWS":"arn:aws:iam::111122223333:user/alice"},"Action":"secretsmanager:GetSecretValue","Resource":"*"}]})";
constexpr const char* kEverybodyMayRead =
    R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*",)"
    R"("Action":"secretsmanager:GetSecretValue","Resource":"*"}]})";
constexpr const char* kNobodyMayRead =
    R"({"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*",)"
    R"("Action":"secretsmanager:GetSecretValue","Resource":"*"}]})";

TEST_F(PoliciesTest, AResourcePolicyGrantsAndDenies) {
    const auto arn = create(name_);
    EXPECT_FALSE(attached().has_resource_policy());
    alice_may(allow("secretsmanager:ListSecrets", "*"));
    EXPECT_THAT(get(name_), StartsWith("AccessDeniedException"));

    EXPECT_EQ(attach(kAliceMayRead), name_);
    EXPECT_EQ(attached().resource_policy(), kAliceMayRead);
    EXPECT_EQ(attached().arn(), arn);
    EXPECT_EQ(get(name_), "allowed");
    EXPECT_THAT(describe(name_), StartsWith("AccessDeniedException"));

    EXPECT_EQ(attach(kNobodyMayRead), name_);
    alice_may(allow("*", "*"));
    EXPECT_THAT(get(name_), HasSubstr("with an explicit deny in a resource-based policy"));

    v1::DeleteResourcePolicyRequest remove;
    remove.set_secret_id(name_);
    EXPECT_EQ(node().call(remove).arn(), arn);
    EXPECT_EQ(get(name_), "allowed");
    EXPECT_FALSE(attached().has_resource_policy());
    EXPECT_EQ(node().call(remove).name(), name_) << "also when there is none";
}

TEST_F(PoliciesTest, BrokenAndPublicPoliciesAreNotAttached) {
    create(name_);
    ASSERT_EQ(attach(kAliceMayRead), name_);
    EXPECT_THAT(attach(R"({"Version":"2012-10-17","Statement":[{"Effect":"allow"}]})"),
                StartsWith("MalformedPolicyDocumentException"));
    EXPECT_THAT(attach("{"), StartsWith("MalformedPolicyDocumentException"));
    EXPECT_THAT(attach(std::string(20'481, ' ')), StartsWith("ValidationException"));
    EXPECT_EQ(
        attach(kEverybodyMayRead, true),
        "PublicPolicyException: You can't attach a resource-based policy that allows broad access to the "
        "secret.");
    EXPECT_EQ(attached().resource_policy(), kAliceMayRead);
    EXPECT_EQ(attach(kNobodyMayRead, true), name_) << "a Deny for everybody is not public";
    EXPECT_EQ(attach(kEverybodyMayRead), name_) << "as AWS: only refused on request";
}

TEST_F(PoliciesTest, ADeletedSecretKeepsItsPolicy) {
    create(name_);
    ASSERT_EQ(attach(kAliceMayRead), name_);
    v1::DeleteSecretRequest remove;
    remove.set_secret_id(name_);
    node().call(remove);
    EXPECT_THAT(attach(kNobodyMayRead), HasSubstr("marked for deletion"));
    v1::GetResourcePolicyRequest request;
    request.set_secret_id(name_);
    EXPECT_THROW(node().call(request), CallError);
    v1::RestoreSecretRequest restore;
    restore.set_secret_id(name_);
    node().call(restore);
    EXPECT_EQ(attached().resource_policy(), kAliceMayRead);
}

TEST_F(PoliciesTest, ValidationSaysWhatIsWrong) {
    create(name_);
    const auto validate = [&](const std::string& policy) {
        v1::ValidateResourcePolicyRequest request;
        request.set_secret_id(name_);
        request.set_resource_policy(policy);
        return node().call(request);
    };
    const auto good = validate(kAliceMayRead);
    EXPECT_TRUE(good.policy_validation_passed());
    EXPECT_EQ(good.validation_errors_size(), 0);
    const auto broken = validate("{]");
    EXPECT_FALSE(broken.policy_validation_passed());
    ASSERT_EQ(broken.validation_errors_size(), 1);
    EXPECT_THAT(broken.validation_errors(0).error_message(), HasSubstr("line 1, column 2"));
    EXPECT_FALSE(validate(kEverybodyMayRead).policy_validation_passed());
    const auto locked = validate(R"({"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*",)"
                                 R"("Action":"secretsmanager:*","Resource":"*"}]})");
    ASSERT_EQ(locked.validation_errors_size(), 1);
    EXPECT_EQ(locked.validation_errors(0).error_message(),
              "Your requested changes will not allow you to manage this secret in the future.");
}

TEST_F(PoliciesTest, APolicyThatLocksItsCallerOutIsRefused) {
    create(name_);
    const auto deny = [](const std::string& action, const std::string& condition = "{}") {
        return R"({"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":)" + action +
               R"(,"Resource":"*","Condition":)" + condition + "}]}";
    };
    const auto from = [](const std::string& block) {
        return R"({"NotIpAddress":{"aws:SourceIp":")" + block + R"("}})";
    };
    const std::string both = R"(["secretsmanager:PutResourcePolicy","secretsmanager:DeleteResourcePolicy"])";
    for (const auto& policy : {deny(R"("secretsmanager:*")"), deny(R"("*")"), deny(both),
                               deny(R"("secretsmanager:*")", from("203.0.113.0/24"))}) {
        EXPECT_THAT(
            attach(policy),
            HasSubstr("Your requested changes will not allow you to manage this secret in the future."))
            << policy;
    }
    v1::GetResourcePolicyRequest look;
    look.set_secret_id(name_);
    EXPECT_FALSE(node().call(look).has_resource_policy());
    // One way back is enough, and is one.
    EXPECT_EQ(attach(deny(R"("secretsmanager:PutResourcePolicy")")), name_);
    v1::DeleteResourcePolicyRequest remove;
    remove.set_secret_id(name_);
    node().call(remove);
    EXPECT_EQ(attach(deny(R"("secretsmanager:DeleteResourcePolicy")")), name_);
    EXPECT_EQ(attach(deny(R"("secretsmanager:GetSecretValue")")), name_);
}

TEST_F(PoliciesTest, ABatchNamesWhatItMayNotRead) {
    create(name_ + "-a");
    create(name_ + "-b");
    alice_may(allow("secretsmanager:BatchGetSecretValue", "*") + "," +
              allow("secretsmanager:GetSecretValue", kArnPrefix + name_ + "-a-*"));
    v1::BatchGetSecretValueRequest request;
    request.add_secret_id_list(name_ + "-a");
    request.add_secret_id_list(name_ + "-b");
    const auto answer = node().call(request, "alice");
    ASSERT_EQ(answer.secret_values_size(), 1);
    EXPECT_EQ(answer.secret_values(0).name(), name_ + "-a");
    ASSERT_EQ(answer.errors_size(), 1);
    EXPECT_EQ(answer.errors(0).error_code(), "AccessDeniedException");
    EXPECT_EQ(answer.errors(0).secret_id(), name_ + "-b");
    v1::BatchGetSecretValueRequest filtered;
    auto& filter = *filtered.add_filters();
    filter.set_key("name");
    filter.add_values(name_);
    EXPECT_THAT(as_alice(filtered), HasSubstr("secretsmanager:ListSecrets on resource: *"));
}

}  // namespace
}  // namespace coffer::secrets
