// The database is not trusted: whatever is changed by hand is refused at the next read, and the others
// served.

#include <gmock/gmock.h>

#include "storage/master_key_repository.hpp"
#include "tests/storage/storage_fixture.hpp"

namespace coffer::storage {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class IntegrityTest : public StorageTest {
protected:
    IntegrityTest() {
        insert(make_victim());
        auto other = make_secret("bystander");
        insert(other);
    }
};

/// A statement that an intruder might run, and what it is.
struct Tampering {
    const char* what;
    const char* sql;
};

class Tampered : public IntegrityTest, public testing::WithParamInterface<Tampering> {};

TEST_P(Tampered, IsRefusedAndNamed) {
    ASSERT_TRUE(find("victim"));
    by_hand(GetParam().sql);
    try {
        static_cast<void>(find("victim"));
        FAIL() << "believed";
    } catch (const IntegrityError& error) {
        EXPECT_THAT(error.what(), AllOf(HasSubstr("table secrets"), HasSubstr("'victim'")));
    }
    EXPECT_THAT(observer_->failures(), ElementsAre(AllOf(HasSubstr("table secrets"), HasSubstr("'victim'"))));
    EXPECT_THROW(write_now<Done>(database(),
                                 [](WriteTransaction& tx) {
                                     static_cast<void>(SecretRepository::lock(tx, "victim"));
                                     return Done{};
                                 }),
                 IntegrityError);
    EXPECT_TRUE(find("bystander"));
    ListQuery query;
    query.include_deleted = true;
    const auto listed = read_now<ListResult>(
        database(), [&](ReadTransaction& tx) { return SecretRepository::list(tx, query); });
    ASSERT_EQ(listed.secrets.size(), 1U);
    EXPECT_EQ(listed.secrets[0].name, "bystander");
    EXPECT_EQ(observer_->failures().size(), 3U);
}

INSTANTIATE_TEST_SUITE_P(
    ByHand, Tampered,
    testing::Values(
        Tampering{"arn", "UPDATE secrets SET arn = arn || 'x' WHERE name = 'victim'"},
        Tampering{"description", "UPDATE secrets SET description = 'other' WHERE name = 'victim'"},
        Tampering{"description_absent", "UPDATE secrets SET description = NULL WHERE name = 'victim'"},
        Tampering{"kms_key", "UPDATE secrets SET kms_key_id = '' WHERE name = 'victim'"},
        Tampering{"resource_policy",
                  "UPDATE secrets SET resource_policy = '{\"Statement\":[]}' WHERE name = 'victim'"},
        Tampering{"policy_principals",
                  "UPDATE secrets SET policy_principals = '[[\"arn:a\",\"AIDAA\"]]' WHERE name = 'victim'"},
        Tampering{"policy_principals_of_another_shape",
                  "UPDATE secrets SET policy_principals = '{\"arn:a\":\"AIDAA\"}' WHERE name = 'victim'"},
        Tampering{"creation_token", "UPDATE secrets SET creation_token = 'other' WHERE name = 'victim'"},
        Tampering{"created", "UPDATE secrets SET created = created + interval '1 ms' WHERE name = 'victim'"},
        Tampering{"last_changed",
                  "UPDATE secrets SET last_changed = last_changed - interval '1 day' WHERE name = 'victim'"},
        Tampering{"deletion", "UPDATE secrets SET deleted = now(), purge_due = now() WHERE name = 'victim'"},
        Tampering{"tag_value",
                  "UPDATE secrets SET tags = '[[\"a\",\"1\"],[\"b\",\"3\"]]' WHERE name = 'victim'"},
        Tampering{"tag_order",
                  "UPDATE secrets SET tags = '[[\"b\",\"2\"],[\"a\",\"1\"]]' WHERE name = 'victim'"},
        Tampering{"tags_absent", "UPDATE secrets SET tags = NULL WHERE name = 'victim'"},
        Tampering{"tags_of_another_shape", "UPDATE secrets SET tags = '[{\"a\":1}]' WHERE name = 'victim'"},
        Tampering{"revision", "UPDATE secrets SET revision = revision + 1 WHERE name = 'victim'"},
        Tampering{"seal",
                  "UPDATE secrets SET seal = set_byte(seal, 0, get_byte(seal, 0) # 1) WHERE name = 'victim'"},
        Tampering{"seal_empty", "UPDATE secrets SET seal = '' WHERE name = 'victim'"},
        Tampering{"seal_of_another",
                  "UPDATE secrets SET seal = (SELECT seal FROM secrets WHERE name = 'bystander') WHERE name "
                  "= 'victim'"},
        Tampering{"version_kind",
                  "UPDATE secret_versions v SET kind = 2 FROM secrets s WHERE s.id = v.secret_id AND s.name "
                  "= 'victim'"},
        Tampering{"version_created",
                  "UPDATE secret_versions v SET created = now() FROM secrets s WHERE s.id = v.secret_id AND "
                  "s.name = 'victim'"},
        Tampering{"version_master_key",
                  "UPDATE secret_versions v SET master_key = s.id FROM secrets s WHERE s.id = v.secret_id "
                  "AND s.name = 'victim'"},
        Tampering{
            "version_gone",
            "DELETE FROM secret_versions v USING secrets s, staging_labels l WHERE s.id = v.secret_id AND "
            "s.name = "
            "'victim' AND l.secret_id = s.id AND l.version_id = v.version_id AND l.label = 'AWSPREVIOUS'"},
        Tampering{
            "versions_gone",
            "DELETE FROM secret_versions v USING secrets s WHERE s.id = v.secret_id AND s.name = 'victim'"},
        Tampering{"version_added",
                  "INSERT INTO secret_versions (secret_id, version_id, created) SELECT id, 'x', now() FROM "
                  "secrets WHERE name = 'victim'"},
        Tampering{"label_moved",
                  "UPDATE staging_labels l SET version_id = (SELECT version_id FROM staging_labels o WHERE "
                  "o.secret_id = "
                  "l.secret_id AND o.label = 'AWSPREVIOUS') FROM secrets s WHERE s.id = l.secret_id AND "
                  "s.name = 'victim' "
                  "AND l.label = 'AWSCURRENT'"},
        Tampering{"label_renamed",
                  "UPDATE staging_labels l SET label = 'x' FROM secrets s WHERE s.id = l.secret_id AND "
                  "s.name = 'victim' AND "
                  "l.label = 'AWSPREVIOUS'"},
        Tampering{"label_gone",
                  "DELETE FROM staging_labels l USING secrets s WHERE s.id = l.secret_id AND s.name = "
                  "'victim' AND l.label = "
                  "'AWSPREVIOUS'"},
        Tampering{"label_added",
                  "INSERT INTO staging_labels SELECT v.secret_id, 'mine', v.version_id, 1 FROM "
                  "secret_versions v JOIN secrets "
                  "s ON s.id = v.secret_id WHERE s.name = 'victim' LIMIT 1"}),
    [](const auto& tampering) { return std::string(tampering.param.what); });

// Whom a policy means decides as much as what it says.
TEST_F(IntegrityTest, WhomAPolicyMeansIsSealed) {
    auto made = make_secret("bound");
    made.secret.resource_policy = "{}";
    made.secret.policy_principals = {{"arn:a", "AIDAA"}, {"arn:b", ""}};
    insert(made);
    ASSERT_EQ(find("bound")->policy_principals, made.secret.policy_principals);
    for (const auto* altered :
         {"NULL", "'[]'", R"('[["arn:a","AIDAX"],["arn:b",""]]')", R"('[["arn:a","AIDAA"]]')",
          R"('[["arn:a","AIDAA"],["arn:b",""],["arn:c","AIDAC"]]')", R"('[["arn:aAIDA","A"],["arn:b",""]]')",
          R"('[["arn:a","AIDAA"],["arn:a","AIDAX"],["arn:b",""]]')"}) {
        by_hand(std::string("UPDATE secrets SET policy_principals = ") + altered + " WHERE name = 'bound'");
        EXPECT_THROW(static_cast<void>(find("bound")), IntegrityError) << altered;
    }
    by_hand(
        R"(UPDATE secrets SET policy_principals = '[["arn:a","AIDAA"],["arn:b",""]]' WHERE name = 'bound')");
    EXPECT_TRUE(find("bound"));
}

// What the seal of a secret with a policy covered in schema 20.
TEST_F(IntegrityTest, ASealOfBeforeThereWereIdsIsGood) {
    auto made = make_secret("old");
    made.secret.resource_policy = "{}";
    insert(made);
    const auto& secret = made.secret;
    const auto text = [](CanonicalEncoder& encoder, const std::string& value) { encoder.text(value); };
    const auto none = [](CanonicalEncoder&, int) {};
    const std::optional<int> absent;
    CanonicalEncoder encoder("coffer/seal/secret/v1");
    encoder.bytes(secret.id.value().bytes());
    encoder.text(secret.name).text(secret.arn).optional(absent, none).optional(absent, none);
    encoder.number(secret.created.millis()).number(secret.last_changed.millis());
    encoder.optional(absent, none).optional(absent, none).optional(absent, none);
    encoder.optional(secret.resource_policy, text).optional(absent, none).number(0).list(1);
    encoder.text(secret.versions[0].id.value()).number(secret.versions[0].created.millis());
    encoder.optional(std::optional(1), [](CanonicalEncoder& e, int kind) { e.number(kind); });
    encoder.optional(secret.versions[0].master_key,
                     [](CanonicalEncoder& e, const Uuid& id) { e.bytes(id.bytes()); });
    encoder.list(1).text("AWSCURRENT");
    const auto seal = to_hex(HmacSealKeeper().make(encoder.take(), {}));
    EXPECT_EQ(by_hand("SELECT encode(seal, 'hex') FROM secrets WHERE name = 'old'"), seal);
    EXPECT_EQ(by_hand("SELECT policy_principals IS NULL FROM secrets WHERE name = 'old'"), "t");
    EXPECT_EQ(find("old")->policy_principals, PrincipalIds());
}

TEST_F(IntegrityTest, NamesCannotBeSwapped) {
    by_hand(
        "UPDATE secrets SET name = 'other' WHERE name = 'bystander'; UPDATE secrets SET name = 'bystander' "
        "WHERE "
        "name = 'victim'; UPDATE secrets SET name = 'victim' WHERE name = 'other'");
    EXPECT_THROW(static_cast<void>(find("victim")), IntegrityError);
    EXPECT_THROW(static_cast<void>(find("bystander")), IntegrityError);
}

TEST_F(IntegrityTest, AccessDaysAreNotSealed) {
    by_hand("UPDATE last_access SET day = '2024-02-29'");
    EXPECT_EQ(find("victim")->last_accessed, Timestamp::from_millis(1'709'164'800'000));
    EXPECT_THAT(observer_->failures(), IsEmpty());
}

TEST_F(IntegrityTest, AnUnlistedRowNeedNotBeBelieved) {
    by_hand("UPDATE secrets SET description = 'other' WHERE name = 'victim'");
    ListQuery query;
    query.matches = [](const StoredSecret& secret) { return secret.name != "victim"; };
    const auto checked_before = seals_->checked.load();
    const auto listed = read_now<ListResult>(
        database(), [&](ReadTransaction& tx) { return SecretRepository::list(tx, query); });
    EXPECT_EQ(listed.scanned, 2U);
    EXPECT_EQ(listed.secrets.size(), 1U);
    EXPECT_EQ(seals_->checked - checked_before, 1);
    EXPECT_THAT(observer_->failures(), IsEmpty());
}

class MasterKeysTest : public StorageTest {
protected:
    static StoredMasterKey key(const std::string& name, std::uint32_t generation) {
        StoredMasterKey made;
        made.id = Uuid::random();
        made.generation = generation;
        made.name = name;
        made.created = Timestamp::from_millis(1'700'000'000'001);
        made.check_value = make_payload("check");
        made.check_value.master_key = made.id;
        made.check_value.generation = generation;
        return made;
    }
    void add(const std::vector<StoredMasterKey>& keys) {
        write_now<Done>(database(), [&](WriteTransaction& tx) {
            MasterKeyRepository::add(tx, keys);
            return Done{};
        });
    }
    std::vector<StoredMasterKey> all() {
        return read_now<std::vector<StoredMasterKey>>(
            database(), [](ReadTransaction& tx) { return MasterKeyRepository::all(tx); });
    }
};

TEST_F(MasterKeysTest, RoundTrip) {
    EXPECT_THAT(all(), IsEmpty());
    const auto first = key("alias/first", 1);
    auto second = first;
    second.generation = 2;
    second.check_value.generation = 2;
    add({second, first});
    add({first});  // there already
    const auto keys = all();
    ASSERT_EQ(keys.size(), 2U);
    EXPECT_EQ(keys[0].generation, 1U);
    EXPECT_EQ(keys[0].name, "alias/first");
    EXPECT_EQ(keys[0].created, first.created);
    EXPECT_EQ(dump(keys[0].check_value), dump(first.check_value));
    EXPECT_EQ(dump(keys[1].check_value), dump(second.check_value));
}

TEST_F(MasterKeysTest, ChangesAreRefused) {
    add({key("alias/a", 1), key("alias/b", 1)});
    for (const char* sql :
         {"UPDATE master_keys SET name = 'alias/b' WHERE name = 'alias/a'",
          "DELETE FROM master_keys WHERE name = 'alias/b'", "UPDATE master_keys SET check_ciphertext = 'x'",
          "DELETE FROM master_keys", "UPDATE set_seals SET seal = NULL", "DELETE FROM set_seals"}) {
        const auto keep = by_hand("CREATE TABLE k AS TABLE master_keys; CREATE TABLE s AS TABLE set_seals");
        by_hand(sql);
        EXPECT_THROW(all(), IntegrityError) << sql;
        by_hand(
            "TRUNCATE master_keys, set_seals; INSERT INTO master_keys TABLE k; INSERT INTO set_seals TABLE "
            "s; "
            "DROP TABLE k, s");
        EXPECT_EQ(all().size(), 2U);
    }
    EXPECT_THAT(observer_->failures()[0], HasSubstr("master_keys"));
}

TEST_F(MasterKeysTest, SeveralNodesRegisterAtOnce) {
    std::vector<StoredMasterKey> keys{key("alias/a", 1), key("alias/b", 1), key("alias/c", 1)};
    const auto many = open(8);
    std::vector<std::future<void>> nodes;
    for (int i = 0; i < 8; ++i) {
        nodes.push_back(std::async(std::launch::async, [&] {
            write_now<Done>(*many, [&](WriteTransaction& tx) {
                MasterKeyRepository::add(tx, keys);
                return Done{};
            });
        }));
    }
    for (auto& node : nodes) node.get();
    EXPECT_EQ(all().size(), 3U);
}

}  // namespace
}  // namespace coffer::storage
