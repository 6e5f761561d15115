// AWS JSON 1.1 to and from the protocol's messages.

#include <gtest/gtest.h>

#include "coffer/v1/secrets.pb.h"
#include "daemon/aws/answer.hpp"
#include "daemon/aws/json_reader.hpp"
#include "daemon/aws/json_writer.hpp"
#include "daemon/aws/operations.hpp"

namespace coffer::aws {
namespace {

template <class Message>
Message read(std::string_view text) {
    Message message;
    read_json(as_bytes(text), message);
    return message;
}

template <class Message>
std::string refusal(std::string_view text) {
    try {
        (void)read<Message>(text);
        return "accepted";
    } catch (const RequestRefused& refused) {
        EXPECT_EQ(refused.name(), "SerializationException");
        EXPECT_EQ(refused.status(), 400U);
        return refused.what();
    }
}

template <class Message>
std::string invalid(std::string_view text) {
    try {
        (void)read<Message>(text);
        return "accepted";
    } catch (const RequestRefused& refused) {
        EXPECT_EQ(refused.name(), "ValidationException");
        EXPECT_EQ(refused.status(), 400U);
        return refused.what();
    }
}

std::string written(const google::protobuf::Message& message) {
    Bytes out;
    write_json(message, out);
    return std::string(as_text(out));
}

TEST(AwsJsonReader, EveryKindOfMember) {
    const auto create = read<v1::CreateSecretRequest>(
        R"({"Name":"a/b","SecretString":"caf\u00e9 \"x\"","SecretBinary":"AAEC/w==","Tags":[{"Key":"k","Value":""}],)"
        R"("ForceOverwriteReplicaSecret":true,"AddReplicaRegions":[{"Region":"eu-west-1"}]})");
    EXPECT_EQ(create.name(), "a/b");
    EXPECT_EQ(create.secret_string(), "caf\xc3\xa9 \"x\"");
    EXPECT_EQ(create.secret_binary(), std::string("\x00\x01\x02\xff", 4));
    ASSERT_EQ(create.tags_size(), 1);
    EXPECT_EQ(create.tags(0).key(), "k");
    EXPECT_TRUE(create.tags(0).has_value());
    EXPECT_TRUE(create.force_overwrite_replica_secret());
    EXPECT_EQ(create.add_replica_regions(0).region(), "eu-west-1");
    EXPECT_FALSE(create.has_description());
    EXPECT_EQ(read<v1::DeleteSecretRequest>(R"({"RecoveryWindowInDays":7})").recovery_window_in_days(), 7);
    EXPECT_EQ(read<v1::DeleteSecretRequest>(R"({"RecoveryWindowInDays":7.0})").recovery_window_in_days(), 7);
}

TEST(AwsJsonReader, AbsentNullAndUnknown) {
    EXPECT_FALSE(read<v1::UpdateSecretRequest>("").has_description());
    EXPECT_FALSE(read<v1::UpdateSecretRequest>("{}").has_description());
    EXPECT_FALSE(read<v1::UpdateSecretRequest>(R"({"Description":null})").has_description());
    EXPECT_TRUE(read<v1::UpdateSecretRequest>(R"({"Description":""})").has_description());
    EXPECT_EQ(read<v1::UpdateSecretRequest>(R"({"Other":[{"x":1}],"SecretId":"a"})").secret_id(), "a");
    EXPECT_FALSE(read<v1::UpdateSecretRequest>(R"({"secretId":"a","secret_id":"b"})").has_secret_id());
    EXPECT_EQ(read<v1::PutSecretValueRequest>(R"({"SecretString":"a\u0000b"})").secret_string(),
              std::string("a\0b", 3));
}

TEST(AwsJsonReader, MembersThatComeTwiceAreRefused) {
    for (const auto* text :
         {R"({"SecretId":"x/none","SecretId":"x/a"})", R"({"SecretId":"a","SecretId":"a"})",
          R"({"SecretId":"a","Secret\u0049d":"b"})", R"({"SecretId":null,"SecretId":"a"})",
          R"({"SecretId":"a","Other":1,"Other":1})", R"({"SecretId":"a","Other":[{"x":{"y":1,"y":2}}]})",
          R"({"SecretId":"a","Tags":[{"Key":"k","Value":"v","Key":"l"}]})"}) {
        EXPECT_EQ(refusal<v1::TagResourceRequest>(text),
                  "A member comes more than once in one object of the request body")
            << text;
    }
    // The same name in several objects is none that comes twice.
    EXPECT_EQ(read<v1::TagResourceRequest>(
                  R"({"SecretId":"a","Tags":[{"Key":"k"},{"Key":"k"}],"Other":{"SecretId":"b"}})")
                  .tags_size(),
              2);
}

/// The words are AWS's of Amazon Coral services for a list that is too short (see docs of the shape's `min`).
TEST(AwsJsonReader, ListsThatMustNotBeEmpty) {
    const auto refused = [](const std::string& member) {
        return "1 validation error detected: Value '[]' at '" + member +
               "' failed to satisfy constraint: Member must have length greater than or equal to 1";
    };
    EXPECT_EQ(invalid<v1::PutSecretValueRequest>(R"({"SecretId":"a","VersionStages":[]})"),
              refused("versionStages"));
    EXPECT_EQ(invalid<v1::BatchGetSecretValueRequest>(R"({"SecretIdList":[]})"), refused("secretIdList"));
    EXPECT_EQ(invalid<v1::CreateSecretRequest>(R"({"AddReplicaRegions":[]})"), refused("addReplicaRegions"));
    EXPECT_EQ(invalid<v1::RemoveRegionsFromReplicationRequest>(R"({"RemoveReplicaRegions":[]})"),
              refused("removeReplicaRegions"));
    EXPECT_EQ(invalid<v1::ListSecretsRequest>(R"({"Filters":[{"Key":"name","Values":[]}]})"),
              refused("filters.1.member.values"));
    EXPECT_EQ(invalid<v1::TagResourceRequest>(R"({"SecretId":"a","Tags":[]})"), refused("tags"));
    EXPECT_EQ(invalid<v1::UntagResourceRequest>(R"({"SecretId":"a","TagKeys":[]})"), refused("tagKeys"));
    // The model has no minimum, and none of them is required.
    EXPECT_EQ(invalid<v1::CreateSecretRequest>(R"({"Tags":[]})"), "accepted");
    EXPECT_EQ(invalid<v1::ListSecretsRequest>(R"({"Filters":[]})"), "accepted");
    EXPECT_EQ(invalid<v1::PutSecretValueRequest>(R"({"VersionStages":null})"), "accepted");
}

TEST(AwsJsonReader, ListsThatAreFarTooLongAreNotRead) {
    const auto tags = [](int count) {
        std::string body = R"({"SecretId":"a","Tags":[{})";
        for (int i = 1; i < count; ++i) body += ",{}";
        return body + "]}";
    };
    EXPECT_EQ(invalid<v1::TagResourceRequest>(tags(1'000)), "accepted") << "what tags lack is said later";
    EXPECT_EQ(
        invalid<v1::TagResourceRequest>(tags(1'001)),
        "1 validation error detected: Value '[...]' at 'tags' failed to satisfy constraint: Member must "
        "have length less than or equal to 1000");
}

TEST(AwsJsonReader, FilterValuesHaveThePatternOfAwssModel) {
    const auto of = [](const std::string& value) {
        return invalid<v1::ListSecretsRequest>(R"({"Filters":[{"Key":"name","Values":["fine",")" + value +
                                               "\"]}]}");
    };
    EXPECT_EQ(
        of("a*"),
        "1 validation error detected: Value '[fine, a*]' at 'filters.1.member.values' failed to satisfy "
        "constraint: Member must satisfy constraint: [Member must have length less than or equal to 512, "
        "Member must satisfy regular expression pattern: ^\\!?[a-zA-Z0-9 :_@\\/\\+\\=\\.\\-\\!]*$]");
    for (const auto* value : {"100%", "a,b", "gr\u00f6\u00dfe", "a\\nb", "(a)", "#", "a'b"}) {
        EXPECT_NE(of(value), "accepted") << value;
    }
    for (const auto* value : {"", "!a", "a b:c_d@e/f+g=h.i-j!k", "AZ09"})
        EXPECT_EQ(of(value), "accepted") << value;
}

TEST(AwsJsonReader, WrongTypes) {
    using Create = v1::CreateSecretRequest;
    using Delete = v1::DeleteSecretRequest;
    EXPECT_EQ(refusal<Create>(R"({"Name":7})"), "NUMBER_VALUE cannot be converted to String at 'name'");
    EXPECT_EQ(refusal<Create>(R"({"Name":true})"), "TRUE_VALUE cannot be converted to String at 'name'");
    EXPECT_EQ(refusal<Create>(R"({"Name":["a"]})"), "Start of list found where not expected at 'name'");
    EXPECT_EQ(refusal<Create>(R"({"Name":{}})"),
              "Start of structure or map found where not expected at 'name'");
    EXPECT_EQ(refusal<Create>(R"({"Tags":"a"})"), "Expected list or null at 'tags'");
    EXPECT_EQ(refusal<Create>(R"({"Tags":["a"]})"), "Expected structure or null at 'tags.1.member'");
    EXPECT_EQ(refusal<Create>(R"({"Tags":[{"Key":"a"},{"Key":1}]})"),
              "NUMBER_VALUE cannot be converted to String at 'tags.2.member.key'");
    EXPECT_EQ(refusal<Delete>(R"({"RecoveryWindowInDays":"7"})"),
              "STRING_VALUE cannot be converted to Long at 'recoveryWindowInDays'");
    for (const auto* number : {"7.5", "9223372036854775808", "1e300"}) {
        EXPECT_EQ(refusal<Delete>(R"({"RecoveryWindowInDays":)" + std::string(number) + "}"),
                  "NUMBER_VALUE cannot be converted to Long: it must be a whole number of 64 bits at "
                  "'recoveryWindowInDays'");
    }
    EXPECT_EQ(refusal<Delete>(R"({"ForceDeleteWithoutRecovery":"true"})"),
              "STRING_VALUE cannot be converted to Boolean at 'forceDeleteWithoutRecovery'");
    EXPECT_EQ(refusal<Create>("[]"), "The body must be one JSON object");
}

TEST(AwsJsonReader, BlobsThatAreNotBase64NeverShow) {
    for (const auto* blob : {"A", "AAA", "AA=A", "=AAA", "A===", "!AAA", "AAAA\\n", "-_-_"}) {
        EXPECT_EQ(refusal<v1::CreateSecretRequest>(R"({"SecretBinary":")" + std::string(blob) + "\"}"),
                  "A blob must be base64 (RFC 4648, section 4, with padding) at 'secretBinary'");
    }
    EXPECT_EQ(read<v1::CreateSecretRequest>(R"({"SecretBinary":""})").secret_binary(), "");
    EXPECT_EQ(read<v1::CreateSecretRequest>(R"({"SecretBinary":"Zm8="})").secret_binary(), "fo");
}

TEST(AwsJsonReader, WhatIsNotJson) {
    const std::string deep = "{\"x\":" + std::string(200, '[') + std::string(200, ']') + "}";
    for (const auto& text :
         {std::string("{"), std::string("nonsense"), std::string("{} {}"), std::string("{'a':1}"),
          std::string("{\"a\":1,}"), std::string("{\"SecretId\":\"\xff\"}"),
          std::string("{\"SecretId\":\"\xc0\x80\"}"), std::string("{\"SecretId\":\"\\ud800\"}"),
          std::string("{\"a\":01}"), std::string("{\"a\":NaN}"), deep, std::string(" "),
          std::string("\xef\xbb\xbf{}")}) {
        EXPECT_TRUE(
            refusal<v1::GetSecretValueRequest>(text).starts_with("Could not parse request body into json: "))
            << text;
    }
}

TEST(AwsJsonReader, WhatIsNotUtf8IsSaidToBeSo) {
    for (const auto* text : {"{\"SecretId\":\"\xff\"}", "{\"SecretId\":\"\xc0\x80\"}",
                             "{\"SecretId\":\"\xed\xa0\x80\"}", "\xff"}) {
        EXPECT_EQ(refusal<v1::GetSecretValueRequest>(text),
                  "Could not parse request body into json: it is not UTF-8");
    }
    EXPECT_NE(refusal<v1::GetSecretValueRequest>("{"),
              "Could not parse request body into json: it is not UTF-8");
}

TEST(AwsJsonWriter, EveryKindOfMember) {
    v1::GetSecretValueResponse value;
    value.set_arn("arn:x");
    value.set_secret_binary("foetest");
    value.set_created_date(1523477145.729);
    value.add_version_stages("AWSCURRENT");
    const auto text = written(value);
    EXPECT_NE(text.find(R"("ARN":"arn:x")"), std::string::npos) << text;
    EXPECT_NE(text.find(R"("SecretBinary":"Zm9ldGVzdA==")"), std::string::npos) << text;
    EXPECT_NE(text.find(R"("CreatedDate":1523477145.729)"), std::string::npos) << text;
    EXPECT_NE(text.find(R"("VersionStages":["AWSCURRENT"])"), std::string::npos) << text;
    EXPECT_EQ(text.find("SecretString"), std::string::npos) << text;
}

TEST(AwsJsonWriter, StringsAreEscaped) {
    v1::GetSecretValueResponse value;
    value.set_secret_string("a\"\\\n\r\t\x01\x1f \x7f \xc3\xa9/");
    EXPECT_EQ(written(value), "{\"SecretString\":\"a\\\"\\\\\\n\\r\\t\\u0001\\u001f \x7f \xc3\xa9/\"}");
}

TEST(AwsJsonWriter, EmptyListsThatAreShown) {
    EXPECT_EQ(written(v1::BatchGetSecretValueResponse()), R"({"SecretValues":[],"Errors":[]})");
    v1::DescribeSecretResponse described;
    EXPECT_EQ(written(described), "{}");
    described.mutable_tags();
    EXPECT_EQ(written(described), R"({"Tags":[]})");
}

TEST(AwsJsonWriter, MapsAndTimes) {
    v1::DescribeSecretResponse described;
    described.set_last_accessed_date(1523923200);
    v1::StagingLabels labels;
    *labels.mutable_labels()->Add() = "AWSCURRENT";
    (*described.mutable_version_ids_to_stages())["b"] = labels;
    (*described.mutable_version_ids_to_stages())["a"] = labels;
    EXPECT_EQ(
        written(described),
        R"({"LastAccessedDate":1523923200.0,"VersionIdsToStages":{"a":["AWSCURRENT"],"b":["AWSCURRENT"]}})");
}

TEST(AwsOperations, TargetsOfSecretsManagerAlone) {
    const auto* field = find_target("secretsmanager.GetSecretValue");
    ASSERT_NE(field, nullptr);
    EXPECT_EQ(field->name(), "get_secret_value");
    for (const auto* target :
         {"", "GetSecretValue", "secretsmanager.", "secretsmanager.getsecretvalue",
          "secretsmanager.CreateUser", "secretsmanager.LookupEvents", "TrentService.Decrypt"}) {
        EXPECT_EQ(find_target(target), nullptr) << target;
    }
    // The 23 operations of the API of 2017-10-17.
    for (const auto* operation : {"BatchGetSecretValue",
                                  "CancelRotateSecret",
                                  "CreateSecret",
                                  "DeleteResourcePolicy",
                                  "DeleteSecret",
                                  "DescribeSecret",
                                  "GetRandomPassword",
                                  "GetResourcePolicy",
                                  "GetSecretValue",
                                  "ListSecretVersionIds",
                                  "ListSecrets",
                                  "PutResourcePolicy",
                                  "PutSecretValue",
                                  "RemoveRegionsFromReplication",
                                  "ReplicateSecretToRegions",
                                  "RestoreSecret",
                                  "RotateSecret",
                                  "StopReplicationToReplica",
                                  "TagResource",
                                  "UntagResource",
                                  "UpdateSecret",
                                  "UpdateSecretVersionStage",
                                  "ValidateResourcePolicy"}) {
        EXPECT_NE(find_target("secretsmanager." + std::string(operation)), nullptr) << operation;
    }
}

TEST(AwsErrors, NamesStatusesAndSpelling) {
    const auto answer = [](v1::ErrorCode code, const std::string& message) {
        v1::Error error;
        error.set_code(code);
        error.set_message(message);
        const auto made = error_answer(error);
        Bytes out;
        write_json_error(made, out);
        return std::to_string(made.status) + " " + std::string(as_text(out));
    };
    EXPECT_EQ(
        answer(v1::RESOURCE_NOT_FOUND, "Secrets Manager can't find the specified secret."),
        R"(400 {"__type":"ResourceNotFoundException","Message":"Secrets Manager can't find the specified secret."})");
    EXPECT_EQ(answer(v1::ACCESS_DENIED, "x"), R"(400 {"__type":"AccessDeniedException","Message":"x"})");
    EXPECT_EQ(answer(v1::VALIDATION, "x"), R"(400 {"__type":"ValidationException","message":"x"})");
    EXPECT_EQ(answer(v1::THROTTLING, "Rate exceeded"),
              R"(400 {"__type":"ThrottlingException","message":"Rate exceeded"})");
    EXPECT_EQ(answer(v1::INTERNAL_SERVICE_ERROR, "x"),
              R"(500 {"__type":"InternalServiceError","Message":"x"})");
    EXPECT_EQ(answer(v1::SERVICE_UNAVAILABLE, "x"),
              R"(503 {"__type":"ServiceUnavailableException","Message":"x"})");
    Bytes out;
    write_json_error(error_answer(RequestRefused(error_names::kInvalidSignature, "y")), out);
    EXPECT_EQ(as_text(out), R"({"__type":"InvalidSignatureException","message":"y"})");
}

}  // namespace
}  // namespace coffer::aws
