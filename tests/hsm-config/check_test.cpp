// coffer-hsm check: what it finds on real tokens, and on tokens that are as others' manuals describe theirs.
#include "coffer_hsm_fixture.hpp"

namespace coffer::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class Check : public OnBothTokens {
protected:
    /// The report of a check whose steps are as fast as they can be.
    static boost::json::object report(const TokenUnderTool& tool, int exit_code, const Words& more = {}) {
        const auto result = tool.run("check", with_defaults(more, {"--output", "json", "--rate-ms", "0"}));
        EXPECT_EQ(result.exit_code, exit_code) << result.out << result.err;
        return json_of(result);
    }
    static std::string text(const boost::json::object& object, std::string_view name) {
        return std::string(object.at(name).as_string());
    }
};

INSTANTIATE_TEST_SUITE_P(Tokens, Check, ::testing::ValuesIn(all_token_kinds()), token_name);

TEST_P(Check, PassesOnATokenWithKeysAndWritesAProfileThatTheDaemonReads) {
    const TokenUnderTool tool(GetParam(), true);
    const auto file = tool.token().dir() / "measured.toml";
    const auto found = report(
        tool, 0,
        {"--rate-ms", "5", "--sessions", "2", "--write-profile", file.string(), "--name", "mine \"1\""});
    EXPECT_TRUE(found.at("usable").as_bool());
    EXPECT_EQ(text(step_of(found, "Coffer's keys"), "result"), "ok");
    EXPECT_GT(found.at("rates").as_array().size(), 8U);
    const auto profile = crypto::load_profile(file);
    EXPECT_EQ(profile.name, "mine \"1\"");
    EXPECT_EQ(profile.iv_mode, crypto::IvMode::caller);
    EXPECT_EQ(profile.max_call_bytes, 65536U);
    EXPECT_TRUE(profile.copy_master_keys);
    EXPECT_FALSE(profile.wrap_with_trusted);
    EXPECT_EQ(profile.module_arguments.empty(), GetParam() != TokenKind::nss);
}

TEST_P(Check, PassesOnAnEmptyTokenAndLeavesItEmpty) {
    const TokenUnderTool tool(GetParam());
    const auto found = report(tool, 0);
    EXPECT_EQ(text(step_of(found, "Coffer's keys"), "result"), "note");
    EXPECT_THAT(text(step_of(found, "Coffer's keys"), "advice"), HasSubstr("coffer-hsm init"));
    EXPECT_EQ(tool.objects_in_token(), 0U);
}

// What the two enforce was measured by hand; see docs/tokens.md.
TEST_P(Check, SaysWhatTheTokenEnforces) {
    const TokenUnderTool tool(GetParam());
    const auto found = report(tool, 0);
    const bool nss = GetParam() == TokenKind::nss;
    EXPECT_EQ(text(step_of(found, "secrecy"), "result"), nss ? "note" : "ok");
    EXPECT_EQ(text(step_of(found, "templates"), "result"), nss ? "note" : "ok");
    EXPECT_THAT(text(step_of(found, "trusted wrapping"), "detail"),
                HasSubstr(nss ? "not enforced" : "is enforced"));
    EXPECT_THAT(text(step_of(found, "wrap"), "detail"), HasSubstr("RFC 3394 matches"));
    EXPECT_THAT(text(step_of(found, "seals"), "detail"), HasSubstr("RFC 4231 matches"));
    EXPECT_THAT(text(step_of(found, "tampering"), "detail"),
                HasSubstr(nss ? "tag CKR_ENCRYPTED_DATA_INVALID" : "tag CKR_GENERAL_ERROR"));
}

TEST_P(Check, AWrongPinFailsTheLoginAfterOneTry) {
    TokenUnderTool tool(GetParam());
    tool.token().write_pin_file("0000-wrong-pin");
    auto& shim = tool.through_shim();
    const auto found = report(tool, 1);
    EXPECT_FALSE(found.at("usable").as_bool());
    EXPECT_EQ(text(found.at("steps").as_array().back().as_object(), "name"), "login");
    EXPECT_EQ(text(step_of(found, "login"), "result"), "failed");
    EXPECT_EQ(shim.calls("C_Login"), 1U);
}

TEST_P(Check, AMissingMechanismIsNamed) {
    TokenUnderTool tool(GetParam(), true);
    tool.through_shim().set("hide-mechanism CKM_AES_GCM\nhide-mechanism CKM_SHA256_HMAC");
    const auto found = report(tool, 1);
    EXPECT_EQ(text(step_of(found, "mechanisms"), "result"), "failed");
    EXPECT_THAT(text(step_of(found, "mechanisms"), "detail"),
                AllOf(HasSubstr("CKM_AES_GCM (0x1087)"), HasSubstr("CKM_SHA256_HMAC (0x251)")));
    EXPECT_EQ(found.at("steps").as_array().back().at("name").as_string(), "mechanisms")
        << "no login for nothing";
}

TEST_P(Check, SaysWhoCannotDoWithoutAMissingMechanism) {
    TokenUnderTool tool(GetParam(), true);
    tool.through_shim().set("hide-mechanism CKM_ECDSA");
    EXPECT_THAT(text(step_of(report(tool, 1), "mechanisms"), "advice"), HasSubstr("the daemon cannot"));
    tool.through_shim().set("hide-mechanism CKM_EC_KEY_PAIR_GEN");
    EXPECT_THAT(text(step_of(report(tool, 1), "mechanisms"), "advice"),
                HasSubstr("coffer-hsm init and the rotation of these keys cannot"));
}

TEST_P(Check, FindsATokenThatWritesItsIvBack) {
    TokenUnderTool tool(GetParam());
    tool.through_shim().set("iv written-back\nmax-call-bytes 16224");  // AWS CloudHSM's limit
    const auto profile = report(tool, 0).at("profile").as_object();
    EXPECT_EQ(text(profile, "iv_mode"), "written-back");
    EXPECT_EQ(profile.at("max_call_bytes").as_int64(), 16224);
}

TEST_P(Check, FindsATokenThatAppendsItsIv) {
    TokenUnderTool tool(GetParam());
    tool.through_shim().set("iv appended");
    const auto found = report(tool, 0);
    EXPECT_EQ(text(found.at("profile").as_object(), "iv_mode"), "appended");
    EXPECT_EQ(text(step_of(found, "IV mode"), "detail"), "\"appended\", 16 bytes");
}

// Thales Luna's number and its template; AWS CloudHSM's number.
TEST_P(Check, FindsAKeyWrapByItsVendorsNumber) {
    TokenUnderTool tool(GetParam());
    tool.through_shim().set("renumber-mechanism CKM_AES_KEY_WRAP 0x80000170\nunwrap-wants-value-len");
    const auto found = report(tool, 0);
    EXPECT_THAT(text(step_of(found, "key wrap"), "detail"),
                AllOf(HasSubstr("0x80000170"), HasSubstr("CKA_VALUE_LEN")));
    EXPECT_THAT(text(step_of(found, "wrap"), "detail"), HasSubstr("RFC 3394 matches"));
    EXPECT_EQ(found.at("profile").at("key_wrap_mechanism").as_int64(), 0x80000170);
    EXPECT_TRUE(found.at("profile").at("unwrap_with_value_len").as_bool());

    tool.through_shim().set("renumber-mechanism CKM_AES_KEY_WRAP 0x80002109");
    const auto file = tool.token().dir() / "measured.toml";
    static_cast<void>(report(tool, 0, {"--write-profile", file.string()}));
    EXPECT_EQ(crypto::load_profile(file).key_wrap,
              (crypto::KeyWrap{.mechanism = 0x80002109, .unwrap_with_value_len = false}));
}

TEST_P(Check, SaysByWhichNumbersItLookedForTheKeyWrap) {
    TokenUnderTool tool(GetParam());
    tool.through_shim().set("renumber-mechanism CKM_AES_KEY_WRAP 0x80001234");
    const auto found = report(tool, 1);
    EXPECT_THAT(text(step_of(found, "mechanisms"), "detail"),
                AllOf(HasSubstr("0x2109"), HasSubstr("0x80000170"), HasSubstr("0x80002109")));
}

// Another vendor may use such a number for something else: here for the relative with padding, RFC 5649.
TEST_P(Check, TakesNoOtherMechanismForAKeyWrap) {
    TokenUnderTool tool(GetParam());
    tool.through_shim().set(
        "hide-mechanism CKM_AES_KEY_WRAP\nrenumber-mechanism CKM_AES_KEY_WRAP_KWP 0x80002109\n"
        "renumber-mechanism CKM_AES_KEY_WRAP_PAD 0x80000170");
    const auto found = report(tool, 1);
    EXPECT_FALSE(found.at("usable").as_bool());
    EXPECT_THAT(text(step_of(found, "wrap"), "detail"), HasSubstr("not that of RFC 3394"));
}

TEST_P(Check, AnHmacOfShortCallsIsNamedWithTheLengthThatIsNeeded) {
    TokenUnderTool tool(GetParam());
    tool.through_shim().set("max-hmac-bytes 4095");
    const auto found = report(tool, 1);
    EXPECT_EQ(text(step_of(found, "seals"), "result"), "failed");
    EXPECT_THAT(text(step_of(found, "seals"), "detail"),
                AllOf(HasSubstr("4096 bytes"), HasSubstr("CKR_DATA_LEN_RANGE")));
}

TEST_P(Check, CountsSessions) {
    TokenUnderTool tool(GetParam());
    auto& shim = tool.through_shim();
    shim.set("max-sessions 4");
    const auto found = report(tool, 0, {"--rate-ms", "5"});
    EXPECT_EQ(text(step_of(found, "sessions"), "detail"), "3 beside that of the login");
    EXPECT_LE(found.at("profile").at("threads").as_int64(), 2);
    EXPECT_EQ(shim.calls("sessions_open"), 0U) << "all closed again";
}

TEST_P(Check, ASlowTokenIsWorthSeveralSessions) {
    TokenUnderTool tool(GetParam());
    // A round trip to a network HSM; one session waits for its own only.
    tool.through_shim().set("latency C_Decrypt 10ms");
    const auto found = report(tool, 0, {"--rate-ms", "200", "--sessions", "8"});
    EXPECT_GE(found.at("profile").at("threads").as_int64(), 4);
}

TEST_P(Check, ATokenThatDoesNotCopyIsUsedWithout) {
    TokenUnderTool tool(GetParam());
    tool.through_shim().set("fail C_CopyObject CKR_FUNCTION_NOT_SUPPORTED");
    const auto found = report(tool, 0);
    EXPECT_EQ(text(step_of(found, "copy"), "result"), "note");
    EXPECT_FALSE(found.at("profile").at("copy_master_keys").as_bool());
}

TEST_P(Check, ADeviceThatFailsIsNamedWithCallAndCode) {
    TokenUnderTool tool(GetParam());
    tool.through_shim().set("fail C_WrapKey CKR_DEVICE_ERROR");
    const auto result = tool.run("check", {"--rate-ms", "0"});
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_THAT(result.out, AllOf(HasSubstr("FAILED"), HasSubstr("C_WrapKey answered CKR_DEVICE_ERROR")));
}

TEST_P(Check, ATokenThatIsNotThereIsNamedWithThoseThatAre) {
    const TokenUnderTool tool(GetParam());
    const auto found = report(tool, 1, {"--token-uri", "pkcs11:token=elsewhere"});
    EXPECT_EQ(text(step_of(found, "find token"), "result"), "failed");
    EXPECT_THAT(text(step_of(found, "find token"), "detail"),
                HasSubstr(GetParam() == TokenKind::nss ? "NSS Certificate DB" : "coffer-test"));
}

TEST(CheckModule, AFileThatIsNoModuleFailsTheFirstStep) {
    const TokenUnderTool tool(TokenKind::softhsm2);
    const auto result = tool.run("check", {"--module", tool.token().pin_file().string(), "--output", "json"});
    EXPECT_EQ(result.exit_code, 1);
    const auto steps = json_of(result).at("steps").as_array();
    ASSERT_EQ(steps.size(), 1U);
    EXPECT_EQ(steps[0].at("name").as_string(), "load");
    EXPECT_EQ(steps[0].at("result").as_string(), "failed");
}

TEST(CheckModule, NssWithoutItsArgumentsFailsToInitializeAndSaysWhatItWants) {
    const TokenUnderTool tool(TokenKind::nss);
    const auto result = tool.run_plain({"check", "--module", tool.token().module().string(), "--token-uri",
                                        tool.token().uri(), "--pin-file", tool.token().pin_file().string()});
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_THAT(result.out, AllOf(HasSubstr("initialize  FAILED"), HasSubstr("module_arguments")));
}

}  // namespace
}  // namespace coffer::testing
