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
        write_private(folder_.path() / "pin", "x");
        std::filesystem::create_symlink(COFFERD, folder_.path() / "module");  // a PIE has a library's header
        write_private(folder_.path() / "profile", "name = \"x\"\n");
        write_private(folder_.path() / "cert", pem_of(own_.certificate.get()));
        write_private(folder_.path() / "key", pem_of(own_.key.get()));
        write_private(folder_.path() / "ca", pem_of(ca_.certificate()));
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

    /// check-config says so of the file `name` when it holds `content`, and names it.
    void expect_refused(const std::string& name, const std::string& content, const std::string& said) const {
        const auto file = folder_.path() / name;
        const auto before = (std::ostringstream() << std::ifstream(file).rdbuf()).str();
        write_private(file, content);
        const auto refused = cofferd("check-config " + file_.string());
        EXPECT_EQ(refused.code, 78) << name;
        EXPECT_THAT(refused.output, AllOf(HasSubstr(file.string()), HasSubstr(said))) << name;
        write_private(file, before);
    }

    TestCa ca_{"a CA"};
    Identity own_ = ca_.issue({});
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

TEST_F(Commands, CheckConfigRefusesRotationsThatTheStartWouldRefuse) {
    const auto refused = [this](const std::string& more) {
        write(more);
        const auto outcome = cofferd("check-config " + file_.string());
        EXPECT_EQ(outcome.code, 78) << more << outcome.output;
        return outcome.output;
    };
    const std::string random = "[[rotation_function]]\nname = \"r\"\nkind = \"random\"\n";
    EXPECT_THAT(
        refused(random + "password_length = 2\n"),
        HasSubstr("[[rotation_function]] \"r\": no password keeps its rules: Password length is too short"));
    EXPECT_THAT(
        refused(random + "[[rotation_function.password_exception]]\nsecrets = \"a\"\npassword_length = 2\n"),
        HasSubstr(
            "[[rotation_function]] \"r\": no password keeps the rules of its exception for \"a\": Password "
            "length is too short"));
    EXPECT_THAT(refused(random + "exclude_numbers = true\nexclude_punctuation = true\n"
                                 "exclude_uppercase = true\nexclude_lowercase = true\n"),
                HasSubstr("All characters have been excluded"));
    EXPECT_THAT(refused(random + "exclude_characters = \"0123456789\"\n"),
                HasSubstr("All characters of the desired type have been excluded"));
    EXPECT_THAT(refused("[[rotation_function]]\nname = \"a\"\nkind = \"api\"\nurl = \"https://a.example\"\n"
                        "take = { k = \"/k\" }\ncreate = { path = \"/x/${foo\" }\n"),
                HasSubstr("[[rotation_function]] \"a\": create.path"));
    // 20 digits have 66 bits.
    const std::string few =
        "[[rotation_function]]\nname = \"p\"\nkind = \"postgresql\"\nscram_iterations = 4095\n";
    const std::string digits =
        "password_length = 20\nexclude_lowercase = true\nexclude_uppercase = true\nexclude_punctuation = "
        "true\n";
    EXPECT_THAT(
        refused(few + digits),
        HasSubstr("[[rotation_function]] \"p\": 'scram_iterations' of 4095 is for passwords that have "
                  "128 bits or more, and those of its rules have 66: "));
    EXPECT_THAT(refused(few + "[[rotation_function.password_exception]]\nsecrets = \"a\"\n" + digits),
                HasSubstr("those of the rules of its exception for \"a\" have 66: "));
    const std::string blackout = "[[rotation_blackout]]\nname = \"b\"\n";
    EXPECT_THAT(refused(blackout + "schedule = \"cron(0 0 31 2 ? *)\"\nlasts = \"2h\"\n"),
                HasSubstr("[[rotation_blackout]] \"b\": schedule: "));
    EXPECT_THAT(refused(blackout + "schedule = \"cron(0 0 * * ? *)\"\nlasts = \"25h\"\n"),
                HasSubstr("begins again before it is over"));
    write(random + blackout + "schedule = \"cron(0 0 * * ? *)\"\nlasts = \"23h\"\n");
    const auto good = cofferd("check-config " + file_.string());
    EXPECT_EQ(good.code, 0) << good.output;
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

// Where the PIN is systemd's to give, root and the daemon's user are told how to ask for it.
TEST_F(Commands, WhatNeedsThePinSaysHowSystemdGivesIt) {
    auto text = (std::ostringstream() << std::ifstream(file_).rdbuf()).str();
    text.replace(text.find("\"pin\""), 5, "\"$CREDENTIALS_DIRECTORY/pin\"");
    write_private(file_, text);
    for (const char* command : {"bootstrap --recover --name rescue --identity spiffe://a/b",
                                "accept-principals", "remove-listener-policy --listener-name inner"}) {
        const auto refused = cofferd(std::string(command) + " --config " + file_.string());
        EXPECT_EQ(refused.code, 78) << command;
        EXPECT_THAT(refused.output,
                    AllOf(HasSubstr("[hsm] 'pin_file': $CREDENTIALS_DIRECTORY/pin"),
                          HasSubstr("systemd-run --pipe --uid=coffer -p LoadCredential=pin:FILE")))
            << command;
    }
    // What listeners show is no business of theirs.
    text.replace(text.find("\"$CREDENTIALS_DIRECTORY/pin\""), 28, "\"pin\"");
    text.replace(text.find("\"key\""), 5, "\"$CREDENTIALS_DIRECTORY/key\"");
    write_private(file_, text);
    EXPECT_EQ(cofferd("accept-principals --config " + file_.string()).code, ::geteuid() == 0 ? 77 : 69);
}

// A restart ends the daemon that runs before it finds out.
TEST_F(Commands, CheckConfigLooksIntoTheFiles) {
    expect_refused("profile", "thraeds = 1\n", "thraeds");
    expect_refused("cert", "no certificate", "holds no certificate");
    expect_refused("key", "no key", "holds no PEM private key");
    expect_refused("key", pem_of(ca_.issue({}).key.get()), "does not belong to the certificate");
    expect_refused("ca", pem_of(own_.certificate.get()), "not a CA's");
    write_private(folder_.path() / "list", ca_.crl({}));
    write(
        "crl = \"list\"\n[[oidc_provider]]\nissuer = \"https://a.b\"\naudiences = [\"x\"]\njwks_file = "
        "\"jwks\"\n");
    write_private(folder_.path() / "jwks", "{\"keys\":[]}");
    const auto good = cofferd("check-config " + file_.string());
    EXPECT_THAT(good.output, HasSubstr("jwks")) << "a set without a key";
    write("crl = \"list\"\n");
    EXPECT_EQ(cofferd("check-config " + file_.string()).output, file_.string() + ": OK\n");
    expect_refused("list", TestCa("a CA").crl({}), "not signed by the CA");
}

// System V ABI, "ELF Header": the magic, the class (32 or 64 bits) at 4, e_type at 16, e_machine at 18.
TEST_F(Commands, CheckConfigLooksWhetherTheModuleIsALibrary) {
    const auto module = folder_.path() / "module";
    std::string header(64, '\0');
    std::ifstream(module, std::ios::binary).read(header.data(), 64);
    ASSERT_TRUE(
        header.starts_with("\x7f"
                           "ELF"));
    std::filesystem::remove(module);
    write_private(module, header);
    ASSERT_EQ(cofferd("check-config " + file_.string()).code, 0);
    const auto with = [&header](std::size_t at, char byte) {
        auto other = header;
        other[at] = byte;
        return other;
    };
    expect_refused("module", "INPUT(libsofthsm2.so)", "is no shared library (ELF)");
    expect_refused("module", with(4, header[4] == 1 ? 2 : 1), "another kind of processor");
    expect_refused("module", with(18, static_cast<char>(header[18] + 1)), "another kind of processor");
    expect_refused("module", with(16, 1), "a program or an object file");
}

TEST_F(Commands, CheckConfigLooksAtTheCasOfFunctions) {
    write(
        "[[rotation_function]]\nname = \"c\"\nkind = \"certificate\"\nprogram = \"p\"\n"
        "ca_file = \"absent.pem\"\nallowed_names = [\"a.b\"]\n");
    const auto refused = cofferd("check-config " + file_.string());
    EXPECT_EQ(refused.code, 78);
    EXPECT_THAT(refused.output, HasSubstr("absent.pem"));
    EXPECT_EQ(cofferd("migrate --config " + file_.string()).code, 69) << "needs none of this";
}

TEST_F(Commands, AConnectionStringThatCanNeverWorkIsAWrongConfiguration) {
    auto text = (std::ostringstream() << std::ifstream(file_).rdbuf()).str();
    const std::string good = "host=/nonexistent dbname=coffer";
    text.replace(text.find(good), good.size(), "hots=x");
    write_private(file_, text);
    for (const char* command : {"check-config ", "migrate --config "}) {
        const auto refused = cofferd(command + file_.string());
        EXPECT_EQ(refused.code, 78) << command;
        EXPECT_THAT(refused.output, HasSubstr("cofferd.toml:10: [database] 'conninfo': ")) << command;
    }
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
