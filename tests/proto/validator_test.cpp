// The expected texts are AWS's, written by hand after public reports of its front end's answers (Secrets
// Manager where there is one, else a service behind the same front end: ACM, Lambda, Cognito, DynamoDB).

#include "proto/validator.hpp"

#include <gmock/gmock.h>
#include <google/protobuf/descriptor.pb.h>
#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "coffer/v1/frame.pb.h"
#include "coffer/v1/secrets.pb.h"

namespace coffer::proto {
namespace {

using testing::HasSubstr;
using testing::Not;

const std::string kToken = "EXAMPLE1-90ab-cdef-fedc-ba987SECRET1";

std::string error_of(const google::protobuf::Message& message) {
    return validation_error(message).value_or("(none)");
}

std::string one(const std::string& rest) {
    return "1 validation error detected: " + rest;
}

TEST(Validator, AcceptsWhatKeepsEveryLimit) {
    v1::GetSecretValueRequest get;
    get.set_secret_id("app/db");
    get.set_version_id(kToken);
    get.set_version_stage("AWSPREVIOUS");
    EXPECT_EQ(error_of(get), "(none)");

    v1::CreateSecretRequest create;
    create.set_name(std::string(512, 'n'));
    create.set_client_request_token(std::string(64, 't'));
    create.set_description("");
    create.set_secret_string(std::string(65536, 's'));
    create.add_tags()->set_key("k");
    EXPECT_EQ(error_of(create), "(none)");

    EXPECT_EQ(error_of(v1::ListSecretsRequest()), "(none)");
    EXPECT_EQ(error_of(v1::GetRandomPasswordRequest()), "(none)");
}

TEST(Validator, MissingRequiredMember) {
    EXPECT_EQ(error_of(v1::GetSecretValueRequest()),
              one("Value null at 'secretId' failed to satisfy constraint: Member must not be null"));
}

TEST(Validator, RequiredMemberThatIsPresentButEmptyIsTooShort) {
    v1::GetSecretValueRequest request;
    request.set_secret_id("");
    EXPECT_EQ(error_of(request), one("Value '' at 'secretId' failed to satisfy constraint: "
                                     "Member must have length greater than or equal to 1"));
}

TEST(Validator, MissingRequiredList) {
    v1::TagResourceRequest request;
    request.set_secret_id("app/db");
    EXPECT_EQ(error_of(request),
              one("Value null at 'tags' failed to satisfy constraint: Member must not be null"));
}

TEST(Validator, EmptySecretStringAsCloudFormationShowsIt) {
    v1::CreateSecretRequest request;
    request.set_name("app/db");
    request.set_secret_string("");
    EXPECT_EQ(error_of(request), one("Value at 'secretString' failed to satisfy constraint: "
                                     "Member must have length greater than or equal to 1"));
}

TEST(Validator, SecretsAreLimitedInBytesAndNeverShown) {
    v1::CreateSecretRequest request;
    request.set_name("app/db");
    // 32,768 characters of two bytes and one more byte: 65,537 bytes, far fewer characters.
    std::string two_bytes_each;
    for (int i = 0; i < 32768; ++i) two_bytes_each += "\xC3\xA4";
    request.set_secret_string(two_bytes_each);
    EXPECT_EQ(error_of(request), "(none)");
    request.set_secret_string(two_bytes_each + "x");
    EXPECT_EQ(error_of(request), one("Value at 'secretString' failed to satisfy constraint: "
                                     "Member must have length less than or equal to 65536"));
    request.clear_secret_string();
    request.set_secret_binary(std::string(65537, '\xFF'));
    EXPECT_EQ(error_of(request), one("Value at 'secretBinary' failed to satisfy constraint: "
                                     "Member must have length less than or equal to 65536"));
}

/// People put a password where the token goes; the error is logged, and stands in the audit journal.
TEST(Validator, AClientRequestTokenIsNotQuoted) {
    const auto expected =
        one("Value at 'clientRequestToken' failed to satisfy constraint: "
            "Member must have length greater than or equal to 32");
    const auto token_of = [](auto request) {
        request.set_client_request_token("S3CR3T");
        return request;
    };
    v1::CreateSecretRequest create;
    create.set_name("app/db");
    EXPECT_EQ(error_of(token_of(create)), expected);
    v1::PutSecretValueRequest put;
    put.set_secret_id("app/db");
    EXPECT_EQ(error_of(token_of(put)), expected);
    v1::UpdateSecretRequest update;
    update.set_secret_id("app/db");
    EXPECT_EQ(error_of(token_of(update)), expected);
    v1::RotateSecretRequest rotate;
    rotate.set_secret_id("app/db");
    EXPECT_EQ(error_of(token_of(rotate)), expected);
}

TEST(Validator, PasswordLengthAsTheCommandLineShowsIt) {
    v1::GetRandomPasswordRequest request;
    request.set_password_length(5000);
    EXPECT_EQ(error_of(request), one("Value '5000' at 'passwordLength' failed to satisfy constraint: "
                                     "Member must have value less than or equal to 4096"));
    request.set_password_length(0);
    EXPECT_EQ(error_of(request), one("Value '0' at 'passwordLength' failed to satisfy constraint: "
                                     "Member must have value greater than or equal to 1"));
    request.set_password_length(4096);
    EXPECT_EQ(error_of(request), "(none)");
}

TEST(Validator, EnumValueSet) {
    v1::ListSecretsRequest request;
    request.set_sort_order("up");
    EXPECT_EQ(error_of(request), one("Value 'up' at 'sortOrder' failed to satisfy constraint: "
                                     "Member must satisfy enum value set: [asc, desc]"));
}

TEST(Validator, MembersInsideAListAreCountedFromOne) {
    v1::ListSecretsRequest request;
    for (const char* key : {"name", "Name"}) {
        auto& filter = *request.add_filters();
        filter.set_key(key);
        filter.add_values("a");
    }
    EXPECT_EQ(error_of(request),
              one("Value 'Name' at 'filters.2.member.key' failed to satisfy constraint: Member must satisfy "
                  "enum value set: [description, name, tag-key, tag-value, primary-region, owning-service, "
                  "all]"));
}

TEST(Validator, AFilterHasAKeyAndValues) {
    v1::ListSecretsRequest request;
    request.add_filters()->set_key("name");
    EXPECT_EQ(
        error_of(request),
        one("Value null at 'filters.1.member.values' failed to satisfy constraint: Member must not be null"));
    request.mutable_filters(0)->clear_key();
    request.mutable_filters(0)->add_values("a");
    EXPECT_EQ(
        error_of(request),
        one("Value null at 'filters.1.member.key' failed to satisfy constraint: Member must not be null"));
}

TEST(Validator, FilterValuesAreAnyText) {
    v1::ListSecretsRequest request;
    auto& filter = *request.add_filters();
    filter.set_key("description");
    for (const char* text : {"100%", "C:\\keys", "größe", "(a|b)*"}) filter.add_values(text);
    std::string longest;
    for (int i = 0; i < 512; ++i) longest += "ö";
    filter.add_values(longest);
    EXPECT_EQ(validation_error(request), std::nullopt);
    filter.add_values(longest + "ö");
    EXPECT_THAT(error_of(request), testing::HasSubstr("less than or equal to 512"));
}

TEST(Validator, ElementsOfAListOfTextsAreJudgedTogether) {
    v1::UntagResourceRequest request;
    request.set_secret_id("app/db");
    request.add_tag_keys("fine");
    request.add_tag_keys(std::string(129, 'k'));
    EXPECT_EQ(
        error_of(request),
        one("Value '[fine, " + std::string(129, 'k') +
            "]' at 'tagKeys' failed to satisfy constraint: Member must satisfy constraint: [Member must "
            "have length less than or equal to 128, Member must have length greater than or equal to "
            "1]"));
}

TEST(Validator, ElementsWithAPattern) {
    v1::RemoveRegionsFromReplicationRequest request;
    request.set_secret_id("app/db");
    request.add_remove_replica_regions("ccc");
    EXPECT_EQ(error_of(request),
              one("Value '[ccc]' at 'removeReplicaRegions' failed to satisfy constraint: Member must satisfy "
                  "constraint: [Member must have length less than or equal to 128, Member must have length "
                  "greater than or equal to 1, Member must satisfy regular expression pattern: "
                  "^([a-z]+-)+\\d+$]"));
    request.set_remove_replica_regions(0, "eu-central-1");
    EXPECT_EQ(error_of(request), "(none)");
}

TEST(Validator, ListsThatAreTooLong) {
    v1::BatchGetSecretValueRequest request;
    for (int i = 0; i < 21; ++i) request.add_secret_id_list("s");
    EXPECT_EQ(error_of(request),
              one("Value '[s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s]' at 'secretIdList' "
                  "failed to satisfy constraint: Member must have length less than or equal to 20"));

    v1::ListSecretsRequest list;
    for (int i = 0; i < 11; ++i) list.add_filters();
    EXPECT_EQ(error_of(list), one("Value at 'filters' failed to satisfy constraint: "
                                  "Member must have length less than or equal to 10"));
}

TEST(Validator, ListsWithoutAStatedMostHaveAThousandElements) {
    v1::UntagResourceRequest request;
    request.set_secret_id("s");
    for (int i = 0; i < 1'000; ++i) request.add_tag_keys("k");
    EXPECT_EQ(error_of(request), "(none)");
    request.add_tag_keys("k");
    EXPECT_THAT(error_of(request),
                testing::HasSubstr("at 'tagKeys' failed to satisfy constraint: Member must have "
                                   "length less than or equal to 1000"));
    v1::CreateSecretRequest create;
    create.set_name("s");
    for (int i = 0; i < 1'001; ++i) create.add_tags();
    EXPECT_EQ(error_of(create),
              one("Value at 'tags' failed to satisfy constraint: Member must have length less "
                  "than or equal to 1000"));
}

TEST(Validator, PatternOfAMemberInsideAMember) {
    v1::RotateSecretRequest request;
    request.set_secret_id("app/db");
    request.mutable_rotation_rules()->set_duration("3d");
    EXPECT_EQ(error_of(request), one("Value '3d' at 'rotationRules.duration' failed to satisfy constraint: "
                                     "Member must satisfy regular expression pattern: [0-9]+h"));
    // The whole text must match, not a part of it.
    request.mutable_rotation_rules()->set_duration("3hh");
    EXPECT_THAT(error_of(request), HasSubstr("[0-9]+h"));
    request.mutable_rotation_rules()->set_duration("3h\n");
    EXPECT_THAT(error_of(request), HasSubstr("[0-9]+h"));
    request.mutable_rotation_rules()->set_duration("12h");
    request.mutable_rotation_rules()->set_schedule_expression("cron(0 8 1 * ? *)");
    EXPECT_EQ(error_of(request), "(none)");
}

TEST(Validator, OneTextMayBreakTwoConstraints) {
    // As Cognito answers for a user code: pattern first, then length.
    v1::RotateSecretRequest request;
    request.set_secret_id("app/db");
    request.mutable_rotation_rules()->set_duration("h");
    EXPECT_EQ(
        error_of(request),
        "2 validation errors detected: Value 'h' at 'rotationRules.duration' failed to satisfy "
        "constraint: Member must satisfy regular expression pattern: [0-9]+h; Value 'h' at "
        "'rotationRules.duration' failed to satisfy constraint: Member must have length greater than or "
        "equal to 2");
}

TEST(Validator, SeveralMembersAreListedInTheOrderOfTheSchema) {
    v1::UpdateSecretVersionStageRequest request;
    request.set_move_to_version_id("short");
    EXPECT_EQ(
        error_of(request),
        "3 validation errors detected: Value null at 'secretId' failed to satisfy constraint: Member must "
        "not be null; Value null at 'versionStage' failed to satisfy constraint: Member must not be null; "
        "Value 'short' at 'moveToVersionId' failed to satisfy constraint: Member must have length greater "
        "than or equal to 32");
}

TEST(Validator, RotationTokenIsNotShown) {
    v1::PutSecretValueRequest request;
    request.set_secret_id("app/db");
    request.set_rotation_token("not/a/rotation/token/of/36/characters");
    EXPECT_EQ(error_of(request), one("Value at 'rotationToken' failed to satisfy constraint: Member must "
                                     "satisfy regular expression pattern: ^[a-zA-Z0-9\\-]+$"));
}

TEST(Validator, MemberNamesKeepTheirOtherCapitals) {
    v1::RotateSecretRequest request;
    request.set_secret_id("app/db");
    request.set_rotation_lambda_arn(std::string(2049, 'a'));
    EXPECT_THAT(error_of(request), HasSubstr("at 'rotationLambdaARN' failed"));
}

TEST(Validator, LengthsOfNamesAreInCharacters) {
    v1::TagResourceRequest request;
    request.set_secret_id("app/db");
    std::string value;
    for (int i = 0; i < 256; ++i) value += "\xE2\x82\xAC";
    auto& tag = *request.add_tags();
    tag.set_key("currency");
    tag.set_value(value);
    EXPECT_EQ(error_of(request), "(none)");
    tag.set_value(value + "x");
    EXPECT_THAT(error_of(request),
                HasSubstr("'tags.1.member.value' failed to satisfy constraint: Member must "
                          "have length less than or equal to 256"));
}

TEST(Validator, TextThatIsNotUtf8) {
    v1::CreateSecretRequest request;
    request.set_name("app/db");
    request.set_secret_string("caf\xE9");
    EXPECT_EQ(error_of(request),
              one("Value at 'secretString' failed to satisfy constraint: Member must be valid UTF-8"));
    // The same bytes are fine where no text is meant.
    request.clear_secret_string();
    request.set_secret_binary("caf\xE9");
    EXPECT_EQ(error_of(request), "(none)");
    request.set_name("caf\xE9");
    EXPECT_EQ(error_of(request),
              one("Value 'caf?' at 'name' failed to satisfy constraint: Member must be valid UTF-8"));
}

TEST(Validator, NulIsRefusedWherePostgresqlWouldGetIt) {
    v1::CreateSecretRequest request;
    request.set_name(std::string("a\0b", 3));
    EXPECT_EQ(
        error_of(request),
        one("Value 'a?b' at 'name' failed to satisfy constraint: Member must not contain NUL characters"));
    request.set_name("app/db");
    request.set_secret_string(std::string("a\0b", 3));
    EXPECT_EQ(error_of(request), "(none)");

    v1::UntagResourceRequest untag;
    untag.set_secret_id("app/db");
    untag.add_tag_keys(std::string("a\0b", 3));
    EXPECT_EQ(error_of(untag), one("Value '[a?b]' at 'tagKeys' failed to satisfy constraint: Member must not "
                                   "contain NUL characters"));
}

TEST(Validator, ShowsLongValuesInPartAndControlCharactersNot) {
    v1::GetSecretValueRequest request;
    request.set_secret_id("\x1B[31m" + std::string(3000, 'a'));
    EXPECT_EQ(error_of(request),
              one("Value '?[31m" + std::string(251, 'a') +
                  "...' at 'secretId' failed to satisfy constraint: Member must have length "
                  "less than or equal to 2048"));
}

TEST(Validator, ListsTenViolationsAtMost) {
    v1::TagResourceRequest request;
    request.set_secret_id("app/db");
    for (int i = 0; i < 1000; ++i) request.add_tags()->set_key("");
    const auto error = error_of(request);
    EXPECT_THAT(error, HasSubstr("10 validation errors detected: "));
    EXPECT_THAT(error, HasSubstr("'tags.10.member.key'"));
    EXPECT_THAT(error, Not(HasSubstr("'tags.11.member.key'")));
}

TEST(Validator, UnknownFieldsAreIgnored) {
    v1::GetSecretValueRequest request;
    request.set_secret_id("app/db");
    request.GetReflection()->MutableUnknownFields(&request)->AddVarint(2000, 1);
    EXPECT_EQ(error_of(request), "(none)");
}

TEST(Validator, EveryRequestOfTheSchemaCanBeChecked) {
    const auto* operations = v1::Request::descriptor()->FindOneofByName("operation");
    ASSERT_EQ(operations->field_count(),
              // AWS's model of 2017-10-17 has 23; iam.proto 89, audit.proto 1, usage.proto 2, sts.proto 4,
              // keys.proto 10, rotation.proto 9, certificates.proto 4, damage.proto 2.
              23 + 89 + 1 + 2 + 4 + 10 + 9 + 4 + 2);
    auto* factory = google::protobuf::MessageFactory::generated_factory();
    for (int i = 0; i < operations->field_count(); ++i) {
        const std::unique_ptr<google::protobuf::Message> request(
            factory->GetPrototype(operations->field(i)->message_type())->New());
        EXPECT_NO_THROW((void)validation_error(*request)) << request->GetTypeName();
    }
}

TEST(Validator, MessagesOfOtherSchemasAreAProgrammingError) {
    EXPECT_THROW((void)validation_error(google::protobuf::FileDescriptorProto()), std::invalid_argument);
}

TEST(Validator, ThreadsShareTheRules) {
    std::vector<std::thread> threads;
    threads.reserve(4);
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([] {
            for (int i = 0; i < 500; ++i) {
                v1::RemoveRegionsFromReplicationRequest request;
                request.set_secret_id("a");
                request.add_remove_replica_regions(i % 2 == 0 ? "eu-west-1" : "not<fine>");
                EXPECT_EQ(validation_error(request).has_value(), i % 2 != 0);
            }
        });
    }
    for (auto& thread : threads) thread.join();
}

}  // namespace
}  // namespace coffer::proto
