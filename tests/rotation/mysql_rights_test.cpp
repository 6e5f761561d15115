// What MariaDB stores of a password, and what its grants say. The expectations are what MariaDB 10.11 itself
// makes of these passwords, and prints of these grants.

#include <gmock/gmock.h>

#include "daemon/rotation/function.hpp"
#include "daemon/rotation/mysql_grants.hpp"
#include "daemon/rotation/mysql_session.hpp"
#include "daemon/rotation/mysql_verifier.hpp"

namespace coffer::rotation {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Lines = std::vector<std::string>;

const MysqlAccountName kApp{"app", "%"};
const MysqlAccountName kClone{"app_clone", "%"};

/// As `GRANT` lines of an account, without those that are of no interest.
MysqlGrants grants(const Lines& lines, const MysqlAccountName& account = kApp) {
    return MysqlGrants::parse(lines, account);
}

TEST(MysqlVerifier, OfTheNativePluginIsPasswordsDigestTwice) {
    EXPECT_EQ(mysql_native_verifier("test"), "*94BDCEBE19083CE2A1F959FD02F964C7AF4CFC29");
    EXPECT_EQ(mysql_native_verifier("old"), "*CD02AC33DE7D3D2AFEDF5F2BAB51B07CDB499E79");
}

TEST(MysqlVerifier, OfEd25519IsThePublicKey) {
    EXPECT_EQ(mysql_ed25519_verifier("secret"), "ZIgUREUg5PVgQ6LskhXmO+eZLS0nC8be6HPjYWR4YJY");
    EXPECT_EQ(mysql_ed25519_verifier("old"), "dlNojf0wXTZgcRfYqLyUfMBmV1l8ergCEesvpvjbwdc");
    EXPECT_EQ(mysql_ed25519_verifier("new"), "2Myhib04x6YbkKFUPRi2sDYC70U9V12xITjrzW+EOtY");
}

TEST(MysqlVerifier, OthersAreMadeByTheirServerAlone) {
    EXPECT_FALSE(mysql_verifier("unix_socket", "x"));
    EXPECT_FALSE(mysql_verifier("caching_sha2_password", "x"));
}

TEST(MysqlLiteral, QuotesWhatEndsIt) {
    EXPECT_EQ(mysql_literal("o'br\\ien"), "'o''br\\ien'");
    EXPECT_EQ(mysql_account("a'b", "%"), "'a''b'@'%'");
    EXPECT_THROW(static_cast<void>(mysql_literal(std::string_view("a\0b", 3))), StepFailed);
    EXPECT_THROW(static_cast<void>(mysql_literal("\xff")), StepFailed);
}

TEST(MysqlGrants, WhatTheFirstUserHasIsGrantedToTheSecond) {
    const auto wanted = grants({
        "GRANT `r` TO `app`@`%`",
        "GRANT USAGE ON *.* TO `app`@`%` IDENTIFIED BY PASSWORD '*CD02AC33DE7D3D2AFEDF5F2BAB51B07CDB499E79'",
        "GRANT ALL PRIVILEGES ON `d`.* TO `app`@`%`",
        "GRANT SELECT (`b`, `a`), INSERT, UPDATE (`c`) ON `d`.`t` TO `app`@`%` WITH GRANT OPTION",
        "GRANT EXECUTE ON PROCEDURE `d`.`p` TO `app`@`%`",
        "SET DEFAULT ROLE `r` FOR `app`@`%`",
    });
    const auto has = grants({"GRANT USAGE ON *.* TO `app_clone`@`%` IDENTIFIED BY PASSWORD '*00'"}, kClone);
    EXPECT_THAT(
        has.statements_to(wanted, kClone),
        ElementsAre(
            "GRANT EXECUTE ON PROCEDURE `d`.`p` TO 'app_clone'@'%'",
            "GRANT ALL PRIVILEGES ON `d`.* TO 'app_clone'@'%'",
            "GRANT INSERT, SELECT (`b`, `a`), UPDATE (`c`) ON `d`.`t` TO 'app_clone'@'%' WITH GRANT OPTION",
            "GRANT `r` TO 'app_clone'@'%'"));
    EXPECT_EQ(has.own_statement_to(wanted), "SET DEFAULT ROLE `r`")
        << "which needs no right when it is said by itself";
    EXPECT_EQ(wanted.administrative(), "");
}

TEST(MysqlGrants, WhatItNoLongerHasIsRevokedAndTheRestIsNotTouched) {
    const auto wanted =
        grants({"GRANT USAGE ON *.* TO `app`@`%`", "GRANT SELECT, INSERT ON `d`.* TO `app`@`%`"});
    const auto has =
        grants({"GRANT USAGE ON *.* TO `app_clone`@`%`", "GRANT `r` TO `app_clone`@`%` WITH ADMIN OPTION",
                "GRANT SELECT, DELETE ON `d`.* TO `app_clone`@`%` WITH GRANT OPTION",
                "GRANT UPDATE ON `e`.* TO `app_clone`@`%`", "SET DEFAULT ROLE `r` FOR `app_clone`@`%`"},
               kClone);
    EXPECT_THAT(has.statements_to(wanted, kClone),
                ElementsAre("REVOKE DELETE, GRANT OPTION ON `d`.* FROM 'app_clone'@'%'",
                            "REVOKE UPDATE ON `e`.* FROM 'app_clone'@'%'", "REVOKE `r` FROM 'app_clone'@'%'",
                            "GRANT INSERT ON `d`.* TO 'app_clone'@'%'"));
    EXPECT_EQ(has.own_statement_to(wanted), "SET DEFAULT ROLE NONE");
    EXPECT_EQ(wanted.own_statement_to(wanted), std::nullopt);
    EXPECT_THAT(wanted.statements_to(wanted, kApp), IsEmpty());
}

TEST(MysqlGrants, AllPrivilegesHaveEachOfThem) {
    const auto all = grants({"GRANT ALL PRIVILEGES ON `d`.* TO `app`@`%`"});
    const auto some = grants({"GRANT SELECT ON `d`.* TO `app`@`%`"});
    EXPECT_THAT(some.statements_to(all, kApp), ElementsAre("GRANT ALL PRIVILEGES ON `d`.* TO 'app'@'%'"));
    EXPECT_THAT(all.statements_to(some, kApp), ElementsAre("REVOKE ALL PRIVILEGES ON `d`.* FROM 'app'@'%'",
                                                           "GRANT SELECT ON `d`.* TO 'app'@'%'"));
}

TEST(MysqlGrants, AllPrivilegesAreRevokedByThemselves) {
    // MariaDB: "REVOKE ALL PRIVILEGES, GRANT OPTION FROM ..." has no ON; with one it is a syntax error
    // (1064).
    const auto all = grants({"GRANT ALL PRIVILEGES ON `d`.* TO `app`@`%` WITH GRANT OPTION"});
    const auto some = grants({"GRANT SELECT ON `d`.* TO `app`@`%`"});
    const auto some_to_hand_on = grants({"GRANT SELECT ON `d`.* TO `app`@`%` WITH GRANT OPTION"});
    const std::string no_option = "REVOKE GRANT OPTION ON `d`.* FROM 'app'@'%'";
    const std::string no_right = "REVOKE ALL PRIVILEGES ON `d`.* FROM 'app'@'%'";
    const std::string select = "GRANT SELECT ON `d`.* TO 'app'@'%'";
    EXPECT_THAT(all.statements_to(some, kApp), ElementsAre(no_option, no_right, select));
    EXPECT_THAT(all.statements_to(some_to_hand_on, kApp), ElementsAre(no_right, select));
    EXPECT_THAT(all.statements_to(grants({}), kApp), ElementsAre(no_option, no_right));
}

TEST(MysqlGrants, NamesMayHoldAnything) {
    const MysqlAccountName weird{"we`ird ON x TO y", "10.%"};
    const auto wanted = MysqlGrants::parse({"GRANT SELECT ON `a`` TO b`.* TO `we``ird ON x TO y`@`10.%`",
                                            "GRANT `ro, le` TO `we``ird ON x TO y`@`10.%`"},
                                           weird);
    EXPECT_THAT(
        MysqlGrants().statements_to(wanted, kClone),
        ElementsAre("GRANT SELECT ON `a`` TO b`.* TO 'app_clone'@'%'", "GRANT `ro, le` TO 'app_clone'@'%'"));
    EXPECT_EQ(wanted.administrative(), "");
}

TEST(MysqlGrants, AdministratorsAreKnownByTheirRights) {
    const auto first_of = [](const std::string& line) { return grants({line}).administrative(); };
    EXPECT_EQ(first_of("GRANT SUPER ON *.* TO `app`@`%`"), "SUPER ON *.*");
    EXPECT_EQ(first_of("GRANT SELECT, CREATE USER ON *.* TO `app`@`%`"), "CREATE USER ON *.*");
    EXPECT_EQ(first_of("GRANT ALL PRIVILEGES ON *.* TO `app`@`%` WITH GRANT OPTION"),
              "ALL PRIVILEGES ON *.*");
    EXPECT_EQ(first_of("GRANT USAGE ON *.* TO `app`@`%` WITH GRANT OPTION"), "GRANT OPTION ON *.*");
    EXPECT_EQ(first_of("GRANT UPDATE ON *.* TO `app`@`%`"), "UPDATE ON *.*");
    EXPECT_EQ(first_of("GRANT SELECT ON `mysql`.* TO `app`@`%`"), "SELECT ON `mysql`.*");
    EXPECT_EQ(first_of("GRANT EXECUTE ON PROCEDURE `mysql`.`p` TO `app`@`%`"),
              "EXECUTE ON PROCEDURE `mysql`.`p`");
    EXPECT_EQ(first_of("GRANT PROXY ON `root`@`localhost` TO `app`@`%`"), "PROXY");
    EXPECT_EQ(first_of("GRANT SELECT, PROCESS ON *.* TO `app`@`%`"), "");
    EXPECT_EQ(first_of("GRANT ALL PRIVILEGES ON `d`.* TO `app`@`%`"), "");
}

TEST(MysqlGrants, LinesThatAreNotUnderstoodAreNotPassedOver) {
    for (const char* line :
         {"", "REVOKE SELECT ON `d`.* FROM `app`@`%`", "GRANT SELECT ON `d`.*",
          "GRANT SELECT ON `d`.* TO `other`@`%`", "GRANT SELECT ON `d`.* TO `app`@`localhost`",
          "GRANT SELECT ON `d.* TO `app`@`%`", "SET DEFAULT ROLE `r`"}) {
        EXPECT_THROW(static_cast<void>(grants({line})), StepFailed) << line;
    }
}

}  // namespace
}  // namespace coffer::rotation
