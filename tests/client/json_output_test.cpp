// What the AWS CLI prints. Expected texts: the AWS CLI's own documentation, Python's json.dumps and
// datetime.isoformat (which the AWS CLI prints with), and arithmetic by hand.

#include "client/coffer/json_output.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>
#include <string_view>

#include "client/coffer/timestamp.hpp"
#include "coffer/v1/secrets.pb.h"

namespace coffer::cli {
namespace {

using namespace std::string_view_literals;

/// The time zone of a test.
class TimeZone {
public:
    explicit TimeZone(const char* name) {
        if (const char* before = std::getenv("TZ")) before_ = before;
        ::setenv("TZ", name, 1);
        ::tzset();
    }
    ~TimeZone() {
        if (before_.empty()) {
            ::unsetenv("TZ");
        } else {
            ::setenv("TZ", before_.c_str(), 1);
        }
        ::tzset();
    }

private:
    std::string before_;
};

std::string json(const google::protobuf::Message& message) {
    return std::string(view(pretty_json(to_json(message))));
}

// datetime.fromtimestamp(1523477145.729, tz).isoformat()
TEST(Iso8601, IsPythonsIsoformat) {
    {
        const TimeZone utc("UTC0");
        EXPECT_EQ(iso_8601(1523477145.729), "2018-04-11T20:05:45.729000+00:00");
        EXPECT_EQ(iso_8601(1523923200), "2018-04-17T00:00:00+00:00");
        EXPECT_EQ(iso_8601(0.001), "1970-01-01T00:00:00.001000+00:00");
        EXPECT_EQ(iso_8601(-0.5), "1969-12-31T23:59:59.500000+00:00");
    }
    {
        const TimeZone new_york("EST5EDT,M3.2.0,M11.1.0");
        EXPECT_EQ(iso_8601(1523477145.729), "2018-04-11T16:05:45.729000-04:00");
    }
    {
        const TimeZone india("IST-5:30");
        EXPECT_EQ(iso_8601(1523477145), "2018-04-12T01:35:45+05:30");
    }
}

TEST(JsonOutput, AValueIsShownWithAwsMembersInAwsOrder) {
    const TimeZone utc("UTC0");
    v1::GetSecretValueResponse response;
    response.set_created_date(1523477145.713);
    response.set_arn("arn:aws:secretsmanager:us-west-2:123456789012:secret:MyTestSecret-a1b2c3");
    response.set_name("MyTestSecret");
    response.set_version_id("a1b2c3d4-5678-90ab-cdef-EXAMPLE11111");
    response.set_secret_string("{\"user\":\"diegor\",\"password\":\"EXAMPLE-PASSWORD\"}");
    response.add_version_stages("AWSCURRENT");
    EXPECT_EQ(json(response), R"({
    "ARN": "arn:aws:secretsmanager:us-west-2:123456789012:secret:MyTestSecret-a1b2c3",
    "Name": "MyTestSecret",
    "VersionId": "a1b2c3d4-5678-90ab-cdef-EXAMPLE11111",
    "SecretString": "{\"user\":\"diegor\",\"password\":\"EXAMPLE-PASSWORD\"}",
    "VersionStages": [
        "AWSCURRENT"
    ],
    "CreatedDate": "2018-04-11T20:05:45.713000+00:00"
}
)");
}

// RFC 4648, section 10.
TEST(JsonOutput, BinaryValuesAreBase64) {
    EXPECT_EQ(base64(""), "");
    EXPECT_EQ(base64("f"), "Zg==");
    EXPECT_EQ(base64("fo"), "Zm8=");
    EXPECT_EQ(base64("foo"), "Zm9v");
    EXPECT_EQ(base64("foob"), "Zm9vYg==");
    EXPECT_EQ(base64("foobar"), "Zm9vYmFy");
    v1::GetSecretValueResponse response;
    response.set_secret_binary(std::string("\x00\x01\x02\xff", 4));
    EXPECT_EQ(json(response), "{\n    \"SecretBinary\": \"AAEC/w==\"\n}\n");
}

// json.dumps(text, ensure_ascii=False)
TEST(JsonOutput, TextIsEscapedAsPythonDoes) {
    SecretText out;
    append_json_string(out, "q\" b\\ n\n r\r t\t b\b f\f nul\0 esc\x1b del\x7f pi\xcf\x80 /"sv);
    EXPECT_EQ(view(out),
              "\"q\\\" b\\\\ n\\n r\\r t\\t b\\b f\\f nul\\u0000 esc\\u001b del\x7f pi\xcf\x80 /\"");
}

TEST(JsonOutput, EmptyListsAreShownWhereAwsShowsThem) {
    EXPECT_EQ(json(v1::ListSecretsResponse()), "{\n    \"SecretList\": []\n}\n");
    EXPECT_EQ(json(v1::BatchGetSecretValueResponse()),
              "{\n    \"SecretValues\": [],\n    \"Errors\": []\n}\n");
    EXPECT_EQ(json(v1::PutSecretValueResponse()), "") << "an empty structure is nothing at all";
    v1::DescribeSecretResponse never_tagged;
    never_tagged.set_name("a");
    EXPECT_EQ(json(never_tagged), "{\n    \"Name\": \"a\"\n}\n");
    v1::DescribeSecretResponse untagged = never_tagged;
    untagged.mutable_tags();
    EXPECT_EQ(json(untagged), "{\n    \"Name\": \"a\",\n    \"Tags\": []\n}\n");
}

TEST(JsonOutput, WrappedListsAreListsAndMapsAreStructures) {
    v1::DescribeSecretResponse response;
    auto& tag = *response.mutable_tags()->add_tags();
    tag.set_key("team");
    tag.set_value("billing");
    (*response.mutable_version_ids_to_stages())["v2"].add_labels("AWSCURRENT");
    (*response.mutable_version_ids_to_stages())["v1"].add_labels("AWSPREVIOUS");
    EXPECT_EQ(json(response), R"({
    "Tags": [
        {
            "Key": "team",
            "Value": "billing"
        }
    ],
    "VersionIdsToStages": {
        "v1": [
            "AWSPREVIOUS"
        ],
        "v2": [
            "AWSCURRENT"
        ]
    }
}
)");
}

TEST(JsonOutput, NumbersAndFlags) {
    v1::DescribeSecretResponse response;
    response.set_rotation_enabled(false);
    response.mutable_rotation_rules()->set_automatically_after_days(30);
    EXPECT_EQ(json(response),
              "{\n    \"RotationEnabled\": false,\n    \"RotationRules\": {\n        "
              "\"AutomaticallyAfterDays\": 30\n    }\n}\n");
}

// The AWS CLI user guide, "Text output format": columns sorted by the members' names, nested lines headed by
// the member's name.
TEST(TextOutput, IsTabSeparatedAndSorted) {
    const TimeZone utc("UTC0");
    v1::GetSecretValueResponse value;
    value.set_arn("arn");
    value.set_name("n");
    value.set_version_id("v");
    value.set_secret_string("s3cret");
    value.add_version_stages("AWSCURRENT");
    value.set_created_date(1523923200);
    EXPECT_EQ(view(tab_separated(to_json(value), Reader::program)),
              "arn\t2018-04-17T00:00:00+00:00\tn\ts3cret\tv\nVERSIONSTAGES\tAWSCURRENT\n");

    v1::ListSecretsResponse list;
    list.add_secret_list()->set_name("a");
    list.add_secret_list()->set_name("b");
    list.mutable_secret_list(0)->set_description("first");
    list.mutable_secret_list(1)->set_rotation_enabled(true);
    EXPECT_EQ(view(tab_separated(to_json(list), Reader::program)),
              "SECRETLIST\tfirst\ta\t\n"
              "SECRETLIST\t\tb\tTrue\n");
}

TEST(TableOutput, BoxesHoldNamesAndValues) {
    v1::RestoreSecretResponse response;
    response.set_arn("arn:x");
    response.set_name("app/db");
    EXPECT_EQ(view(boxes("RestoreSecret", to_json(response))),
              "+---------------+\n"
              "| RestoreSecret |\n"
              "+---------------+\n"
              "| ARN  | arn:x  |\n"
              "| Name | app/db |\n"
              "+---------------+\n");
}

// Names of tags and labels, their values, descriptions and secrets are other people's text, in any member.
TEST(TableOutput, NothingInItSteersATerminal) {
    const std::string bad =
        "a\x1b[2J\xc2\x9b"
        "1m\x7f\r\n\xe2\x80\xaez";
    const std::string shown = R"(a\u001b[2J\u009b1m\u007f\r\n\u202ez)";
    v1::DescribeSecretResponse response;
    response.set_name(bad);
    response.set_description(bad);
    auto& tag = *response.mutable_tags()->add_tags();
    tag.set_key(bad);
    tag.set_value(bad);
    (*response.mutable_version_ids_to_stages())[bad].add_labels(bad);
    for (const auto& text :
         {boxes("DescribeSecret", to_json(response)), tab_separated(to_json(response), Reader::terminal)}) {
        for (const std::string_view piece : {"\x1b", "\xc2\x9b", "\x7f", "\r", "\xe2\x80\xae"}) {
            EXPECT_EQ(view(text).find(piece), std::string_view::npos) << view(text);
        }
        std::size_t times = 0;
        for (auto at = view(text).find(shown); at != std::string_view::npos;
             at = view(text).find(shown, at + 1))
            ++times;
        EXPECT_GE(times, 5U) << view(text);
    }
    EXPECT_NE(view(tab_separated(to_json(response), Reader::program)).find(bad), std::string_view::npos)
        << "a program gets what is stored";
}

}  // namespace
}  // namespace coffer::cli
