// Secrets that somebody altered by hand are found, each with what was altered, and can be removed; the others
// are left alone.

#include <gmock/gmock.h>

#include "storage/damage_repository.hpp"
#include "tests/storage/storage_fixture.hpp"

namespace coffer::storage {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Kind = DamagedSecret::Kind;
using Parts = std::vector<SecretPart>;

class DamageTest : public StorageTest {
protected:
    DamageTest() {
        const auto made = make_victim();
        insert(made);
        victim_ = made.secret.id;
        insert(make_secret("bystander"));
    }

    DamageRepository::Page scan(std::size_t limit = 500, std::optional<SecretId> after = std::nullopt) {
        return read_now<DamageRepository::Page>(
            database(), [&](ReadTransaction& tx) { return DamageRepository::scan(tx, after, limit); });
    }
    std::optional<DamageLook> look(SecretId id) {
        return read_now<std::optional<DamageLook>>(
            database(), [&](ReadTransaction& tx) { return DamageRepository::look(tx, id); });
    }

    SecretId victim_;
};

TEST_F(DamageTest, WholeSecretsAreNotListed) {
    write_now<Done>(database(), [](WriteTransaction& tx) {
        auto changed = SecretRepository::lock(tx, "victim").value();
        changed.description = "another";
        changed.versions.front().labels.emplace_back("mine");
        SecretRepository::update(tx, changed, {});
        return Done{};
    });
    const auto page = scan();
    EXPECT_THAT(page.damaged, IsEmpty());
    EXPECT_EQ(page.looked_at, 2U);
    EXPECT_FALSE(page.next);
    ASSERT_TRUE(look(victim_));
    EXPECT_FALSE(look(victim_)->damage);
    EXPECT_FALSE(look(SecretId(Uuid::random())));
    // And not by chance: their digests are those of what is there.
    by_hand("UPDATE secrets SET seal = set_byte(seal, 0, get_byte(seal, 0) # 1)");
    EXPECT_EQ(scan().damaged.size(), 2U);
    for (const auto& each : scan().damaged) EXPECT_EQ(each.parts, Parts{}) << each.name;
}

struct Alteration {
    const char* what;
    const char* sql;
    Parts parts;
    Kind kind = Kind::altered;
};

class Altered : public DamageTest, public testing::WithParamInterface<Alteration> {};

TEST_P(Altered, IsListedWithItsPart) {
    by_hand(GetParam().sql);
    const auto page = scan();
    ASSERT_EQ(page.damaged.size(), 1U);
    EXPECT_EQ(page.damaged[0].id, victim_);
    EXPECT_EQ(page.damaged[0].kind, GetParam().kind);
    EXPECT_EQ(page.damaged[0].parts, GetParam().parts);
    EXPECT_EQ(page.looked_at, 2U);
    EXPECT_THAT(observer_->failures(), IsEmpty()) << "it was asked for, and is no news";
}

const Parts kIdentity{SecretPart::identity};
const Parts kDeletion{SecretPart::deletion};
const Parts kTags{SecretPart::tags};
const Parts kVersions{SecretPart::versions};
const Parts kLabels{SecretPart::labels};
const Parts kChange{SecretPart::change};

INSTANTIATE_TEST_SUITE_P(
    ByHand, Altered,
    testing::Values(
        Alteration{"name", "UPDATE secrets SET name = 'other' WHERE name = 'victim'", kIdentity},
        Alteration{"arn", "UPDATE secrets SET arn = arn || 'x' WHERE name = 'victim'", kIdentity},
        Alteration{"created", "UPDATE secrets SET created = created + interval '1 ms' WHERE name = 'victim'",
                   kIdentity},
        Alteration{"creation_token", "UPDATE secrets SET creation_token = 'other' WHERE name = 'victim'",
                   kIdentity},
        Alteration{"description",
                   "UPDATE secrets SET description = NULL WHERE name = 'victim'",
                   {SecretPart::description}},
        Alteration{
            "kms_key", "UPDATE secrets SET kms_key_id = '' WHERE name = 'victim'", {SecretPart::description}},
        Alteration{"last_changed",
                   "UPDATE secrets SET last_changed = last_changed - interval '1 day' WHERE name = 'victim'",
                   kChange},
        Alteration{"revision", "UPDATE secrets SET revision = revision + 1 WHERE name = 'victim'", kChange},
        Alteration{"deletion", "UPDATE secrets SET deleted = now(), purge_due = now() WHERE name = 'victim'",
                   kDeletion},
        Alteration{"tag_value",
                   "UPDATE secrets SET tags = '[[\"a\",\"1\"],[\"b\",\"3\"]]' WHERE name = 'victim'", kTags},
        Alteration{"tags_absent", "UPDATE secrets SET tags = NULL WHERE name = 'victim'", kTags},
        Alteration{"tags_unreadable", "UPDATE secrets SET tags = '[{\"a\":1}]' WHERE name = 'victim'", kTags,
                   Kind::unreadable},
        Alteration{"policy",
                   "UPDATE secrets SET resource_policy = '{}' WHERE name = 'victim'",
                   {SecretPart::policy}},
        Alteration{"policy_principals",
                   "UPDATE secrets SET policy_principals = '[[\"arn:a\",\"AIDAA\"]]' WHERE name = 'victim'",
                   {SecretPart::policy}},
        Alteration{"policy_principals_unreadable",
                   "UPDATE secrets SET policy_principals = '[7]' WHERE name = 'victim'",
                   {SecretPart::policy},
                   Kind::unreadable},
        Alteration{"rotation",
                   "UPDATE secrets SET rotation = '{\"enabled\": true, \"function\": \"arn\"}' WHERE name = "
                   "'victim'",
                   {SecretPart::rotation}},
        Alteration{"rotation_unreadable",
                   "UPDATE secrets SET rotation = '{}' WHERE name = 'victim'",
                   {SecretPart::rotation},
                   Kind::unreadable},
        Alteration{"version_kind",
                   "UPDATE secret_versions v SET kind = 2 FROM secrets s WHERE s.id = v.secret_id AND s.name "
                   "= 'victim'",
                   kVersions},
        // The order of versions is that of their creation; the labels are where they were.
        Alteration{"version_created",
                   "UPDATE secret_versions v SET created = now() FROM secrets s, staging_labels l WHERE s.id "
                   "= v.secret_id AND s.name = 'victim' AND l.secret_id = s.id AND l.version_id = "
                   "v.version_id AND l.label = 'AWSPREVIOUS'",
                   kVersions},
        Alteration{"version_gone",
                   "DELETE FROM secret_versions v USING secrets s, staging_labels l WHERE s.id = v.secret_id "
                   "AND s.name = 'victim' AND l.secret_id = s.id AND l.version_id = v.version_id AND l.label "
                   "= 'AWSPREVIOUS'",
                   {SecretPart::versions, SecretPart::labels}},
        Alteration{"label_moved",
                   "UPDATE staging_labels l SET version_id = (SELECT version_id FROM staging_labels o WHERE "
                   "o.secret_id = l.secret_id AND o.label = 'AWSPREVIOUS') FROM secrets s WHERE s.id = "
                   "l.secret_id AND s.name = 'victim' AND l.label = 'AWSCURRENT'",
                   kLabels},
        Alteration{"label_gone",
                   "DELETE FROM staging_labels l USING secrets s WHERE s.id = l.secret_id AND s.name = "
                   "'victim' AND l.label = 'AWSPREVIOUS'",
                   kLabels},
        Alteration{"seal", "UPDATE secrets SET seal = '' WHERE name = 'victim'", {}},
        Alteration{"seal_of_another",
                   "UPDATE secrets SET seal = (SELECT seal FROM secrets WHERE name = 'bystander') WHERE name "
                   "= 'victim'",
                   {}},
        Alteration{"several",
                   "UPDATE secrets SET tags = NULL, description = 'x' WHERE name = 'victim'",
                   {SecretPart::description, SecretPart::tags}}),
    [](const auto& alteration) { return std::string(alteration.param.what); });

TEST_F(DamageTest, AVersionThatWasAddedIsNamed) {
    by_hand(
        "INSERT INTO secret_versions (secret_id, version_id, created) SELECT id, 'foreign', now() FROM "
        "secrets WHERE name = 'victim'");
    auto page = scan();
    ASSERT_EQ(page.damaged.size(), 1U);
    EXPECT_EQ(page.damaged[0].parts, kVersions);
    EXPECT_EQ(page.damaged[0].added_version, VersionId("foreign"));
    // Also where there are no digests, as of a secret that was last changed before they were kept.
    by_hand("UPDATE secrets SET part_digests = NULL");
    page = scan();
    ASSERT_EQ(page.damaged.size(), 1U);
    EXPECT_EQ(page.damaged[0].parts, std::nullopt);
    EXPECT_EQ(page.damaged[0].added_version, VersionId("foreign"));
    // Leaving it out is the whole of the mending.
    by_hand("DELETE FROM secret_versions WHERE version_id = 'foreign'");
    EXPECT_THAT(scan().damaged, IsEmpty());
}

TEST_F(DamageTest, DigestsDecideNothing) {
    by_hand("UPDATE secrets SET part_digests = '\\x01' WHERE name = 'victim'");
    EXPECT_THAT(scan().damaged, IsEmpty());
    by_hand("UPDATE secrets SET description = 'x' WHERE name = 'victim'");
    ASSERT_EQ(scan().damaged.size(), 1U);
    EXPECT_EQ(scan().damaged[0].parts, std::nullopt);
}

TEST_F(DamageTest, PagesHaveEachSecretOnce) {
    for (int i = 0; i < 9; ++i) insert(make_secret("more-" + std::to_string(i)));
    by_hand("UPDATE secrets SET description = 'x' WHERE name IN ('more-1', 'more-4', 'more-7')");
    std::vector<std::string> names;
    std::size_t looked_at = 0;
    std::optional<SecretId> after;
    int pages = 0;
    do {
        const auto page = scan(4, after);
        for (const auto& each : page.damaged) names.push_back(each.name);
        looked_at += page.looked_at;
        after = page.next;
        ++pages;
    } while (after);
    EXPECT_EQ(looked_at, 11U);
    EXPECT_EQ(pages, 3);  // 4, 4 and 3
    EXPECT_THAT(names, testing::UnorderedElementsAre("more-1", "more-4", "more-7"));
}

TEST_F(DamageTest, AnIdOfZerosIsFound) {
    by_hand(
        "INSERT INTO secrets (id, name, arn, created, last_changed, revision, seal) VALUES "
        "('00000000-0000-0000-0000-000000000000', 'forged', 'arn', now(), now(), 9223372036854775807, '')");
    const auto page = scan(1);
    ASSERT_EQ(page.damaged.size(), 1U);
    EXPECT_EQ(page.damaged[0].name, "forged");
    EXPECT_THAT(scan(500, page.next).damaged, IsEmpty());
}

TEST_F(DamageTest, ADiscardedSecretIsGoneAndItsNameIsFree) {
    by_hand("UPDATE secrets SET description = 'x', revision = 9223372036854775807 WHERE name = 'victim'");
    write_now<Done>(database(), [&](WriteTransaction& tx) {
        const auto found = DamageRepository::lock(tx, victim_);
        EXPECT_TRUE(found && found->damage);
        DamageRepository::discard(tx, *found->damage);
        EXPECT_THAT(tx.changed_secrets(), ElementsAre("victim")) << "caches are told";
        EXPECT_EQ(tx.sealed_rows().size(), 1U);
        EXPECT_EQ(tx.sealed_rows()[0].key, victim_.value().text());
        EXPECT_TRUE(tx.sealed_rows()[0].discarded);
        return Done{};
    });
    const auto rows = [&](const std::string& table, const std::string& column) {
        return by_hand("SELECT count(*) FROM " + table + " WHERE " + column + " = '" +
                       victim_.value().text() + "'");
    };
    EXPECT_EQ(rows("secrets", "id"), "0");
    for (const char* table : {"secret_versions", "staging_labels", "last_access", "version_last_access"}) {
        EXPECT_EQ(rows(table, "secret_id"), "0") << table;
    }
    EXPECT_FALSE(look(victim_));
    EXPECT_TRUE(insert(make_secret("victim")));
    EXPECT_THAT(scan().damaged, IsEmpty());
    EXPECT_TRUE(find("bystander"));
}

/// Another generation's seals cannot be judged: `unknown` stands for one that the token lacks.
class LackingSealKeeper final : public SealKeeper {
public:
    explicit LackingSealKeeper(std::shared_ptr<HmacSealKeeper> seals) : seals_(std::move(seals)) {}
    [[nodiscard]] Bytes make(Bytes message, Deadline deadline) override {
        return seals_->make(std::move(message), deadline);
    }
    [[nodiscard]] bool check(Bytes message, ByteView seal, Deadline deadline) override {
        constexpr std::size_t kWithGeneration = 36;
        if (away || seal.size() == kWithGeneration) throw Unavailable("the token lacks the generation");
        return seals_->check(std::move(message), seal, deadline);
    }
    std::atomic<bool> away{false};

private:
    const std::shared_ptr<HmacSealKeeper> seals_;
};

TEST_F(DamageTest, ASealThatCannotBeJudgedHidesNoOther) {
    insert(make_secret("newer"));
    // Generation 7, as the seal's first four bytes say.
    by_hand("UPDATE secrets SET seal = '\\x00000007'::bytea || seal WHERE name = 'newer'");
    by_hand("UPDATE secrets SET description = 'x' WHERE name = 'victim'");
    const auto keeper = std::make_shared<LackingSealKeeper>(seals_);
    const auto database = Database::open(config(), keeper, observer_);
    const auto scan_here = [&] {
        return read_now<DamageRepository::Page>(
            *database, [](ReadTransaction& tx) { return DamageRepository::scan(tx, std::nullopt, 500); });
    };
    std::vector<std::string> found;
    for (const auto& each : scan_here().damaged) {
        found.push_back(each.name + (each.kind == Kind::not_judged ? ": not judged" : ": altered"));
        EXPECT_EQ(each.seal_generation, each.kind == Kind::not_judged ? 7 : 1);
    }
    EXPECT_THAT(found, testing::UnorderedElementsAre("newer: not judged", "victim: altered"));
    // While the token is away nothing is judged, and nobody is accused.
    keeper->away = true;
    EXPECT_THROW(scan_here(), Unavailable);
}

}  // namespace
}  // namespace coffer::storage
