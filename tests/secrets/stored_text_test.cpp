// Text on its way to PostgreSQL and back: what the database cannot hold is the caller's error, by the
// member's name; everything else comes back as it was.

#include <gmock/gmock.h>

#include "service_environment.hpp"

namespace coffer::secrets {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

const std::string kNul("a\0b", 3);

std::string fresh_name() {
    return "text/" + Uuid::random().text().substr(0, 8);
}

class StoredText : public ::testing::Test {
protected:
    template <class Request>
    static auto call(const Request& request) {
        return Environment::get().node().call(request);
    }
    template <class Request>
    static void expect_refused(const Request& request, const std::string& member) {
        try {
            static_cast<void>(call(request));
            ADD_FAILURE() << "accepted: " << request.GetTypeName() << " " << member;
        } catch (const CallError& e) {
            EXPECT_THAT(std::string(e.what()), AllOf(StartsWith("ValidationException: "),
                                                     HasSubstr("'" + member + "'"), HasSubstr("NUL")));
        }
    }
    static v1::CreateSecretRequest create_request() {
        v1::CreateSecretRequest request;
        request.set_name(fresh_name());
        request.set_client_request_token(Uuid::random().text());
        request.set_secret_string("value");
        return request;
    }
};

TEST_F(StoredText, ANulIsAValidationErrorThatNamesTheMember) {
    auto create = create_request();
    create.set_description(kNul);
    expect_refused(create, "description");
    create = create_request();
    create.set_name("app/" + kNul);
    expect_refused(create, "name");
    create = create_request();
    create.add_tags()->set_key(kNul);
    expect_refused(create, "tags.1.member.key");
    create = create_request();
    create.add_tags()->set_key("k");
    create.mutable_tags(0)->set_value(kNul);
    expect_refused(create, "tags.1.member.value");
    create = create_request();
    create.set_client_request_token(std::string(40, 'a') + kNul);
    expect_refused(create, "clientRequestToken");

    v1::GetSecretValueRequest get;
    get.set_secret_id(kNul);
    expect_refused(get, "secretId");
    v1::PutSecretValueRequest put;
    put.set_secret_id("app/db");
    put.set_secret_string("value");
    put.add_version_stages(kNul);
    expect_refused(put, "versionStages");
    v1::UntagResourceRequest untag;
    untag.set_secret_id("app/db");
    untag.add_tag_keys(kNul);
    expect_refused(untag, "tagKeys");
    v1::ListSecretsRequest list;
    list.set_next_token(kNul);
    expect_refused(list, "nextToken");
    list.clear_next_token();
    list.add_filters()->set_key("description");
    list.mutable_filters(0)->add_values(kNul);
    expect_refused(list, "filters.1.member.values");
}

// A value is encrypted before it is stored: it may hold whatever it likes.
TEST_F(StoredText, AValueWithANulComesBackWhole) {
    auto create = create_request();
    create.set_secret_string(kNul);
    static_cast<void>(call(create));
    v1::GetSecretValueRequest get;
    get.set_secret_id(create.name());
    EXPECT_EQ(call(get).secret_string(), kNul);
}

TEST_F(StoredText, TheLongestTextsOfTheLargestCharactersComeBackAsTheyWere) {
    std::string largest;  // U+10FFFF: four bytes (RFC 3629, 3)
    for (int i = 0; i < 256; ++i) largest += "\xF4\x8F\xBF\xBF";
    std::string description;
    for (int i = 0; i < 8; ++i) description += largest;
    ASSERT_EQ(description.size(), 2048U * 4);
    auto create = create_request();
    create.set_description(description);
    for (int i = 0; i < 50; ++i) {
        auto& tag = *create.add_tags();
        // 128 characters: a number of two and 126 of the largest.
        tag.set_key(std::to_string(10 + i) + largest.substr(0, 126U * 4));
        tag.set_value(largest);
    }
    static_cast<void>(call(create));
    v1::DescribeSecretRequest describe;
    describe.set_secret_id(create.name());
    const auto described = call(describe);
    EXPECT_EQ(described.description(), description);
    ASSERT_EQ(described.tags().tags_size(), 50);
    EXPECT_EQ(described.tags().tags(49).value(), largest);
}

// Control characters, quotes and backslashes of every layer below, a combining mark, a non-character, a bidi
// override: none of them is a NUL.
TEST_F(StoredText, OddCharactersComeBackAsTheyWere) {
    std::string odd = "'\"\\ $1 %s {} \\x00 \\u0000 \xEF\xBF\xBE \xCC\x81 \xE2\x80\xAE \x7F";
    for (char c = 1; c < 0x20; ++c) odd += c;
    auto create = create_request();
    create.set_description(odd);
    auto& tag = *create.add_tags();
    tag.set_key(odd);
    tag.set_value(odd);
    static_cast<void>(call(create));
    v1::DescribeSecretRequest describe;
    describe.set_secret_id(create.name());
    const auto described = call(describe);
    EXPECT_EQ(described.description(), odd);
    ASSERT_EQ(described.tags().tags_size(), 1);
    EXPECT_EQ(described.tags().tags(0).key(), odd);
    EXPECT_EQ(described.tags().tags(0).value(), odd);
}

}  // namespace
}  // namespace coffer::secrets
