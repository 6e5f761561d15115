// coffer-hsm used wrongly: exit code 2, and a word about what is wrong.
#include <csignal>

#include "coffer_hsm_fixture.hpp"
#include "tests/support/terminal_job.hpp"

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

TEST_F(Usage, ATerminalDoesNotShowThePin) {
    const auto& token = tool().token();
    Words command{"/usr/bin/env"};
    for (const auto& [name, value] : token.environment()) command.push_back(name + "=" + value);
    for (const auto& word : Words{COFFER_HSM_PROGRAM, "list", "--module", token.module().string(),
                                  "--token-uri", token.uri(), "--pin-file", "-"}) {
        command.push_back(word);
    }
    TerminalJob answered(command);
    answered.await("PIN: ");
    answered.type(std::string(TestToken::pin()) + "\n");
    EXPECT_EQ(answered.await_change(), 0) << answered.shown();
    EXPECT_THAT(answered.shown(), ::testing::Not(HasSubstr(std::string(TestToken::pin()))));
    TerminalJob interrupted(command);
    interrupted.await("PIN: ");
    EXPECT_FALSE(interrupted.is_as_before());
    interrupted.type("1234\x03");
    EXPECT_EQ(interrupted.await_change(), SIGINT);
    EXPECT_TRUE(interrupted.is_as_before());
}

// A new token's PINs are not to be guessed afterwards.
TEST_F(Usage, NewPinsAreAskedForTwice) {
    TerminalJob job({COFFER_HSM_PROGRAM, "init", "--module", tool().token().module().string(), "--token-uri",
                     "pkcs11:token=new", "--initialize-token", "new", "--so-pin-file",
                     tool().token().pin_file().string(), "--pin-file", "-"});
    job.await("PIN: ");
    job.type("one\n");
    job.await("PIN, again: ");
    job.type("two\n");
    job.await("not the same");
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
