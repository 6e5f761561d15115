// Which modes and owners a file with a PIN or a key may have.

#include "daemon/base/private_file_rule.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>

namespace coffer {
namespace {

using ::testing::HasSubstr;
using ::testing::Optional;

struct stat status_of(mode_t mode, uid_t owner = ::geteuid()) {
    struct stat status {};
    status.st_mode = mode;
    status.st_uid = owner;
    return status;
}

class PrivateFileRule : public ::testing::Test {
protected:
    void SetUp() override { ::unsetenv("CREDENTIALS_DIRECTORY"); }
    void TearDown() override { ::unsetenv("CREDENTIALS_DIRECTORY"); }
    static void set_credentials(const char* folder) { ::setenv("CREDENTIALS_DIRECTORY", folder, 1); }
};

TEST_F(PrivateFileRule, TheOwnersAlone) {
    for (const mode_t mode : {0600U, 0400U, 0700U}) {
        EXPECT_EQ(privacy_problem("/etc/coffer/pin", status_of(S_IFREG | mode)), std::nullopt);
    }
    for (const mode_t mode : {0640U, 0604U, 0620U, 0602U, 0440U}) {
        EXPECT_THAT(privacy_problem("/etc/coffer/pin", status_of(S_IFREG | mode)),
                    Optional(HasSubstr("chmod 0600")));
    }
    EXPECT_THAT(privacy_problem("/etc/coffer/pin", status_of(S_IFREG | 04640)), Optional(HasSubstr("4640")));
    for (const mode_t type : {S_IFDIR, S_IFIFO, S_IFCHR, S_IFSOCK}) {
        EXPECT_THAT(privacy_problem("/etc/coffer/pin", status_of(type | 0600U)),
                    Optional(HasSubstr("regular file")));
    }
}

TEST_F(PrivateFileRule, OfThisUserOrRoot) {
    EXPECT_EQ(privacy_problem("/etc/coffer/pin", status_of(S_IFREG | 0600, 0)), std::nullopt);
    const auto foreign = privacy_problem("/etc/coffer/pin", status_of(S_IFREG | 0600, ::geteuid() + 1));
    if (::geteuid() == 0) {
        EXPECT_EQ(foreign, std::nullopt);
    } else {
        EXPECT_THAT(foreign, Optional(HasSubstr("another user")));
    }
}

// systemd.exec(5): by LoadCredential= a file may come as 0440, root's, with an access list for the service's
// user. Where it lies decides, and only it.
TEST_F(PrivateFileRule, ASystemdCredentialMayBeReadableByItsAccessList) {
    const auto credential = status_of(S_IFREG | 0440, 0);
    EXPECT_NE(privacy_problem("/run/credentials/cofferd.service/pin", credential), std::nullopt)
        << "no credentials were given";
    for (const auto* folder : {"/run/credentials/cofferd.service", "/run/credentials/cofferd.service/",
                               "/run//credentials/cofferd.service"}) {
        set_credentials(folder);
        EXPECT_EQ(privacy_problem("/run/credentials/cofferd.service/pin", credential), std::nullopt)
            << folder;
    }
    EXPECT_NE(privacy_problem("/run/credentials/cofferd.service/sub/pin", credential), std::nullopt);
    EXPECT_NE(privacy_problem("/run/credentials/cofferd.service/../pin", credential), std::nullopt);
    EXPECT_NE(privacy_problem("/run/credentials/cofferd.service2/pin", credential), std::nullopt);
    EXPECT_NE(privacy_problem("/etc/coffer/pin", credential), std::nullopt);
    for (const mode_t mode : {0444U, 0460U, 0450U, 0442U}) {
        EXPECT_NE(privacy_problem("/run/credentials/cofferd.service/pin", status_of(S_IFREG | mode, 0)),
                  std::nullopt)
            << mode;
    }
    set_credentials("");
    EXPECT_NE(privacy_problem("pin", credential), std::nullopt) << "an empty folder is none";
}

}  // namespace
}  // namespace coffer
