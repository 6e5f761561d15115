// What operators read of a damaged secret.

#include "daemon/damage/finding.hpp"

#include <gmock/gmock.h>

namespace coffer::damage {
namespace {

using storage::DamagedSecret;
using storage::SecretPart;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

DamagedSecret found() {
    DamagedSecret secret;
    secret.id = storage::SecretId(Uuid::parse("2f6c1e0a-8a54-4d0e-9b57-3c5d1f0e7a11").value());
    secret.name = "app/db";
    secret.arn = "arn:aws:secretsmanager:local:000000000000:secret:app/db-AbCdEf";
    return secret;
}

TEST(Finding, NamesTheRowAndTheParts) {
    auto secret = found();
    secret.parts = std::vector{SecretPart::deletion, SecretPart::tags, SecretPart::labels};
    const auto message = to_message(secret);
    EXPECT_EQ(message.row_id(), "2f6c1e0a-8a54-4d0e-9b57-3c5d1f0e7a11");
    EXPECT_EQ(message.name(), "app/db");
    EXPECT_EQ(message.arn(), secret.arn);
    EXPECT_THAT(message.parts(), ElementsAre("deletion", "tags", "labels"));
    EXPECT_THAT(message.message(), HasSubstr("its deletion date, its tags and its staging labels."));
    EXPECT_TRUE(message.judged());
}

TEST(Finding, SaysWhatIsNotKnown) {
    auto secret = found();
    EXPECT_THAT(to_message(secret).parts(), IsEmpty());
    EXPECT_THAT(to_message(secret).message(), HasSubstr("not known"));
    secret.parts = std::vector<SecretPart>{};
    EXPECT_THAT(to_message(secret).parts(), ElementsAre("seal"));
    secret.kind = DamagedSecret::Kind::not_judged;
    secret.seal_generation = 7;
    EXPECT_FALSE(to_message(secret).judged());
    EXPECT_THAT(to_message(secret).message(), HasSubstr("generation 7 of the seal key"));
}

TEST(Finding, AnUnreadableRow) {
    auto secret = found();
    secret.kind = DamagedSecret::Kind::unreadable;
    secret.parts = std::vector{SecretPart::tags};
    EXPECT_THAT(to_message(secret).message(), HasSubstr("its tags cannot be read"));
}

/// Names of damaged rows are an intruder's text: they must not steer a terminal, nor fill it.
TEST(Finding, NamesAreMadeFitToBeShown) {
    auto secret = found();
    secret.name = "\x1b[2Japp" + std::string(100'000, 'x');
    secret.added_version = storage::VersionId("v\n1");
    const auto message = to_message(secret);
    EXPECT_THAT(message.name(), ::testing::StartsWith("?[2Japp"));
    EXPECT_LE(message.name().size(), 515U);  // 512 characters and "..."
    EXPECT_EQ(message.added_version_id(), "v?1");
    EXPECT_THAT(message.message(), HasSubstr("Version v?1 was added by hand"));
}

}  // namespace
}  // namespace coffer::damage
