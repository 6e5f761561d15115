// Whoever can write the tables grants nobody anything: each kind of tampering is found, named, and not
// believed.

#include "storage/iam_repository.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <thread>

#include "tests/storage/storage_fixture.hpp"

namespace coffer::storage {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const IamKey kAlice{IamKind::user, "alice"};
const IamKey kBob{IamKind::user, "bob"};
const IamKey kDenyAll{IamKind::policy, "deny-all"};

class IamRepositoryTest : public StorageTest {
protected:
    StoredIam load(const StoredIam* known = nullptr) {
        return read_now<StoredIam>(database(),
                                   [known](ReadTransaction& tx) { return IamRepository::load(tx, known); });
    }
    StoredIam change(const std::vector<IamChange>& changes) {
        return write_now<StoredIam>(database(), [&](WriteTransaction& tx) {
            return IamRepository::store(tx, IamRepository::lock(tx), changes);
        });
    }
    /// alice, bob and a policy, in one change.
    void fill() {
        change({{kAlice, R"({"path":"/"})"},
                {kBob, R"({"path":"/b/"})", "bob's"},
                {kDenyAll, R"({"path":"/p/"})"}});
    }
    static std::vector<IamKey> believed(const StoredIam& iam) {
        std::vector<IamKey> keys;
        for (const auto& [key, entity] : iam.entities) keys.push_back(key);
        return keys;
    }
};

TEST_F(IamRepositoryTest, IsEmptyAfterTheMigration) {
    const auto iam = load();
    EXPECT_EQ(iam.revision, 0);
    EXPECT_THAT(iam.entities, IsEmpty());
    EXPECT_THAT(iam.faults, IsEmpty());
}

TEST_F(IamRepositoryTest, StoresChangesAndDeletions) {
    fill();
    auto iam = load();
    EXPECT_EQ(iam.revision, 1);
    EXPECT_THAT(believed(iam), ElementsAre(kDenyAll, kAlice, kBob));
    EXPECT_EQ(iam.entities.at(kBob)->document, R"({"path":"/b/"})");
    EXPECT_EQ(iam.listed.at(kBob).claims, "bob's");
    EXPECT_EQ(iam.listed.at(kAlice).claims, "");

    const auto stored = change({{kBob, std::nullopt}, {kAlice, R"({"path":"/x/"})"}});
    iam = load();
    EXPECT_EQ(iam.revision, 2);
    EXPECT_EQ(iam.seal, stored.seal);
    EXPECT_EQ(iam.listed, stored.listed);
    EXPECT_THAT(believed(iam), ElementsAre(kDenyAll, kAlice));
    EXPECT_EQ(iam.entities.at(kAlice)->revision, 2);
    EXPECT_EQ(iam.entities.at(kDenyAll)->revision, 1);
    EXPECT_THAT(observer_->failures(), IsEmpty());
}

TEST_F(IamRepositoryTest, AsksTheTokenOnlyAboutWhatIsNew) {
    fill();
    const auto known = load();
    seals_->checked = 0;
    static_cast<void>(load(&known));
    EXPECT_EQ(seals_->checked, 0);
    change({{kAlice, "{}"}});
    seals_->checked = 0;
    EXPECT_EQ(load(&known).entities.at(kAlice)->document, "{}");
    EXPECT_EQ(seals_->checked, 2);  // the manifest and alice
}

/// A statement that an intruder might run, whom it is about and how it is called.
struct Tampering {
    const char* sql;
    IamKey whom;
    IamFault fault;
};

class TamperedIam : public IamRepositoryTest, public testing::WithParamInterface<Tampering> {};

TEST_P(TamperedIam, IsFoundNamedAndNotBelieved) {
    fill();
    const auto before = load();
    by_hand("CREATE TABLE yesterday AS SELECT * FROM iam_entities");
    change({{kBob, R"({"path":"/today/"})"}, {kDenyAll, R"({"path":"/q/"})"}});
    by_hand(GetParam().sql);
    for (const auto* known : {static_cast<const StoredIam*>(nullptr), &before}) {
        const auto iam = load(known);
        ASSERT_TRUE(iam.faults.contains(GetParam().whom));
        EXPECT_EQ(iam.faults.at(GetParam().whom), GetParam().fault);
        EXPECT_EQ(iam.faults.size(), 1U);
        EXPECT_FALSE(iam.entities.contains(GetParam().whom));
        EXPECT_TRUE(iam.entities.contains(kAlice));  // the others are served
    }
    EXPECT_THAT(observer_->failures(),
                Contains(AllOf(HasSubstr("table iam_entities"), HasSubstr(describe(GetParam().whom)))));
    // Another change neither heals nor hides it.
    change({{kAlice, R"({"path":"/later/"})"}});
    EXPECT_TRUE(load().faults.contains(GetParam().whom));
    // Whoever may change it can put it right.
    change({{GetParam().whom, "{}"}});
    EXPECT_THAT(load().faults, IsEmpty());
    EXPECT_TRUE(load().entities.contains(GetParam().whom));
}

INSTANTIATE_TEST_SUITE_P(
    Statements, TamperedIam,
    testing::Values(
        Tampering{"UPDATE iam_entities SET document = '{\"path\":\"/evil/\"}' WHERE name = 'bob'", kBob,
                  IamFault::altered},
        Tampering{"UPDATE iam_entities SET revision = revision + 1 WHERE name = 'bob'", kBob,
                  IamFault::altered},
        Tampering{"UPDATE iam_entities SET seal = decode(repeat('00', 32), 'hex') WHERE name = 'bob'", kBob,
                  IamFault::altered},
        Tampering{
            "DELETE FROM iam_entities WHERE name = 'bob'; INSERT INTO iam_entities SELECT * FROM yesterday "
            "WHERE name = 'bob'",
            kBob, IamFault::altered},
        Tampering{"DELETE FROM iam_entities WHERE name = 'deny-all'", kDenyAll, IamFault::missing},
        Tampering{
            "INSERT INTO iam_entities SELECT kind, 'mallory', revision, document, seal FROM iam_entities "
            "WHERE name = 'bob'",
            IamKey{IamKind::user, "mallory"}, IamFault::unlisted},
        Tampering{"INSERT INTO iam_entities SELECT 'role', name, revision, document, seal FROM iam_entities "
                  "WHERE name = 'bob'",
                  IamKey{IamKind::role, "bob"}, IamFault::unlisted}));

TEST_F(IamRepositoryTest, ARenamedRowIsTwoFaults) {
    fill();
    by_hand("UPDATE iam_entities SET name = 'carol' WHERE name = 'bob'");
    const auto iam = load();
    EXPECT_EQ(iam.faults.at(kBob), IamFault::missing);
    EXPECT_EQ(iam.faults.at({IamKind::user, "carol"}), IamFault::unlisted);
}

TEST_F(IamRepositoryTest, TruncatedRowsAreAllMissing) {
    fill();
    by_hand("TRUNCATE iam_entities");
    const auto iam = load();
    EXPECT_THAT(iam.entities, IsEmpty());
    EXPECT_EQ(iam.faults.size(), 3U);
}

class BrokenManifest : public IamRepositoryTest, public testing::WithParamInterface<const char*> {};

TEST_P(BrokenManifest, MeansThatNothingIsBelieved) {
    fill();
    change({{kBob, "{}", "claimed"}});
    by_hand(GetParam());
    EXPECT_THROW(static_cast<void>(load()), IntegrityError);
    EXPECT_THAT(observer_->failures(), ElementsAre(HasSubstr("table iam_manifest")));
    EXPECT_THROW(change({{kBob, "{}"}}), IntegrityError);
}

INSTANTIATE_TEST_SUITE_P(
    Statements, BrokenManifest,
    testing::Values(
        // An entry removed along with its row.
        "DELETE FROM iam_entities WHERE name = 'deny-all'; UPDATE iam_manifest SET entries = "
        "(SELECT json_agg(e) FROM json_array_elements(entries::json) e WHERE e->>1 <> 'deny-all')::text",
        "UPDATE iam_manifest SET entries = replace(entries, 'claimed', 'cleared')",
        "UPDATE iam_manifest SET entries = '[]'", "UPDATE iam_manifest SET revision = revision - 1",
        "UPDATE iam_manifest SET seal = NULL", "UPDATE iam_manifest SET entries = 'no json'",
        "UPDATE iam_manifest SET entries = '[[\"demon\",\"x\",1,\"00\"]]'",
        "UPDATE iam_manifest SET entries = '[]', seal = NULL", "DELETE FROM iam_manifest",
        "TRUNCATE iam_manifest",
        "UPDATE iam_manifest SET seal = (SELECT seal FROM iam_entities WHERE name = 'bob')"));

TEST_F(IamRepositoryTest, AManifestPutBackToItsBeginningListsNothing) {
    fill();
    by_hand("UPDATE iam_manifest SET revision = 0, entries = '[]', seal = NULL");
    const auto iam = load();
    EXPECT_THAT(iam.entities, IsEmpty());
    EXPECT_EQ(iam.faults.size(), 3U);
    EXPECT_EQ(iam.faults.at(kAlice), IamFault::unlisted);
}

TEST_F(IamRepositoryTest, ChangesHappenOneAfterTheOther) {
    fill();
    std::vector<std::thread> writers;
    for (int w = 0; w < 2; ++w) {
        writers.emplace_back([this, w] {
            for (int i = 0; i < 10; ++i) change({{{IamKind::group, fmt::format("g{}-{}", w, i)}, "{}"}});
        });
    }
    for (auto& writer : writers) writer.join();
    const auto iam = load();
    EXPECT_EQ(iam.revision, 21);
    EXPECT_EQ(iam.entities.size(), 23U);
    EXPECT_THAT(iam.faults, IsEmpty());
}

}  // namespace
}  // namespace coffer::storage
