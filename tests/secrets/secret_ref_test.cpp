#include "daemon/secrets/secret_ref.hpp"

#include <gtest/gtest.h>

#include <regex>

#include "daemon/secrets/errors.hpp"

namespace coffer::secrets {
namespace {

const NodeIdentity kNode{"eu-test-1", "111122223333"};
const std::string kPrefix = "arn:aws:secretsmanager:eu-test-1:111122223333:secret:";

v1::ErrorCode error_of_parse(const std::string& id) {
    try {
        static_cast<void>(SecretRef::parse(id, kNode));
    } catch (const ServiceError& e) {
        return e.code();
    }
    return v1::ERROR_CODE_UNSPECIFIED;
}

TEST(SecretRef, ANameIsItself) {
    const auto ref = SecretRef::parse("Valid/_+=.@-!x1", kNode);
    EXPECT_EQ(ref.name(), "Valid/_+=.@-!x1");
    EXPECT_TRUE(ref.matches("any ARN of that name"));
}

TEST(SecretRef, ACompleteArnNamesOneSecret) {
    const auto ref = SecretRef::parse(kPrefix + "app/db-Ab12Cd", kNode);
    EXPECT_EQ(ref.name(), "app/db");
    EXPECT_TRUE(ref.matches(kPrefix + "app/db-Ab12Cd"));
    EXPECT_FALSE(ref.matches(kPrefix + "app/db-Zz99Yy"));
}

TEST(SecretRef, AnArnWithoutSuffixNamesWhateverHasTheName) {
    for (const std::string name : {"redis", "Name-a1b2", "Name-a1b2c3-", "a-b"}) {
        const auto ref = SecretRef::parse(kPrefix + name, kNode);
        EXPECT_EQ(ref.name(), name);
        EXPECT_TRUE(ref.matches(kPrefix + name + "-XXXXXX"));
    }
}

TEST(SecretRef, ANameThatLooksCompleteIsReadAsComplete) {
    const auto ref = SecretRef::parse(kPrefix + "Odd-Name-a1b2c3", kNode);
    EXPECT_EQ(ref.name(), "Odd-Name");
    EXPECT_FALSE(ref.matches(kPrefix + "Odd-Name-a1b2c3-Ab12Cd"));
}

TEST(SecretRef, RefusesOtherCharactersBeforeAnyLookUp) {
    for (const std::string name :
         {"Inv Name", " lead", "a*b?", "x]y", "tab\tz", "na\xC3\xAFve", "", "a\\b", "a:b"}) {
        EXPECT_EQ(error_of_parse(name), v1::VALIDATION) << name;
    }
    EXPECT_EQ(error_of_parse(kPrefix + "Inv Name"), v1::VALIDATION);
}

TEST(SecretRef, AnArnOfElsewhereIsNotFound) {
    EXPECT_EQ(error_of_parse("arn:aws:secretsmanager:eu-test-2:111122223333:secret:a-Ab12Cd"),
              v1::RESOURCE_NOT_FOUND);
    EXPECT_EQ(error_of_parse("arn:aws:secretsmanager:eu-test-1:444455556666:secret:a-Ab12Cd"),
              v1::RESOURCE_NOT_FOUND);
    EXPECT_EQ(error_of_parse("arn:aws:kms:eu-test-1:111122223333:key/x"), v1::RESOURCE_NOT_FOUND);
    EXPECT_EQ(error_of_parse("arn:"), v1::RESOURCE_NOT_FOUND);
}

TEST(MakeArn, EndsInSixLettersOrDigits) {
    const std::regex form("arn:aws:secretsmanager:eu-test-1:111122223333:secret:app/db-[A-Za-z0-9]{6}");
    const auto arn = make_arn(kNode, "app/db");
    EXPECT_TRUE(std::regex_match(arn, form)) << arn;
    EXPECT_NE(arn, make_arn(kNode, "app/db"));
}

}  // namespace
}  // namespace coffer::secrets
