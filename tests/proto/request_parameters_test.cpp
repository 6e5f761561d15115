// What of a request an audit event may show. The members that CloudTrail shows and leaves out are from AWS's
// "Log AWS Secrets Manager events" page: its CreateSecret example has name and clientRequestToken, no value.

#include "proto/request_parameters.hpp"

#include <gtest/gtest.h>

#include <boost/json/serialize.hpp>

#include "coffer/v1/frame.pb.h"
#include "coffer/v1/iam.pb.h"
#include "coffer/v1/options.pb.h"
#include "coffer/v1/secrets.pb.h"
#include "coffer/v1/sts.pb.h"

namespace coffer::proto {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

constexpr auto kMarker = "S3CR3T-marker-\xCF\x80";

std::string text(const Message& message) {
    return boost::json::serialize(request_parameters(message));
}

TEST(RequestParameters, ShowsWhatCloudTrailShows) {
    v1::CreateSecretRequest request;
    request.set_name("MyTestSecret");
    request.set_client_request_token("EXAMPLE2-90ab-cdef-fedc-ba987EXAMPLE");
    request.set_secret_string(kMarker);
    EXPECT_EQ(text(request),
              R"({"name":"MyTestSecret","clientRequestToken":"EXAMPLE2-90ab-cdef-fedc-ba987EXAMPLE"})");
}

TEST(RequestParameters, NestedMembersNumbersAndLists) {
    v1::UpdateSecretVersionStageRequest move;
    move.set_secret_id("app/db");
    move.set_version_stage("AWSCURRENT");
    EXPECT_EQ(text(move), R"({"secretId":"app/db","versionStage":"AWSCURRENT"})");
    v1::RotateSecretRequest rotate;
    rotate.set_secret_id("app/db");
    rotate.set_rotation_lambda_arn("arn:x");
    rotate.mutable_rotation_rules()->set_automatically_after_days(30);
    EXPECT_EQ(
        text(rotate),
        R"({"secretId":"app/db","rotationLambdaARN":"arn:x","rotationRules":{"automaticallyAfterDays":30}})");
    v1::TagResourceRequest tag;
    tag.set_secret_id("app/db");
    auto& one = *tag.add_tags();
    one.set_key("team");
    one.set_value("blue");
    EXPECT_EQ(text(tag), R"({"secretId":"app/db","tags":[{"key":"team","value":"blue"}]})");
}

TEST(RequestParameters, ATokenThatIsNoTokenIsNotShown) {
    v1::PutSecretValueRequest request;
    request.set_secret_id("app/db");
    request.set_client_request_token(kMarker);
    EXPECT_EQ(text(request), R"({"secretId":"app/db"})");
    request.set_client_request_token(std::string(31, 'a'));
    EXPECT_EQ(text(request), R"({"secretId":"app/db"})");
    request.set_client_request_token(std::string(40, 'a') + "\"");
    EXPECT_EQ(text(request), R"({"secretId":"app/db"})");
}

/// Sets every field of `message` that can hold a text, down to the fourth level, to the marker.
void mark(Message& message, bool only_forbidden, int depth = 0) {
    const auto& reflection = *message.GetReflection();
    const auto& descriptor = *message.GetDescriptor();
    for (int i = 0; i < descriptor.field_count(); ++i) {
        const auto& field = *descriptor.field(i);
        if (field.is_map()) continue;
        const bool forbidden = field.type() == FieldDescriptor::TYPE_BYTES ||
                               field.options().GetExtension(v1::limits).sensitive();
        if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE && depth < 4) {
            if (field.is_repeated()) {
                mark(*reflection.AddMessage(&message, &field), only_forbidden, depth + 1);
            } else {
                mark(*reflection.MutableMessage(&message, &field), only_forbidden, depth + 1);
            }
        } else if (field.cpp_type() == FieldDescriptor::CPPTYPE_STRING && (forbidden || !only_forbidden)) {
            if (field.is_repeated()) {
                reflection.AddString(&message, &field, kMarker);
            } else {
                reflection.SetString(&message, &field, kMarker);
            }
        }
    }
}

TEST(RequestParameters, NoOperationShowsASecretValue) {
    const auto& file = *v1::CreateSecretRequest::descriptor()->file();
    int messages = 0;
    for (int i = 0; i < file.message_type_count(); ++i) {
        const auto* prototype =
            google::protobuf::MessageFactory::generated_factory()->GetPrototype(file.message_type(i));
        const std::unique_ptr<Message> message(prototype->New());
        mark(*message, true);
        EXPECT_EQ(text(*message).find("S3CR3T"), std::string::npos) << file.message_type(i)->name();
        EXPECT_EQ(boost::json::serialize(response_elements(*message)).find("S3CR3T"), std::string::npos)
            << file.message_type(i)->name();
        ++messages;
    }
    EXPECT_GT(messages, 46);  // 23 operations, two messages each
}

/// The files that define operations.
std::vector<const google::protobuf::FileDescriptor*> operation_files() {
    return {v1::CreateSecretRequest::descriptor()->file(),      v1::CreateUserRequest::descriptor()->file(),
            v1::LookupEventsRequest::descriptor()->file(),      v1::GetUsageRequest::descriptor()->file(),
            v1::AssumeRoleRequest::descriptor()->file(),        v1::CreateKeyRequest::descriptor()->file(),
            v1::ListDamagedSecretsRequest::descriptor()->file()};
}

TEST(RequestParameters, TheListNamesNoFieldThatHoldsAValue) {
    for (const auto name : audited_fields()) {
        bool found = false;
        for (const auto* file : operation_files()) {
            for (int m = 0; m < file->message_type_count(); ++m) {
                const auto* field = file->message_type(m)->FindFieldByName(std::string(name));
                if (field == nullptr) continue;
                found = true;
                EXPECT_NE(field->type(), FieldDescriptor::TYPE_BYTES) << field->full_name();
                EXPECT_FALSE(field->options().GetExtension(v1::limits).sensitive()) << field->full_name();
            }
        }
        EXPECT_TRUE(found) << name << " is in no message";
    }
}

TEST(RequestParameters, OfAUser) {
    v1::PutUserPolicyRequest request;
    request.set_user_name("alice");
    request.set_policy_name("own");
    request.set_policy_document("{}");
    EXPECT_EQ(boost::json::serialize(request_parameters(request)),
              R"({"userName":"alice","policyName":"own","policyDocument":"{}"})");
}

TEST(RequestParameters, ResponseElementsOfAChange) {
    v1::CreateSecretResponse response;
    response.set_arn("arn:aws:secretsmanager:eu-1:123456789012:secret:a-AbCdEf");
    response.set_name("a");
    response.set_version_id("EXAMPLE2-90ab-cdef-fedc-ba987EXAMPLE");
    EXPECT_EQ(boost::json::serialize(response_elements(response)),
              R"({"arn":"arn:aws:secretsmanager:eu-1:123456789012:secret:a-AbCdEf","name":"a",)"
              R"("versionId":"EXAMPLE2-90ab-cdef-fedc-ba987EXAMPLE"})");
}

}  // namespace
}  // namespace coffer::proto
