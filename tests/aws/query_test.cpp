// The query protocol of STS, to and from the protocol's messages.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coffer/v1/sts.pb.h"
#include "daemon/aws/operations.hpp"
#include "daemon/aws/query_reader.hpp"
#include "daemon/aws/request_refused.hpp"
#include "daemon/aws/xml_writer.hpp"

namespace coffer::aws {
namespace {

template <class Message>
Message read_query(std::string_view form) {
    Message message;
    read_form(parse_form(as_bytes(form)), message);
    return message;
}

TEST(AwsQueryReader, ListsAndStructures) {
    const auto request = read_query<v1::AssumeRoleRequest>(
        "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A111122223333%3Arole%2Fapp"
        "&RoleSessionName=one+two%2B&DurationSeconds=900&Tags.member.1.Key=team&Tags.member.1.Value=a%26b"
        "&Tags.member.2.Key=empty&Tags.member.2.Value=&TransitiveTagKeys.member.1=team&Unknown=1"
        "&PolicyArns.member.1.arn=arn%3Ax&PolicyArnsOfAnotherKind.member.7=1");
    EXPECT_EQ(request.role_arn(), "arn:aws:iam::111122223333:role/app");
    EXPECT_EQ(request.role_session_name(), "one two+");
    EXPECT_EQ(request.duration_seconds(), 900);
    ASSERT_EQ(request.tags_size(), 2);
    EXPECT_EQ(request.tags(0).value(), "a&b");
    EXPECT_TRUE(request.tags(1).has_value());
    EXPECT_EQ(request.transitive_tag_keys(0), "team");
    EXPECT_EQ(request.policy_arns(0).arn(), "arn:x");
    EXPECT_FALSE(request.has_policy());
}

TEST(AwsQueryReader, WrongNumbers) {
    for (const auto* number : {"", "x", "9e2", "900 ", "99999999999999999999"}) {
        EXPECT_THROW((void)read_query<v1::AssumeRoleRequest>(std::string("DurationSeconds=") + number),
                     RequestRefused)
            << number;
    }
    EXPECT_THROW((void)read_query<v1::AssumeRoleRequest>("RoleArn=%4"), RequestRefused);
}

std::string refusal_of(std::string_view form) {
    try {
        (void)read_query<v1::AssumeRoleRequest>(form);
    } catch (const RequestRefused& refused) {
        return std::string(refused.name()) + ": " + refused.what();
    }
    return "none";
}

TEST(AwsQueryReader, NoElementOfAListIsLeftOut) {
    EXPECT_EQ(
        refusal_of("PolicyArns.member.2.arn=arn%3Ax"),
        "ValidationException: The parameter PolicyArns.member.2.arn must be numbered like its neighbours: "
        "PolicyArns.member.1, .member.2 and so on, without a gap");
    for (const auto* name :
         {"PolicyArns.1.arn", "PolicyArns.member.0.arn", "PolicyArns.member.01.arn", "PolicyArns.member.1",
          "PolicyArns.member.-1.arn", "PolicyArns.member.x.arn", "PolicyArns.member.99999999999.arn",
          "PolicyArns.arn", "PolicyArns", "PolicyArns.member.", "PolicyArns.Member.1.arn",
          "Tags.member.2.Key", "TransitiveTagKeys.member.2", "TransitiveTagKeys"}) {
        EXPECT_THAT(refusal_of(std::string(name) + "=v"), testing::HasSubstr("without a gap")) << name;
    }
    EXPECT_THAT(refusal_of("TransitiveTagKeys.member.1=a&TransitiveTagKeys.member.3=b"),
                testing::HasSubstr("TransitiveTagKeys.member.3"));
    EXPECT_EQ(refusal_of("PolicyArns=&TransitiveTagKeys="), "none") << "lists that are empty";
    EXPECT_EQ(refusal_of("TransitiveTagKeys.member.2=b&TransitiveTagKeys.member.1=a"), "none");
}

TEST(AwsQueryReader, FormsAreBounded) {
    std::string form = "TransitiveTagKeys.member.1=k";
    for (int i = 2; i <= 256; ++i) form += "&TransitiveTagKeys.member." + std::to_string(i) + "=k";
    EXPECT_EQ(read_query<v1::AssumeRoleRequest>(form).transitive_tag_keys_size(), 256);
    const std::string too_many = "ValidationException: A query or a form must have at most 256 parameters";
    EXPECT_EQ(refusal_of(form + "&a=b"), too_many);
    EXPECT_EQ(refusal_of(std::string(65'536, '&')), too_many);
    EXPECT_EQ(refusal_of("Policy=" + std::string(65'536 - 7, 'x')), "none");
    EXPECT_EQ(refusal_of("Policy=" + std::string(65'536 - 6, 'x')),
              "ValidationException: A form must have at most 65536 bytes");
    // Before it is decoded: what is wrong with it further on is not found.
    EXPECT_EQ(refusal_of("Policy=%zz" + std::string(65'536, 'x')),
              "ValidationException: A form must have at most 65536 bytes");
    EXPECT_THROW((void)parse_query(std::string(256, '&')), RequestRefused) << "of requests in JSON as well";
}

TEST(AwsQueryReader, ParametersThatComeTwiceAreRefused) {
    EXPECT_EQ(refusal_of("Action=GetCallerIdentity&Action=AssumeRole"),
              "InvalidParameterValue: The parameter 'Action' comes more than once");
    EXPECT_EQ(refusal_of("RoleArn=a&RoleArn=a"),
              "InvalidParameterValue: The parameter 'RoleArn' comes more than once");
    EXPECT_EQ(refusal_of("Tags.member.1.Key=a&Tags.member.%31.Key=b"),
              "InvalidParameterValue: The parameter 'Tags.member.1.Key' comes more than once");
    EXPECT_EQ(refusal_of("Tags.member.1.Key=a&Tags.member.2.Key=a"), "none");
}

TEST(AwsXmlWriter, Response) {
    v1::AssumeRoleResponse response;
    response.mutable_credentials()->set_access_key_id("ASIAIOSFODNN7EXAMPLE");
    response.mutable_credentials()->set_secret_access_key("a/b+c");
    response.mutable_credentials()->set_expiration(1573306481.5);
    response.mutable_assumed_role_user()->set_arn("arn:aws:sts::111122223333:assumed-role/app/<&\">");
    response.set_packed_policy_size(8);
    Bytes out;
    write_xml_response("AssumeRole", response, "c6104cbe-af31-11e0-8154-cbc7ccf896c7", out);
    // The form of the example in the API reference of AssumeRole; 1573306481 is 2019-11-09T13:34:41Z.
    EXPECT_EQ(
        as_text(out),
        "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult>"
        "<Credentials><AccessKeyId>ASIAIOSFODNN7EXAMPLE</AccessKeyId><SecretAccessKey>a/b+c</SecretAccessKey>"
        "<Expiration>2019-11-09T13:34:41Z</Expiration></Credentials><AssumedRoleUser>"
        "<Arn>arn:aws:sts::111122223333:assumed-role/app/&lt;&amp;&quot;&gt;</Arn></AssumedRoleUser>"
        "<PackedPolicySize>8</PackedPolicySize></AssumeRoleResult><ResponseMetadata>"
        "<RequestId>c6104cbe-af31-11e0-8154-cbc7ccf896c7</RequestId></ResponseMetadata></"
        "AssumeRoleResponse>");
}

TEST(AwsXmlWriter, Errors) {
    const auto written = [](std::string name, unsigned status) {
        const auto error = query_error({status, std::move(name), "a < b\x01"});
        Bytes out;
        write_xml_error(error, "id", out);
        return std::to_string(error.status) + " " + std::string(as_text(out));
    };
    EXPECT_EQ(
        written("UnrecognizedClientException", 400),
        "403 <ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type>"
        "<Code>InvalidClientTokenId</Code><Message>a &lt; b?</Message></Error><RequestId>id</RequestId>"
        "</ErrorResponse>");
    EXPECT_NE(written("InternalServiceError", 500).find("500 "), std::string::npos);
    EXPECT_NE(written("InternalServiceError", 500).find("<Type>Receiver</Type><Code>InternalFailure</Code>"),
              std::string::npos);
    EXPECT_NE(written("NoSuchEntity", 400).find("<Code>NoSuchEntity</Code>"), std::string::npos);
}

TEST(AwsOperations, ActionsOfSts) {
    for (const auto* action : {"AssumeRole", "GetCallerIdentity", "GetSessionToken"}) {
        EXPECT_NE(find_sts_action(action), nullptr) << action;
    }
    EXPECT_EQ(find_sts_action("GetSecretValue"), nullptr);
    EXPECT_EQ(find_sts_action("CreateUser"), nullptr);
}

}  // namespace
}  // namespace coffer::aws
