// coffer-hsm used wrongly: exit code 2, and a word about what is wrong.
#include "coffer_hsm_fixture.hpp"

namespace coffer::testing {
namespace {

using ::testing::HasSubstr;

class Usage : public ::testing::Test {
protected:
    static void SetUpTestSuite() { tool_ = std::make_unique<TokenUnderTool>(TokenKind::softhsm2); }
    static void TearDownTestSuite() { tool_.reset(); }
    static ProgramResult run(const Words& words) { return tool_->run_plain(words); }
    static const TokenUnderTool& tool() { return *tool_; }

private:
    inline static std::unique_ptr<TokenUnderTool> tool_;
};

TEST_F(Usage, HelpIsNotAnError) {
    for (const auto& words :
         {Words{"--help"}, Words{"init", "--help"}, Words{"check", "--help"}, Words{"list", "--help"}}) {
        const auto result = run(words);
        EXPECT_EQ(result.exit_code, 0);
        EXPECT_THAT(result.out, HasSubstr("coffer-hsm"));
    }
}

TEST_F(Usage, MissingAndUnknownWordsAre2) {
    for (const auto& words : {Words{}, Words{"format"}, Words{"check"}, Words{"list", "--modul", "x"},
                              Words{"list", "--module", "x", "--output", "xml"}}) {
        EXPECT_EQ(run(words).exit_code, 2);
    }
}

TEST_F(Usage, APinIsNotTakenFromTheCommandLine) {
    EXPECT_EQ(tool().run("list", {"--pin", "x"}).exit_code, 2);
    const auto in_uri = tool().run("list", {"--token-uri", "pkcs11:token=coffer-test?pin-value=x"});
    EXPECT_EQ(in_uri.exit_code, 1);
    EXPECT_THAT(in_uri.err, HasSubstr("pin-value"));
}

TEST_F(Usage, OnlyOnePinFitsIntoStandardInput) {
    const auto result = run(
        {"init", "--module", "x", "--token-uri", "pkcs11:token=x", "--pin-file", "-", "--so-pin-file", "-"});
    EXPECT_EQ(result.exit_code, 2);
    EXPECT_THAT(result.err, HasSubstr("--so-pin-file"));
}

// While it waits for the PIN.
TEST_F(Usage, LeavesNoCore) {
    const auto& token = tool().token();
    const auto fifo = (token.dir() / "pin.fifo").string();
    const std::string script =
        "mkfifo '" + fifo + "'; exec 3<>'" + fifo + "'; '" COFFER_HSM_PROGRAM "' check --module '" +
        token.module().string() + "' --token-uri pkcs11:token=x --pin-file - <'" + fifo +
        "' & for i in $(seq 200); do grep -q 'core file size *0  *0 ' /proc/$!/limits && "
        "break; sleep 0.05; done; grep 'core file size' /proc/$!/limits; kill $!; wait";
    const auto result = run_program({"/bin/bash", "-c", "ulimit -S -c unlimited 2>/dev/null; " + script},
                                    token.environment(), "", token.dir());
    EXPECT_THAT(result.out, ::testing::ContainsRegex("core file size +0 +0 ")) << result.err;
}

TEST_F(Usage, KeyNamesAreChecked) {
    const auto result = tool().run("init", {"--key", "a key"});
    EXPECT_EQ(result.exit_code, 2);
    EXPECT_THAT(result.err, HasSubstr("\"a key\""));
    const auto twice = tool().run("init", {"--key", "a", "--key", "a"});
    EXPECT_EQ(twice.exit_code, 2);
    EXPECT_THAT(twice.err, HasSubstr("twice"));
}

TEST_F(Usage, ASlotIsNoName) {
    const auto result = tool().run("list", {"--token-uri", "pkcs11:slot-id=0"});
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_THAT(result.err, HasSubstr("slot"));
}

TEST_F(Usage, APinWithoutATokenIs2) {
    const auto result = run({"list", "--module", tool().token().module().string(), "--pin-file",
                             tool().token().pin_file().string()});
    EXPECT_EQ(result.exit_code, 2);
    EXPECT_THAT(result.err, HasSubstr("--token-uri"));
}

}  // namespace
}  // namespace coffer::testing
