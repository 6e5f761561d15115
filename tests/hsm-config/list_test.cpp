// coffer-hsm list: what is there, right or wrong.
#include "coffer_hsm_fixture.hpp"
#include "crypto/attributes.hpp"

namespace coffer::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class List : public OnBothTokens {};

INSTANTIATE_TEST_SUITE_P(Tokens, List, ::testing::ValuesIn(all_token_kinds()), token_name);

TEST_P(List, ShowsTokensWithoutAPin) {
    const TokenUnderTool tool(GetParam());
    Words words{"list", "--output", "json"};
    for (const auto& word : tool.token_words()) words.push_back(word);
    const auto result = tool.run_plain(words);
    ASSERT_EQ(result.exit_code, 0) << result.err;
    const auto tokens = json_of(result).at("tokens").as_array();
    ASSERT_EQ(tokens.size(), 1U);
    EXPECT_EQ(tokens[0].at("label").as_string(),
              GetParam() == TokenKind::nss ? "NSS Certificate DB" : "coffer-test");
    EXPECT_FALSE(json_of(result).contains("keys"));
}

TEST_P(List, ShowsCoffersKeysAndTheirMarks) {
    const TokenUnderTool tool(GetParam(), true);
    const auto result = tool.run("list", {"--output", "json"});
    ASSERT_EQ(result.exit_code, 0) << result.err;
    const auto keys = json_of(result).at("keys").as_array();
    ASSERT_EQ(keys.size(), 4U);
    const auto& master = keys[2].as_object();
    EXPECT_EQ(master.at("label").as_string(), "coffer/master/main/1");
    EXPECT_EQ(master.at("kind").as_string(), "master");
    EXPECT_EQ(master.at("generation").as_int64(), 1);
    EXPECT_EQ(master.at("id").as_string().size(), 36U) << "a UUID";
    EXPECT_EQ(boost::json::serialize(master.at("attributes")), R"(["sensitive","wrap","unwrap"])");
    const auto marks = [&](std::size_t key) { return boost::json::serialize(keys[key].at("attributes")); };
    EXPECT_EQ(marks(0), R"(["sensitive","sign"])") << keys[0];
    EXPECT_EQ(marks(1), R"(["verify"])") << keys[1];
    EXPECT_EQ(marks(3), R"(["sensitive","sign","verify"])") << keys[3];
    const auto table = tool.run("list");
    EXPECT_THAT(table.out, HasSubstr("coffer/seal/1"));
    EXPECT_THAT(table.out, Not(HasSubstr("refuse")));
}

TEST_P(List, AnEmptyTokenSaysWhatToDo) {
    const TokenUnderTool tool(GetParam());
    const auto result = tool.run("list");
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_THAT(result.out, HasSubstr("coffer-hsm init"));
}

TEST_P(List, TwoKeysOfOneLabelAreShownAndNamedAsAProblem) {
    const TokenUnderTool tool(GetParam(), true);
    tool.token().with_session([](const crypto::Session& session, const crypto::Module&, crypto::SlotId) {
        crypto::Template key;
        key.number(CKA_CLASS, CKO_SECRET_KEY)
            .number(CKA_KEY_TYPE, CKK_GENERIC_SECRET)
            .number(CKA_VALUE_LEN, 32)
            .text(CKA_LABEL, "coffer/seal/1")
            .boolean(CKA_TOKEN, true)
            .boolean(CKA_PRIVATE, true);
        CK_MECHANISM mechanism{CKM_GENERIC_SECRET_KEY_GEN, nullptr, 0};
        CK_OBJECT_HANDLE handle = 0;
        ASSERT_EQ(
            session.functions().C_GenerateKey(session.handle(), &mechanism, key.data(), key.size(), &handle),
            CK_RV{CKR_OK});
    });
    const auto result = tool.run("list", {"--output", "json"});
    EXPECT_EQ(result.exit_code, 1);
    const auto report = json_of(result);
    EXPECT_EQ(report.at("keys").as_array().size(), 5U);
    EXPECT_THAT(std::string(report.at("problem").as_string()), HasSubstr("coffer/seal/1"));
}

}  // namespace
}  // namespace coffer::testing
