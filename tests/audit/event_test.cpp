// The event's text: members and their order as on AWS's page "CloudTrail record contents"; UTF-8 as in RFC
// 3629; escapes as in RFC 8259.

#include "daemon/audit/event.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "audit_fixture.hpp"
#include "daemon/audit/record.hpp"
#include "daemon/audit/utc_time.hpp"
#include "daemon/audit/utf8.hpp"

namespace coffer::audit {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(Event, HasCloudTrailsMembersInItsOrder) {
    auto event = testing::sample_event("app/db");
    event.event_id = *Uuid::parse("7116c6a1-0000-4000-8000-000000000001");
    event.error_code = "AccessDeniedException";
    event.error_message = "no";
    event.additional.statement = "policy app-a, statement 2";
    event.additional.master_key_generation = 3;
    event.tls_version = "TLSv1.3";
    EXPECT_EQ(
        to_json(event),
        R"({"eventVersion":"1.11","userIdentity":{"type":"IAMUser","arn":"arn:aws:iam::123456789012:user/app-a",)"
        R"("userName":"app-a"},"eventTime":"2026-09-21T14:13:20Z","eventSource":"secretsmanager.amazonaws.com",)"
        R"("eventName":"GetSecretValue","awsRegion":"eu-1","sourceIPAddress":"192.0.2.7","userAgent":"test",)"
        R"("errorCode":"AccessDeniedException","errorMessage":"no","requestParameters":{"secretId":"app/db"},)"
        R"("responseElements":null,"additionalEventData":{"node":"node-1","timeMs":1790000000123,)"
        R"("listener":"native","statement":"policy app-a, statement 2","masterKeyGeneration":3},)"
        R"("requestID":"8f2b6f2e-9d2f-4a8e-9c0e-0d8d1f1a2b3c","eventID":"7116c6a1-0000-4000-8000-000000000001",)"
        R"("readOnly":true,"resources":[{"ARN":"arn:aws:secretsmanager:eu-1:123456789012:secret:app/db-AbCdEf",)"
        R"("accountId":"123456789012","type":"AWS::SecretsManager::Secret"}],"eventType":"AwsApiCall",)"
        R"("managementEvent":true,"recipientAccountId":"123456789012","eventCategory":"Management",)"
        R"("tlsDetails":{"tlsVersion":"TLSv1.3"}})");
}

TEST(Event, OfASessionNamesTheRoleAndWhenItBegan) {
    // The members and their places are those of CloudTrail's example of an event by a role's session.
    auto event = testing::sample_event("app/db");
    event.user_identity = {IdentityType::assumed_role,
                           "AROAAAAAAAAAAAAAAAAAA:alice",
                           "arn:aws:sts::123456789012:assumed-role/deploy/alice",
                           "123456789012",
                           "",
                           "ASIAAAAAAAAAAAAAAAAA",
                           ""};
    event.user_identity.issuer = {"AROAAAAAAAAAAAAAAAAAA", "arn:aws:iam::123456789012:role/deploy",
                                  "123456789012", "deploy"};
    event.user_identity.session_created = Timestamp::from_millis(1'790'000'000'123);
    event.user_identity.source_identity = "alice@bank";
    EXPECT_THAT(
        to_json(event),
        HasSubstr(R"("userIdentity":{"type":"AssumedRole","principalId":"AROAAAAAAAAAAAAAAAAAA:alice",)"
                  R"("arn":"arn:aws:sts::123456789012:assumed-role/deploy/alice","accountId":"123456789012",)"
                  R"("accessKeyId":"ASIAAAAAAAAAAAAAAAAA","sessionContext":{"sessionIssuer":{"type":"Role",)"
                  R"("principalId":"AROAAAAAAAAAAAAAAAAAA","arn":"arn:aws:iam::123456789012:role/deploy",)"
                  R"("accountId":"123456789012","userName":"deploy"},"attributes":{"creationDate":)"
                  R"("2026-09-21T14:13:20Z","mfaAuthenticated":"false"},"sourceIdentity":"alice@bank"}})"));
}

TEST(Event, HostileTextStaysOneLineOfUtf8) {
    auto event = testing::sample_event("a");
    event.request_parameters = boost::json::object{
        {"secretId",
         boost::json::string("a\nb\x1B[2J\x7F\xFF\xC0\x80\xED\xA0\x80\xF4\x90\x80\x80 \"eventID\":\"x")}};
    event.user_agent = std::string("ua\0\r\n", 5);
    const auto text = to_json(event);
    for (const char c : text) EXPECT_TRUE(static_cast<unsigned char>(c) >= 0x20 && c != 0x7F);
    EXPECT_THAT(text, HasSubstr(R"(a\nb\u001b[2J\u007f)"));
    EXPECT_THAT(text, HasSubstr("\xEF\xBF\xBD"));
    EXPECT_THAT(text, Not(HasSubstr("\xFF")));
    EXPECT_THAT(text, HasSubstr(R"("userAgent":"ua\u0000\r\n")"));
    EXPECT_EQ(event_id_in(text), event.event_id.text());
    boost::system::error_code error;
    (void)boost::json::parse(text, error);
    EXPECT_FALSE(error);
}

TEST(Event, SaysWhatBecameOfRows) {
    auto event = testing::sample_event("a");
    event.additional.seals = {{"secrets", "id-1", 7, "0a0b"}, {"secrets", "id-2", 8, ""}};
    EXPECT_THAT(to_json(event),
                HasSubstr(R"("seals":[{"table":"secrets","key":"id-1","revision":7,"seal":"0a0b"},)"
                          R"({"table":"secrets","key":"id-2","revision":8}])"));
    event.additional.seals = {{"secrets", "id-3", 0, "", true}};
    EXPECT_THAT(to_json(event), HasSubstr(R"("seals":[{"table":"secrets","key":"id-3","discarded":true}])"));
}

TEST(Event, LimitsOfCloudTrail) {
    auto event = testing::sample_event("a");
    event.request_parameters = boost::json::object{{"description", std::string(kParametersBytesMax, 'x')}};
    event.error_code = "X";
    event.error_message = std::string(5000, 'm');
    event.user_agent = std::string(5000, 'u');
    const auto value = boost::json::parse(to_json(event)).as_object();
    EXPECT_TRUE(value.at("requestParameters").as_object().at("omitted").as_bool());
    EXPECT_EQ(value.at("errorMessage").as_string().size(), 1024U);
    EXPECT_EQ(value.at("userAgent").as_string().size(), 1024U);
}

TEST(Event, TheLargestFitsARecord) {
    auto event = testing::sample_event("a");
    const std::string worst(200'000, '\x01');  // six bytes each as an escape
    event.user_identity = {IdentityType::iam_user, worst, worst, worst, worst, worst, worst};
    event.user_identity.issuer = {worst, worst, worst, worst};
    event.user_identity.source_identity = worst;
    for (auto* text : {&event.source, &event.name, &event.region, &event.source_address, &event.user_agent,
                       &event.error_code, &event.error_message, &event.request_id,
                       &event.recipient_account_id, &event.tls_version, &event.tls_cipher}) {
        *text = worst;
    }
    event.request_parameters = boost::json::object{{"x", std::string(16'000, '\x01')}};
    event.response_elements = event.request_parameters;
    event.additional = {worst, worst, worst, worst, 1, worst, worst, {}, {{"x", worst}}};
    event.additional.seals.assign(200, RowSeal{worst, worst, 1, std::string(64, 'a')});
    event.resources.assign(50, EventResource{worst, worst});
    EXPECT_LE(to_json(event).size(), kRecordJsonBytesMax);
}

TEST(CleanUtf8, ReplacesAndCutsBetweenCharacters) {
    EXPECT_EQ(clean_utf8("caf\xC3\xA9", 10), "caf\xC3\xA9");
    EXPECT_EQ(clean_utf8("caf\xC3\xA9", 4), "caf");
    EXPECT_EQ(clean_utf8("\xC3", 10), "\xEF\xBF\xBD");
    EXPECT_EQ(clean_utf8("\xE2\x82", 10), "\xEF\xBF\xBD\xEF\xBF\xBD");
}

TEST(UtcTime, BothWays) {
    // date -u -d @1790000000
    EXPECT_EQ(utc_seconds(Timestamp::from_millis(1'790'000'000'123)), "2026-09-21T14:13:20Z");
    EXPECT_EQ(utc_millis(Timestamp::from_millis(1'790'000'000'003)), "2026-09-21T14:13:20.003Z");
    EXPECT_EQ(parse_utc("2026-09-21T14:13:20Z")->millis(), 1'790'000'000'000);
    EXPECT_EQ(parse_utc("2026-09-21T14:13:20.12Z")->millis(), 1'790'000'000'120);
    EXPECT_EQ(parse_utc("1970-01-02")->millis(), 86'400'000);
    for (const auto* bad : {"", "2026-9-21", "2026-02-30", "2026-09-21T24:00:00Z", "2026-09-21T14:13:20",
                            "2026-09-21T14:13:20.1234Z", "2026-09-21T14:13:20+01:00", "1969-12-31"}) {
        EXPECT_FALSE(parse_utc(bad)) << bad;
    }
}

}  // namespace
}  // namespace coffer::audit
