// Modes and owners of the files that a configuration names.

#include "daemon/private_files.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <iostream>

#include "pki.hpp"

namespace coffer::daemon {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class PrivateFiles : public ::testing::Test {
protected:
    PrivateFiles() {
        for (const char* name : {"module", "profile", "pin", "cert", "key", "ca"}) {
            testing::write_private(folder_.path() / name, "x");
        }
        config_.hsm.module = folder_.path() / "module";
        config_.hsm.profile = folder_.path() / "profile";
        config_.hsm.pin_file = folder_.path() / "pin";
        config_.audit.directory = folder_.path();
        server::ListenerConfig listener;
        listener.name = "inner";
        listener.tls = {folder_.path() / "cert", folder_.path() / "key", {folder_.path() / "ca"}, {}};
        config_.listeners = {listener};
    }
    void set_mode(const char* name, mode_t mode) const {
        ASSERT_EQ(::chmod((folder_.path() / name).c_str(), mode), 0);
    }

    testing::TemporaryFolder folder_;
    server::Config config_;
};

TEST_F(PrivateFiles, GoodOnes) {
    EXPECT_THAT(file_problems(config_), IsEmpty());
    set_mode("cert", 0644);
    set_mode("ca", 0644);
    set_mode("pin", 0400);
    EXPECT_THAT(file_problems(config_), IsEmpty());
}

TEST_F(PrivateFiles, TheFolderOfTheAuditJournal) {
    config_.audit.directory = folder_.path() / "absent";
    EXPECT_THAT(file_problems(config_), ElementsAre(HasSubstr("[audit] 'directory'")));
    config_.audit.directory = folder_.path() / "pin";
    EXPECT_THAT(file_problems(config_), ElementsAre(HasSubstr("is not a folder")));
    config_.audit.enabled = false;
    EXPECT_THAT(file_problems(config_), IsEmpty());
}

TEST_F(PrivateFiles, ThePinThatOthersCanRead) {
    for (const mode_t mode : {0640U, 0604U, 0620U, 0602U, 0777U}) {
        set_mode("pin", mode);
        EXPECT_THAT(file_problems(config_), ElementsAre(HasSubstr("[hsm] 'pin_file'")));
    }
    EXPECT_THAT(file_problems(config_).front(), HasSubstr("has mode 0777"));
}

TEST_F(PrivateFiles, TheKeyThatOthersCanRead) {
    set_mode("key", 0644);
    EXPECT_THAT(file_problems(config_), ElementsAre(HasSubstr("listener 'inner' 'key'")));
    config_.listeners.front().tls.key = "pkcs11:token=coffer;object=tls";
    EXPECT_THAT(file_problems(config_), IsEmpty());
}

TEST_F(PrivateFiles, MissingOnesAndFolders) {
    ASSERT_EQ(::unlink((folder_.path() / "pin").c_str()), 0);
    config_.hsm.module = folder_.path();
    config_.listeners.front().tls.crl = {folder_.path() / "no.crl"};
    EXPECT_THAT(file_problems(config_),
                ElementsAre(HasSubstr("'module'"), HasSubstr("'pin_file'"), HasSubstr("'crl'")));
}

TEST_F(PrivateFiles, AProvidersKeysThatOthersCanWrite) {
    testing::write_private(folder_.path() / "jwks", "x");
    server::OidcProviderConfig provider;
    provider.issuer = "https://ci.example";
    provider.jwks_file = folder_.path() / "jwks";
    provider.ca_file = folder_.path() / "ca";
    config_.oidc_providers = {provider};
    for (const mode_t mode : {0644U, 0600U, 0444U}) {
        set_mode("jwks", mode);
        EXPECT_THAT(file_problems(config_), IsEmpty()) << mode;
    }
    for (const mode_t mode : {0664U, 0646U, 0666U}) {
        set_mode("jwks", mode);
        EXPECT_THAT(file_problems(config_),
                    ElementsAre(AllOf(HasSubstr("provider 'https://ci.example' 'jwks_file'"),
                                      HasSubstr("others than its owner may write it (chmod 0644 it)"))))
            << mode;
    }
    set_mode("jwks", 0644);
    set_mode("ca", 0622);
    EXPECT_THAT(file_problems(config_), ElementsAre(HasSubstr("'ca_file'")));
    config_.oidc_providers[0].ca_file.clear();
    config_.oidc_providers[0].jwks_file = folder_.path() / "absent";
    EXPECT_THAT(file_problems(config_), ElementsAre(HasSubstr("cannot be looked at")));
}

TEST_F(PrivateFiles, AnotherUsersKey) {
    if (::geteuid() != 0) GTEST_SKIP() << "only root can give a file away";
    ASSERT_EQ(::chown((folder_.path() / "key").c_str(), 12345, 12345), 0);
    ASSERT_EQ(::chown((folder_.path() / "pin").c_str(), 54321, 54321), 0);
    // Root, who checks for another user, is not asked; that user is.
    EXPECT_THAT(file_problems(config_), IsEmpty());
    EXPECT_EXIT(
        {
            if (::chmod(folder_.path().c_str(), 0755) != 0 || ::seteuid(54321) != 0) ::_exit(1);
            const auto problems = file_problems(config_);
            ::_exit(problems.size() == 1 &&
                            problems.front().find("belongs to another user") != std::string::npos
                        ? 0
                        : 2);
        },
        ::testing::ExitedWithCode(0), "");
}

// Root's PIN file of mode 0400 is the right one for systemd to hand over, and is closed to the daemon itself.
TEST_F(PrivateFiles, RootsFileThatTheDaemonCannotOpen) {
    if (::geteuid() != 0) GTEST_SKIP() << "only root can become another user";
    ASSERT_EQ(::chown((folder_.path() / "key").c_str(), 54321, 54321), 0);
    set_mode("pin", 0400);
    EXPECT_THAT(file_problems(config_), IsEmpty());
    EXPECT_EXIT(
        {
            if (::chmod(folder_.path().c_str(), 0755) != 0 || ::seteuid(54321) != 0) ::_exit(1);
            for (const auto& problem : file_problems(config_)) std::cerr << problem << "\n";
            ::_exit(0);
        },
        ::testing::ExitedWithCode(0),
        "^\\[hsm\\] 'pin_file': [^\n]*/pin cannot be opened by this user: Permission denied\\. "
        "[^\n]*LoadCredential=[^\n]*\n$");
}

}  // namespace
}  // namespace coffer::daemon
