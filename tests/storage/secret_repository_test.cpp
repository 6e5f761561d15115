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
    s.resource_policy = R"({"Version":"2012-10-17"})";
    s.policy_principals = {{"arn:b\"\\", "AIDAB"}, {"arn:a", ""}};
    s.creation_token = "0123456789abcdef0123456789abcdef";
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

TEST_F(SecretRepositoryTest, PutMovesLabels) {
    auto made = make_secret("put");
    ASSERT_TRUE(insert(made));
    auto payload = make_payload("second");
    auto version = make_version(payload, 1'700'000'005'000);
    update("put",
           [&](StoredSecret& s) {
               s.versions[0].labels = {StagingLabel("AWSPREVIOUS")};
               version.labels = {StagingLabel("AWSCURRENT")};
               s.versions.push_back(version);
               s.last_changed = version.created;
           },
           {{version.id, payload}});
    const auto found = find("put").value();
    ASSERT_EQ(found.versions.size(), 2U);
    EXPECT_EQ(found.versions[0].labels, std::vector{StagingLabel("AWSPREVIOUS")});
    EXPECT_EQ(found.versions[1].labels, std::vector{StagingLabel("AWSCURRENT")});
    EXPECT_EQ(found.revision, 1);
    EXPECT_EQ(dump(*this->payload(found, version.id)), dump(payload));
    EXPECT_EQ(dump(*this->payload(found, found.versions[0].id)), dump(made.payloads[0].second));
}

TEST_F(SecretRepositoryTest, EveryColumnChanges) {
    ASSERT_TRUE(insert(make_secret("all")));
    StoredSecret expected;
    update("all", [&](StoredSecret& s) {
        s.description = "new";
        s.kms_key_id = "other";
        s.resource_policy = "{}";
        s.policy_principals = {{"arn:a", "AIDAA"}};
        s.last_changed = Timestamp::from_millis(1'800'000'000'001);
        s.deleted = Timestamp::from_millis(1'800'000'000'002);
        s.purge_due = Timestamp::from_millis(1'800'000'000'003);
        s.tags = std::vector<Tag>{{"k", "v"}};
        expected = s;
        ++expected.revision;
    });
    EXPECT_EQ(dump(*find("all")), dump(expected));
    update("all", [&](StoredSecret& s) {
        s.description.reset();
        s.kms_key_id.reset();
        s.resource_policy.reset();
        s.policy_principals.clear();
        s.deleted.reset();
        s.purge_due.reset();
        s.tags = std::vector<Tag>{};
        expected = s;
        ++expected.revision;
    });
    EXPECT_EQ(dump(*find("all")), dump(expected));
}

TEST_F(SecretRepositoryTest, VersionsComeAndGo) {
    const auto made = make_secret("many");
    ASSERT_TRUE(insert(made));
    std::vector<StoredVersion> added;
    std::vector<std::pair<VersionId, StoredPayload>> payloads;
    for (int i = 0; i < 4; ++i) {
        auto payload = make_payload("v" + std::to_string(i));
        auto version = make_version(payload, 1'700'000'001'000);  // four of the same moment
        version.labels = {StagingLabel("label" + std::to_string(i))};
        payloads.emplace_back(version.id, payload);
        added.push_back(version);
    }
    StoredVersion pending;  // without a value, as RotateSecret makes it
    pending.id = VersionId(Uuid::random().text());
    pending.created = Timestamp::from_millis(1'700'000'009'000);
    pending.labels = {StagingLabel("AWSPENDING")};
    added.push_back(pending);
    update(
        "many", [&](StoredSecret& s) { s.versions.insert(s.versions.end(), added.begin(), added.end()); },
        payloads);

    auto found = find("many").value();
    ASSERT_EQ(found.versions.size(), 6U);
    EXPECT_EQ(found.versions.front().id, made.secret.versions[0].id);
    EXPECT_EQ(found.versions.back().id, pending.id);
    EXPECT_FALSE(found.versions.back().kind);
    EXPECT_FALSE(payload(found, pending.id));
    for (const auto& [id, stored] : payloads) EXPECT_EQ(dump(*payload(found, id)), dump(stored));
    const auto keys = read_now<std::vector<Bytes>>(
        database(), [&](ReadTransaction& tx) { return SecretRepository::wrapped_keys(tx, found.id); });
    EXPECT_EQ(keys.size(), 5U);

    // Two go, one of them with its label, the other's label moves; the pending one gets its value.
    const auto value = make_payload("at last");
    update("many",
           [&](StoredSecret& s) {
               s.versions.erase(s.versions.begin() + 1, s.versions.begin() + 3);
               s.versions[0].labels.push_back(found.versions[2].labels[0]);
               s.versions.back().kind = ValueKind::binary;
               s.versions.back().master_key = value.master_key;
           },
           {{pending.id, value}});
    found = find("many").value();
    ASSERT_EQ(found.versions.size(), 4U);
    EXPECT_EQ(found.versions[0].labels.size(), 2U);
    EXPECT_EQ(dump(*payload(found, pending.id)), dump(value));
    EXPECT_EQ(by_hand("SELECT count(*) FROM staging_labels"), "5");
}

TEST_F(SecretRepositoryTest, ATransactionKnowsWhichVersionsItDestroyed) {
    const auto made = make_secret("ends");
    ASSERT_TRUE(insert(made));
    auto value = make_payload("two");
    const auto second = make_version(value, 1'700'000'001'000);
    StoredVersion empty;  // of which there is nothing to destroy
    empty.id = VersionId(Uuid::random().text());
    empty.created = Timestamp::from_millis(1'700'000'009'000);
    update("ends",
           [&](StoredSecret& s) {
               s.versions.insert(s.versions.end(), {second, empty});
           },
           {{second.id, value}});
    using Ids = std::vector<std::string>;
    const auto destroyed = [&made](const WriteTransaction& tx) {
        Ids ids;
        for (const auto& version : tx.destroyed_versions()) {
            EXPECT_EQ(version.secret_arn, made.secret.arn);
            ids.push_back(version.version);
        }
        return ids;
    };
    const auto erased = write_now<Ids>(database(), [&](WriteTransaction& tx) {
        auto secret = SecretRepository::lock(tx, "ends").value();
        std::erase_if(secret.versions, [&](const auto& v) { return v.id == second.id || v.id == empty.id; });
        SecretRepository::update(tx, std::move(secret), {});
        return destroyed(tx);
    });
    EXPECT_EQ(erased, Ids{second.id.value()});
    const auto purged = write_now<Ids>(database(), [&](WriteTransaction& tx) {
        SecretRepository::purge(tx, SecretRepository::lock(tx, "ends").value());
        return destroyed(tx);
    });
    EXPECT_EQ(purged, Ids{made.secret.versions[0].id.value()});
}

TEST_F(SecretRepositoryTest, RewrapReplacesPayload) {
    const auto made = make_secret("rewrap");
    ASSERT_TRUE(insert(made));
    const auto anew = make_payload("under another key");
    update("rewrap", [&](StoredSecret& s) { s.versions[0].master_key = anew.master_key; },
           {{made.secret.versions[0].id, anew}});
    const auto found = find("rewrap").value();
    EXPECT_EQ(found.versions[0].master_key, anew.master_key);
    EXPECT_EQ(dump(*payload(found, found.versions[0].id)), dump(anew));
}

TEST_F(SecretRepositoryTest, SeveralVersionsAtCreation) {
    auto made = make_secret("two");
    auto payload = make_payload("older");
    auto version = make_version(payload, 1'600'000'000'000);
    version.labels = {StagingLabel("old")};
    made.secret.versions.push_back(version);  // not in the order of creation
    made.payloads.emplace_back(version.id, payload);
    ASSERT_TRUE(insert(made));
    const auto found = find("two").value();
    ASSERT_EQ(found.versions.size(), 2U);
    EXPECT_EQ(found.versions[0].id, version.id);
    EXPECT_EQ(dump(*this->payload(found, version.id)), dump(payload));
}

TEST_F(SecretRepositoryTest, UpdateWithoutLockIsRefused) {
    const auto made = make_secret("unlocked");
    ASSERT_TRUE(insert(made));
    EXPECT_THROW(write_now<Done>(database(),
                                 [&](WriteTransaction& tx) {
                                     SecretRepository::update(tx, made.secret, {});
                                     return Done{};
                                 }),
                 std::logic_error);
}

TEST_F(SecretRepositoryTest, ALabelIsOnOneVersionOnly) {
    auto made = make_secret("label");
    auto payload = make_payload();
    auto version = make_version(payload, 1'700'000'001'000);
    version.labels = {StagingLabel("AWSCURRENT")};
    made.secret.versions.push_back(version);
    made.payloads.emplace_back(version.id, payload);
    EXPECT_THROW(insert(made), std::logic_error);
    EXPECT_FALSE(find("label"));

    // The database itself keeps to it as well.
    made.secret.versions[1].labels.clear();
    ASSERT_TRUE(insert(made));
    EXPECT_THROW(by_hand("INSERT INTO staging_labels SELECT secret_id, label, '" + version.id.value() +
                         "', 0 FROM staging_labels"),
                 std::runtime_error);
}

TEST_F(SecretRepositoryTest, NameIsTaken) {
    const auto first = make_secret("taken");
    ASSERT_TRUE(insert(first));
    EXPECT_FALSE(insert(make_secret("taken")));
    EXPECT_EQ(find("taken")->id, first.secret.id);
    EXPECT_EQ(by_hand("SELECT count(*) FROM secret_versions"), "1");
    EXPECT_EQ(by_hand("SELECT count(*) FROM last_access"), "1");
}

TEST_F(SecretRepositoryTest, PurgeLeavesNothing) {
    const auto made = make_secret("gone");
    ASSERT_TRUE(insert(made));
    write_now<Done>(database(), [&](WriteTransaction& tx) {
        SecretRepository::record_accesses(
            tx, {{made.secret.id, made.secret.versions[0].id, made.secret.created}});
        return Done{};
    });
    write_now<Done>(database(), [&](WriteTransaction& tx) {
        const auto locked = SecretRepository::lock(tx, "gone").value();
        SecretRepository::purge(tx, locked);
        return Done{};
    });
    EXPECT_FALSE(find("gone"));
    for (const char* table :
         {"secrets", "secret_versions", "staging_labels", "last_access", "version_last_access"}) {
        EXPECT_EQ(by_hand(std::string("SELECT count(*) FROM ") + table), "0") << table;
    }
    EXPECT_TRUE(insert(make_secret("gone")));
}

TEST_F(SecretRepositoryTest, DueForPurge) {
    for (int i = 0; i < 4; ++i) {
        auto made = make_secret("due" + std::to_string(i));
        if (i > 0) {
            made.secret.deleted = made.secret.created;
            made.secret.purge_due = Timestamp::from_millis(2'000 - i * 100);
        }
        ASSERT_TRUE(insert(made));
    }
    const auto due = [&](std::int64_t now, std::size_t limit) {
        return read_now<std::vector<std::string>>(database(), [&](ReadTransaction& tx) {
            return SecretRepository::due_for_purge(tx, Timestamp::from_millis(now), limit);
        });
    };
    EXPECT_THAT(due(1'699, 10), testing::IsEmpty());
    EXPECT_THAT(due(1'800, 10), testing::ElementsAre("due3", "due2"));
    EXPECT_THAT(due(9'999, 2), testing::ElementsAre("due3", "due2"));
    EXPECT_EQ(
        read_now<std::int64_t>(database(), [](ReadTransaction& tx) { return SecretRepository::count(tx); }),
        4);
}

TEST_F(SecretRepositoryTest, AccessDaysNeverGoBack) {
    const auto made = make_secret("read");
    ASSERT_TRUE(insert(made));
    const auto& version = made.secret.versions[0].id;
    constexpr std::int64_t kDay = 86'400'000;
    const auto record = [&](std::vector<SecretRepository::Access> accesses) {
        write_now<Done>(database(), [&](WriteTransaction& tx) {
            SecretRepository::record_accesses(tx, accesses);
            return Done{};
        });
    };
    // 2023-11-14 22:13:20.123 UTC, whose day begins at 1699920000.
    record({{made.secret.id, version, Timestamp::from_millis(1'700'000'000'123)},
            {made.secret.id, VersionId(std::string(36, 'x')), Timestamp::from_millis(1'800'000'000'000)},
            {SecretId(Uuid::random()), version, Timestamp::from_millis(1'800'000'000'000)}});
    auto found = find("read").value();
    EXPECT_EQ(found.last_accessed, Timestamp::from_millis(1'699'920'000'000));
    EXPECT_EQ(found.versions[0].last_accessed, Timestamp::from_millis(1'699'920'000'000));
    EXPECT_EQ(by_hand("SELECT day FROM last_access"), "2023-11-14");
    record({{made.secret.id, version, Timestamp::from_millis(1'700'000'000'000 - kDay)}});
    EXPECT_EQ(find("read")->last_accessed, Timestamp::from_millis(1'699'920'000'000));
    record({{made.secret.id, version, Timestamp::from_millis(1'700'000'000'000 + 2 * kDay)},
            {made.secret.id, version, Timestamp::from_millis(1'700'000'000'000 + kDay)}});
    found = find("read").value();
    EXPECT_EQ(found.last_accessed, Timestamp::from_millis(1'699'920'000'000 + 2 * kDay));
    EXPECT_EQ(found.revision, 0);
}

TEST_F(SecretRepositoryTest, AccessDaysDoNotWaitForAWriter) {
    const auto made = make_secret("busy");
    ASSERT_TRUE(insert(made));
    write_now<Done>(database(), [&](WriteTransaction& tx) {
        static_cast<void>(SecretRepository::lock(tx, "busy"));
        // On the database's other connection, while this one holds the secret's row.
        write_now<Done>(
            database(),
            [&](WriteTransaction& other) {
                SecretRepository::record_accesses(
                    other, {{made.secret.id, made.secret.versions[0].id, made.secret.created}});
                return Done{};
            },
            within(std::chrono::milliseconds(2500)));
        return Done{};
    });
    EXPECT_TRUE(find("busy")->last_accessed);
}

}  // namespace
}  // namespace coffer::storage
