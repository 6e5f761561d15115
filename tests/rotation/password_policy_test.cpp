// Which rules a secret's new password keeps.

#include <gtest/gtest.h>

#include "daemon/rotation/password.hpp"

namespace coffer::rotation {
namespace {

TEST(PasswordPolicy, TheFirstExceptionThatHasTheSecretCounts) {
    PasswordSettings usual;
    PasswordSettings legacy;
    legacy.length = 16;
    PasswordSettings both;
    both.length = 20;
    const PasswordPolicy policy(
        usual, {{SecretNames({"legacy/*"}), legacy}, {SecretNames({"legacy/app", "pin-?"}), both}});
    EXPECT_EQ(policy.of("legacy/app").length, 16);
    EXPECT_EQ(policy.of("pin-1").length, 20);
    EXPECT_EQ(policy.of("pin-12").length, 32) << "the default";
    EXPECT_EQ(policy.of("app/legacy/").length, 32);
    EXPECT_EQ(PasswordPolicy().of("legacy/app").length, 32);
}

}  // namespace
}  // namespace coffer::rotation
