// coffer-hsm init: keys are made once, and never touched again.
#include <filesystem>
#include <fstream>

#include "coffer_hsm_fixture.hpp"

namespace coffer::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class Init : public OnBothTokens {};

INSTANTIATE_TEST_SUITE_P(Tokens, Init, ::testing::ValuesIn(all_token_kinds()), token_name);

/// For an Hsm whose fate is of no interest.
class QuietObserver : public crypto::HsmObserver {
public:
    void readiness_changed(bool /*ready*/, std::string /*reason*/) override {}
    void recovered(std::string /*recovery*/, std::string /*function*/, unsigned long /*code*/) override {}
    void job_done(std::chrono::nanoseconds /*queued*/, std::chrono::nanoseconds /*ran*/) override {}
    void integrity_failure(std::string /*what*/) override {}
};

std::unique_ptr<crypto::Hsm> open_hsm(crypto::HsmConfig config) {
    return crypto::Hsm::open(std::move(config), std::make_shared<QuietObserver>());
}

/// "what: state" of each item, one a line.
std::string states_of(const ProgramResult& result) {
    const auto report = json_of(result);
    std::string out;
    for (const auto& item : report.at("items").as_array()) {
        out += std::string(item.at("what").as_string()) + ": " + std::string(item.at("state").as_string()) +
               "\n";
    }
    return out;
}

TEST_P(Init, MakesAllKeysOnceAndLeavesThemThen) {
    const TokenUnderTool tool(GetParam());
    const auto first = tool.run("init", {"--output", "json"});
    ASSERT_EQ(first.exit_code, 0) << first.err;
    EXPECT_EQ(states_of(first), "master key alias/default: made\nseal key: made\naudit key: made\n");
    const auto keys = tool.run("list", {"--output", "json"}).out;

    const auto second = tool.run("init", {"--output", "json"});
    ASSERT_EQ(second.exit_code, 0) << second.err;
    EXPECT_EQ(states_of(second), "master key alias/default: exists\nseal key: exists\naudit key: exists\n");
    EXPECT_EQ(tool.run("list", {"--output", "json"}).out, keys) << "the same keys, with the same ids";
    EXPECT_EQ(tool.objects_in_token(), 4U) << "master key, seal key, and two halves of the audit key";
}

TEST_P(Init, AddsMasterKeysByName) {
    const TokenUnderTool tool(GetParam(), true);
    const auto result = tool.run("init", {"--key", "main", "--key", "hr/payroll", "--output", "json"});
    ASSERT_EQ(result.exit_code, 0) << result.err;
    EXPECT_EQ(states_of(result),
              "master key alias/main: exists\nmaster key alias/hr/payroll: made\nseal key: exists\naudit "
              "key: exists\n");
}

TEST_P(Init, MadeKeysServe) {
    const TokenUnderTool tool(GetParam());
    ASSERT_EQ(tool.run("init").exit_code, 0);
    tool.token().use();
    const auto hsm = open_hsm(tool.token().hsm_config());
    ASSERT_EQ(hsm->master_keys().size(), 1U);
    EXPECT_EQ(hsm->master_keys().front().name, "default");
}

TEST_P(Init, ReadsThePinFromStandardInput) {
    const TokenUnderTool tool(GetParam());
    Words words{"init", "--pin-file", "-"};
    for (const auto& word : tool.token_words()) words.push_back(word);
    const auto result = tool.run_plain(words, std::string(TestToken::pin()) + "\n");
    EXPECT_EQ(result.exit_code, 0) << result.err;
    const auto nothing = tool.run_plain(words, "");
    EXPECT_EQ(nothing.exit_code, 1);
    EXPECT_THAT(nothing.err, HasSubstr("standard input"));
}

TEST_P(Init, AWrongPinIsTriedOnce) {
    TokenUnderTool tool(GetParam());
    tool.token().write_pin_file("0000-wrong-pin");
    auto& shim = tool.through_shim();
    const auto result = tool.run("init");
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_THAT(result.err, AllOf(HasSubstr("PIN"), Not(HasSubstr("0000-wrong-pin"))));
    EXPECT_EQ(shim.calls("C_Login"), 1U);
}

TEST_P(Init, APinFileThatOthersCanReadIsRefused) {
    const TokenUnderTool tool(GetParam());
    std::filesystem::permissions(tool.token().pin_file(), std::filesystem::perms(0644));
    const auto result = tool.run("init");
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_THAT(result.err, AllOf(HasSubstr(tool.token().pin_file().string()), HasSubstr("0644")));
}

TEST_P(Init, AFailureHalfWayIsMendedByTheNextRun) {
    TokenUnderTool tool(GetParam());
    auto& shim = tool.through_shim();
    shim.set("fail C_GenerateKeyPair CKR_DEVICE_ERROR once");
    const auto failed = tool.run("init");
    EXPECT_EQ(failed.exit_code, 1);
    EXPECT_THAT(failed.err, HasSubstr("CKR_DEVICE_ERROR"));
    shim.set("");
    const auto mended = tool.run("init", {"--output", "json"});
    ASSERT_EQ(mended.exit_code, 0) << mended.err;
    EXPECT_EQ(states_of(mended), "master key alias/default: exists\nseal key: exists\naudit key: made\n");
}

/// A SoftHSM2 token, and its security officer's PIN in a file.
class WithOfficer : public ::testing::Test {
protected:
    WithOfficer() { write_officer_pin(TestToken::officer_pin()); }

    void write_officer_pin(std::string_view pin) const {
        std::ofstream(officer_pin_file(), std::ios::trunc) << pin << '\n';
        std::filesystem::permissions(officer_pin_file(), std::filesystem::perms(0600));
    }
    [[nodiscard]] std::filesystem::path officer_pin_file() const { return tool.token().dir() / "so-pin"; }
    [[nodiscard]] ProgramResult init(Words more) const {
        more.insert(more.end(), {"--so-pin-file", officer_pin_file().string(), "--output", "json"});
        return tool.run("init", more);
    }

    TokenUnderTool tool{TokenKind::softhsm2};
};

TEST_F(WithOfficer, MakesATokenAndLeavesItThen) {
    const Words words{"--token-uri", "pkcs11:token=second", "--initialize-token", "second"};
    const auto first = init(words);
    ASSERT_EQ(first.exit_code, 0) << first.err;
    EXPECT_THAT(states_of(first),
                HasSubstr("token \"second\": made\nmaster key alias/default: made, CKA_TRUSTED\n"));
    const auto again = init(words);
    ASSERT_EQ(again.exit_code, 0) << again.err;
    EXPECT_THAT(states_of(again), HasSubstr("token \"second\": exists\nmaster key alias/default: exists\n"));
    EXPECT_THAT(states_of(again), HasSubstr("CKA_TRUSTED: set on all master keys\n"));
}

TEST_F(WithOfficer, TrustedMasterKeysServeDataKeysThatNoOthersWrap) {
    ASSERT_EQ(init({"--key", "a", "--key", "b"}).exit_code, 0);
    EXPECT_EQ(tool.objects_in_token(), 5U)
        << "two master keys, seal key, audit key pair; nothing of the officer's";
    const auto found = json_of(tool.run("check", {"--output", "json", "--rate-ms", "0"}));
    EXPECT_TRUE(found.at("profile").at("wrap_with_trusted").as_bool());
    EXPECT_TRUE(found.at("profile").at("copy_master_keys").as_bool());

    tool.token().use();
    auto config = tool.token().hsm_config();
    config.profile.wrap_with_trusted = true;
    const auto hsm = open_hsm(config);
    const crypto::PayloadIdentity identity{.secret_arn = "arn", .version_id = "version"};
    const auto sealed = wait_for<crypto::SealedPayload>([&](auto completion) {
        hsm->envelope().seal(identity, crypto::SecretBytes::copy_of("value"), hsm->find_master_key("b")->id,
                             {}, std::move(completion));
    });
    const auto opened = wait_for<crypto::SecretBytes>([&](auto completion) {
        hsm->envelope().open(identity, std::make_shared<const crypto::SealedPayload>(sealed), {},
                             std::move(completion));
    });
    EXPECT_EQ(opened.text(), "value");
}

TEST_F(WithOfficer, ATokenThatDoesNotGoAlongGetsKeysWithoutTheMark) {
    tool.through_shim().set("fail C_CopyObject CKR_FUNCTION_NOT_SUPPORTED");
    const auto result = init({});
    ASSERT_EQ(result.exit_code, 0) << result.err;
    EXPECT_THAT(states_of(result),
                AllOf(HasSubstr("master key alias/default: made\n"), HasSubstr("CKA_TRUSTED: not set")));
    EXPECT_EQ(tool.objects_in_token(), 4U) << "the officer's key is gone";
}

TEST_F(WithOfficer, AWrongOfficersPinIsTriedOnceAndNothingIsMade) {
    write_officer_pin("0000-wrong-pin");
    auto& shim = tool.through_shim();
    const auto result = init({});
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_THAT(result.err, HasSubstr("security officer's PIN"));
    EXPECT_EQ(shim.calls("C_Login"), 2U) << "the user, to see what is missing, and the officer";
    EXPECT_EQ(tool.objects_in_token(), 0U);
}

TEST(InitToken, AnNssModuleHasNoRoomForOne) {
    const TokenUnderTool tool(TokenKind::nss);
    const auto result =
        tool.run("init", {"--initialize-token", "second", "--so-pin-file", tool.token().pin_file().string()});
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_THAT(result.err, HasSubstr("certutil"));
}

}  // namespace
}  // namespace coffer::testing
