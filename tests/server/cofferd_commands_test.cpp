// cofferd's commands as an operator types them: output and exit codes. Nothing is served here.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>

#include "pki.hpp"

namespace coffer::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

struct Outcome {
    int code = -1;
    std::string output;
};

Outcome cofferd(const std::string& arguments) {
    const std::string command = std::string(COFFERD) + " " + arguments + " 2>&1 </dev/null";
    FILE* pipe = ::popen(command.c_str(), "r");
    if (pipe == nullptr) return {};
    Outcome outcome;
    std::array<char, 4096> buffer{};
    for (std::size_t got = 0; (got = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0;) {
        outcome.output.append(buffer.data(), got);
    }
    const int status = ::pclose(pipe);
    outcome.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return outcome;
}

class Commands : public ::testing::Test {
protected:
    Commands() {
        for (const char* name : {"module", "profile", "pin", "cert", "key", "ca"}) {
            write_private(folder_.path() / name, "x");
        }
        write("");
    }
    void write(const std::string& more) const {
        write_private(file_, R"([node]
account = "111122223333"
region = "us-east-1"
[hsm]
module = "module"
token = "pkcs11:token=coffer"
pin_file = "pin"
profile = "profile"
[database]
conninfo = "host=/nonexistent dbname=coffer"
[audit]
directory = "."
state_directory = "."
[[listener]]
name = "inner"
address = "127.0.0.1"
port = 0
certificate = "cert"
key = "key"
client_ca = "ca"
)" + more);
    }

    TemporaryFolder folder_;
    std::filesystem::path file_ = folder_.path() / "cofferd.toml";
};

TEST_F(Commands, CheckConfig) {
    const auto good = cofferd("check-config " + file_.string());
    EXPECT_EQ(good.code, 0) << good.output;
    EXPECT_EQ(good.output, file_.string() + ": OK\n");
    write("[limits]\nmax_fraem = \"1MiB\"\n");
    const auto typo = cofferd("check-config " + file_.string());
    EXPECT_EQ(typo.code, 78);
    EXPECT_THAT(
        typo.output,
        HasSubstr(file_.string() + ":22: unknown key 'max_fraem' in [limits]; did you mean 'max_frame'?"));
    write("");
    ASSERT_EQ(::chmod((folder_.path() / "pin").c_str(), 0644), 0);
    const auto readable = cofferd("check-config --config " + file_.string());
    EXPECT_EQ(readable.code, 78);
    EXPECT_THAT(readable.output, HasSubstr("has mode 0644"));
    EXPECT_EQ(cofferd("check-config /nonexistent").code, 78);
}

TEST_F(Commands, CheckConfigOutsideOfSystemd) {
    write("");
    auto text = (std::ostringstream() << std::ifstream(file_).rdbuf()).str();
    text.replace(text.find("\"pin\""), 5, "\"$CREDENTIALS_DIRECTORY/pin\"");
    write_private(file_, text);
    const auto by_hand = cofferd("check-config " + file_.string());
    EXPECT_EQ(by_hand.code, 0) << by_hand.output;
    EXPECT_THAT(by_hand.output,
                AllOf(HasSubstr("[hsm] 'pin_file': $CREDENTIALS_DIRECTORY/pin was not looked at"),
                      HasSubstr("systemd-run"), HasSubstr(": OK, but")));
    ASSERT_EQ(::chmod((folder_.path() / "key").c_str(), 0644), 0);
    const auto rest = cofferd("check-config " + file_.string());
    EXPECT_EQ(rest.code, 78) << "the rest is checked";
    EXPECT_THAT(rest.output, HasSubstr("has mode 0644"));
    ASSERT_EQ(::chmod((folder_.path() / "key").c_str(), 0600), 0);
    ::setenv("CREDENTIALS_DIRECTORY", folder_.path().c_str(), 1);
    const auto with_systemd = cofferd("check-config " + file_.string());
    ::unsetenv("CREDENTIALS_DIRECTORY");
    EXPECT_EQ(with_systemd.output, file_.string() + ": OK\n");
}

TEST_F(Commands, HelpListsTheOptionsThatThereAre) {
    for (const char* command : {"", "run", "migrate", "check-config"}) {
        EXPECT_THAT(cofferd(std::string(command) + " --help").output,
                    AllOf(HasSubstr("Usage: cofferd"), HasSubstr("-c,--config FILE")))
            << command;
    }
    EXPECT_THAT(cofferd("version --help").output, Not(HasSubstr("--config FILE  ")));
    EXPECT_EQ(cofferd("check-config").code, 64);
    EXPECT_EQ(cofferd("--config " + file_.string() + " check-config").code, 0) << "before the command, too";
}

TEST_F(Commands, VersionAndUsage) {
    const auto version = cofferd("version");
    EXPECT_EQ(version.code, 0);
    EXPECT_THAT(version.output, ::testing::StartsWith("cofferd "));
    const auto help = cofferd("--help");
    EXPECT_EQ(help.code, 0);
    EXPECT_THAT(help.output, HasSubstr("Examples:"));
    EXPECT_EQ(cofferd("").code, 64);
    EXPECT_EQ(cofferd("--cnofig x").code, 64);
    EXPECT_EQ(cofferd("serve").code, 64);
}

TEST_F(Commands, RunningAsRootIsRefused) {
    if (::geteuid() != 0) GTEST_SKIP() << "this is not root";
    const auto refused = cofferd("run --config " + file_.string());
    EXPECT_EQ(refused.code, 77);
    EXPECT_THAT(refused.output, HasSubstr("does not run as root"));
}

TEST_F(Commands, MigratingAnUnreachableDatabase) {
    const auto failed = cofferd("migrate --config " + file_.string());
    EXPECT_EQ(failed.code, 69) << failed.output;
    EXPECT_THAT(failed.output, HasSubstr("cofferd: "));
}

TEST_F(Commands, BootstrapAsksForAnIdentity) {
    const auto missing = cofferd("bootstrap --config " + file_.string());
    EXPECT_EQ(missing.code, 64);
    EXPECT_THAT(missing.output, HasSubstr("--identity"));
    const auto root = ::geteuid() == 0;
    const auto wrong = cofferd("bootstrap --identity nobody --config " + file_.string());
    EXPECT_EQ(wrong.code, root ? 77 : 69);
    EXPECT_THAT(wrong.output, HasSubstr(root ? "does not run as root" : "--identity: must be a SPIFFE ID"));
}

TEST_F(Commands, AListOfAdministratorsIsRefusedWithWhatReplacedIt) {
    write("[access]\nadministrators = [\"alice\"]\n");
    const auto refused = cofferd("check-config " + file_.string());
    EXPECT_EQ(refused.code, 78);
    EXPECT_THAT(refused.output, HasSubstr("cofferd bootstrap"));
}

}  // namespace
}  // namespace coffer::testing
