// Secrets go in and come out whole, whatever bytes they have; what contradicts the rules does not go in.

#include <gmock/gmock.h>

#include "tests/storage/storage_fixture.hpp"

namespace coffer::storage {
namespace {

using testing::HasSubstr;

class SecretRepositoryTest : public StorageTest {
protected:
    /// Locks `name`, lets `change` alter it, stores it.
    void update(const std::string& name, const std::function<void(StoredSecret&)>& change,
                std::vector<std::pair<VersionId, StoredPayload>> payloads = {}) {
        write_now<Done>(database(), [&](WriteTransaction& tx) {
            auto secret = SecretRepository::lock(tx, name).value();
            change(secret);
            SecretRepository::update(tx, secret, payloads);
            return Done{};
        });
    }
    void expect_odd_bytes_to_come_back();
};

TEST_F(SecretRepositoryTest, AbsentNameIsNothing) {
    EXPECT_FALSE(find("no/such"));
    EXPECT_FALSE(find(std::string("no\0such", 7)));
}

TEST_F(SecretRepositoryTest, EveryColumnComesBack) {
    auto made = make_secret("app/db");
    auto& s = made.secret;
    s.description = "naïve “quotes” \\ ' \" % _ \n\t 日本語 \U0001F511";
    s.kms_key_id = "alias/my-key";
    s.last_changed = Timestamp::from_millis(1'700'000'000'999);
    s.deleted = Timestamp::from_millis(1'700'000'001'001);
    s.purge_due = Timestamp::from_millis(1'700'600'000'007);
    s.tags = std::vector<Tag>{{"z", "last first"}, {"a", ""}, {"ключ", "\"}{][\\"}, {"b", "\x01\x1F"}};
    s.revision = 7;
    s.versions[0].labels = {StagingLabel("zeta"), StagingLabel("AWSCURRENT"), StagingLabel("alpha")};
    ASSERT_TRUE(insert(made));
    const auto found = find("app/db");
    ASSERT_TRUE(found);
    EXPECT_EQ(dump(*found), dump(s));
    EXPECT_FALSE(found->last_accessed);
}

TEST_F(SecretRepositoryTest, AbsentAndEmptyStayApart) {
    auto absent = make_secret("absent");
    auto empty = make_secret("empty");
    empty.secret.description = "";
    empty.secret.kms_key_id = "";
    empty.secret.tags.emplace();
    ASSERT_TRUE(insert(absent));
    ASSERT_TRUE(insert(empty));
    EXPECT_EQ(dump(*find("absent")), dump(absent.secret));
    const auto found = find("empty");
    EXPECT_EQ(dump(*found), dump(empty.secret));
    ASSERT_TRUE(found->tags);
    EXPECT_TRUE(found->tags->empty());
    EXPECT_FALSE(find("absent")->tags);
}

void SecretRepositoryTest::expect_odd_bytes_to_come_back() {
    auto made = make_secret("odd");
    Bytes all;
    for (int i = 0; i < 256; ++i) all.push_back(static_cast<std::uint8_t>(i));
    auto payload = make_payload();
    payload.wrapped_key = {0x00, 0x5C, 0x27, 0x00};
    payload.ciphertext = all;
    made.secret.versions[0].master_key = payload.master_key;
    made.payloads[0].second = payload;
    ASSERT_TRUE(insert(made));
    EXPECT_EQ(dump(*this->payload(made.secret, made.secret.versions[0].id)), dump(payload));
}

TEST_F(SecretRepositoryTest, OddBytesComeBack) {
    expect_odd_bytes_to_come_back();
}

TEST_F(SecretRepositoryTest, EmptyBytesAreNotNull) {
    auto made = make_secret("empty-bytes");
    made.payloads[0].second.ciphertext.clear();
    made.payloads[0].second.wrapped_key.clear();
    ASSERT_TRUE(insert(made));
    const auto found = payload(made.secret, made.secret.versions[0].id);
    ASSERT_TRUE(found);
    EXPECT_TRUE(found->ciphertext.empty());
    EXPECT_TRUE(found->wrapped_key.empty());
    EXPECT_EQ(by_hand("SELECT ciphertext IS NULL, length(ciphertext) FROM secret_versions"), "f|0");
}

TEST_F(SecretRepositoryTest, LargestPayloadComesBack) {
    auto made = make_secret("large");
    made.payloads[0].second.ciphertext = Bytes(65'536 + 64);
    for (std::size_t i = 0; i < made.payloads[0].second.ciphertext.size(); ++i) {
        made.payloads[0].second.ciphertext[i] = static_cast<std::uint8_t>((i * 7919) >> 3U);
    }
    ASSERT_TRUE(insert(made));
    EXPECT_EQ(dump(*payload(made.secret, made.secret.versions[0].id)), dump(made.payloads[0].second));
}

TEST_F(SecretRepositoryTest, BytesComeBackWithEscapeOutput) {
    by_hand("ALTER DATABASE " + database_name() + " SET bytea_output = 'escape'");
    expect_odd_bytes_to_come_back();
}

TEST_F(SecretRepositoryTest, NulInTextIsRefusedByName) {
    auto made = make_secret("nul");
    made.secret.description = std::string("a\0b", 3);
    try {
        insert(made);
        FAIL() << "stored";
    } catch (const Error& error) {
        EXPECT_THAT(error.what(), HasSubstr("description"));
        EXPECT_THAT(error.what(), HasSubstr("NUL"));
    }
    EXPECT_FALSE(find("nul"));
}

}  // namespace
}  // namespace coffer::storage
