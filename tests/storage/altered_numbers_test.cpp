// Numbers, days and times that nothing seals, as Coffer never writes them: whoever owns the tables can put
// them there. They are a failure of their row, at most, and never of the statement that the row is part of.

#include <gmock/gmock.h>

#include <set>

#include "storage/audit_outbox.hpp"
#include "storage/certificate_repository.hpp"
#include "storage/master_key_repository.hpp"
#include "storage/pg_connection.hpp"
#include "storage/rewrap_repository.hpp"
#include "storage/rotation_repository.hpp"
#include "storage/seal_key_repository.hpp"
#include "storage/token_key_repository.hpp"
#include "storage/usage_repository.hpp"
#include "tests/storage/storage_fixture.hpp"

namespace coffer::storage {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::UnorderedElementsAre;

constexpr std::int64_t kMay2025 = 1'746'057'600'000;  // 2025-05-01

class AlteredNumbersTest : public StorageTest {
protected:
    AlteredNumbersTest() {
        victim_ = make_victim();
        bystander_ = make_secret("bystander");
        for (auto* made : {&victim_, &bystander_}) {
            for (auto& [id, payload] : made->payloads) payload.master_key = key_;
            for (auto& version : made->secret.versions) version.master_key = key_;
            insert(*made);
        }
    }

    /// Without the constraints that refuse slips: the owner of the tables can drop them.
    void alter(const std::string& sql) {
        by_hand(
            "DO $$ DECLARE c record; BEGIN FOR c IN SELECT conrelid::regclass AS t, conname FROM "
            "pg_constraint WHERE contype = 'c' AND connamespace = current_schema()::regnamespace LOOP "
            "EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', c.t, c.conname); END LOOP; END $$");
        by_hand(sql);
    }
    void alter_current_version_of_victim(const std::string& assignment) {
        alter("UPDATE secret_versions SET " + assignment + " WHERE version_id = '" +
              current_of_victim().value() + "'");
    }
    [[nodiscard]] const VersionId& current_of_victim() const { return victim_.payloads[0].first; }

    std::vector<std::string> names_by(SortKey key, bool descending) {
        std::vector<std::string> names;
        ListQuery query;
        query.sort_by = key;
        query.descending = descending;
        query.limit = 1;
        do {
            auto page = read_now<ListResult>(
                database(), [&](ReadTransaction& tx) { return SecretRepository::list(tx, query); });
            for (const auto& secret : page.secrets) names.push_back(secret.name);
            query.after = page.next;
        } while (query.after && names.size() < 10);
        return names;
    }

    const Uuid key_ = Uuid::random();
    NewSecret victim_;
    NewSecret bystander_;
};

TEST_F(AlteredNumbersTest, SlipsAreRefusedByTheDatabase) {
    for (const auto* slip :
         {"UPDATE secret_versions SET key_generation = -1", "UPDATE last_access SET day = 'infinity'",
          "INSERT INTO audit_outbox (event_id, node, event, mac, generation) VALUES (gen_random_uuid(), 'n', "
          "'{}', '', -1)"}) {
        by_hand("INSERT INTO last_access SELECT id, '2025-05-01' FROM secrets ON CONFLICT DO NOTHING");
        EXPECT_ANY_THROW(by_hand(slip)) << slip;
    }
}

// ---- generations ----------------------------------------------------------------------------------------

TEST_F(AlteredNumbersTest, AValueUnderNoGenerationIsRefusedAndNamed) {
    for (const auto* none : {"-1", "0"}) {
        alter_current_version_of_victim(std::string("key_generation = ") + none);
        const auto failures_before = observer_->failures().size();
        try {
            static_cast<void>(payload(victim_.secret, current_of_victim()));
            FAIL() << "believed";
        } catch (const IntegrityError& error) {
            EXPECT_THAT(error.what(), AllOf(HasSubstr("secret_versions"), HasSubstr("key_generation"),
                                            HasSubstr(current_of_victim().value())));
        }
        EXPECT_EQ(observer_->failures().size(), failures_before + 1);
    }
    EXPECT_TRUE(payload(victim_.secret, victim_.payloads[1].first)) << "another version of it is as it was";
    EXPECT_TRUE(payload(bystander_.secret, bystander_.payloads[0].first));
}

TEST_F(AlteredNumbersTest, ReadsThatWaitTogetherAreServed) {
    alter_current_version_of_victim("key_generation = -1");
    auto found = read_now<std::vector<Outcome<LoadedSecret>>>(database(), [&](ReadTransaction& tx) {
        return SecretRepository::find_all(tx, {"victim", "bystander"}, StagingLabel("AWSCURRENT"));
    });
    const auto victim = found[0].take();
    EXPECT_TRUE(victim.secret) << "its seal holds, and its other versions can be read";
    EXPECT_FALSE(victim.value);
    EXPECT_TRUE(found[1].take().value);
}

TEST_F(AlteredNumbersTest, DataKeysUnderNoGenerationAreGoneThroughWithTheOthers) {
    alter_current_version_of_victim("key_generation = -1");
    const auto all = read_now<std::vector<StoredDataKey>>(
        database(), [&](ReadTransaction& tx) { return RewrapRepository::next(tx, key_, 4, 0, 1000, 100); });
    std::multiset<std::uint32_t> generations;
    for (const auto& each : all) generations.insert(each.generation);
    EXPECT_THAT(generations, ElementsAre(0, 3, 3));
    EXPECT_THAT(observer_->failures(),
                ElementsAre(AllOf(HasSubstr("secret_versions"), HasSubstr(current_of_victim().value()))));

    const auto counts = read_now<std::map<std::uint32_t, std::int64_t>>(
        database(), [&](ReadTransaction& tx) { return RewrapRepository::count_by_generation(tx, key_); });
    EXPECT_THAT(counts, ElementsAre(Pair(0, 1), Pair(3, 2)));

    const auto proofs = read_now<std::vector<VersionProof>>(database(), [&](ReadTransaction& tx) {
        return RewrapRepository::versions(tx, key_, {Uuid(std::array<std::uint8_t, 16>{}), ""}, 10, true);
    });
    EXPECT_EQ(proofs.size(), 3U);
}

TEST_F(AlteredNumbersTest, WhatSaysHowFarRewrappingIs) {
    write_now<Done>(database(), [&](WriteTransaction& tx) {
        RewrapRepository::begin(tx, key_, 4, Timestamp::from_millis(kMay2025));
        return Done{};
    });
    alter("UPDATE rewraps SET generation = -1, started = 'infinity'");
    alter("UPDATE rewrap_slices SET next_block = -5, end_block = 9223372036854775807");
    const auto progress = read_now<std::optional<RewrapProgress>>(
        database(), [&](ReadTransaction& tx) { return RewrapRepository::progress(tx, key_); });
    ASSERT_TRUE(progress);
    EXPECT_EQ(progress->generation, 0U);
    EXPECT_TRUE(write_now<bool>(database(), [&](WriteTransaction& tx) {
        return RewrapRepository::begin(tx, key_, 4, Timestamp::from_millis(kMay2025));
    })) << "it is begun anew";
    alter("UPDATE rewrap_slices SET next_block = -5, end_block = 9223372036854775807");
    const auto slice = write_now<std::optional<RewrapSlice>>(
        database(), [&](WriteTransaction& tx) { return RewrapRepository::claim(tx, key_, 4, "node", 10s); });
    ASSERT_TRUE(slice);
    const auto keys = read_now<std::vector<StoredDataKey>>(database(), [&](ReadTransaction& tx) {
        return RewrapRepository::next(tx, key_, 4, slice->next_block, slice->end_block, 100);
    });
    EXPECT_EQ(keys.size(), 3U);
}

TEST_F(AlteredNumbersTest, TheSetOfMasterKeysIsRefusedAsAltered) {
    write_now<Done>(database(), [&](WriteTransaction& tx) {
        StoredMasterKey key{key_, 1, "a", Timestamp::from_millis(kMay2025), make_payload()};
        key.check_value.master_key = key_;
        key.check_value.generation = 1;
        MasterKeyRepository::add(tx, {key});
        return Done{};
    });
    const auto load = [&] {
        return read_now<StoredMasterKeys>(database(),
                                          [](ReadTransaction& tx) { return MasterKeyRepository::load(tx); });
    };
    ASSERT_EQ(load().generations.size(), 1U);
    alter("UPDATE master_keys SET created = 'infinity'");
    EXPECT_THROW(static_cast<void>(load()), IntegrityError);
    alter("UPDATE master_keys SET created = '2025-05-01 00:00:00+00', generation = -1");
    EXPECT_THROW(static_cast<void>(load()), IntegrityError);
}

TEST_F(AlteredNumbersTest, EventsUnderNoGenerationAreReadWithTheOthers) {
    alter(
        "INSERT INTO audit_outbox (event_id, node, event, mac, generation) VALUES "
        "('11111111-1111-4111-8111-111111111111', 'n', '{}', '', -1), "
        "('22222222-2222-4222-8222-222222222222', 'n', '{}', '', 2)");
    const auto rows = read_now<std::vector<OutboxRow>>(
        database(), [](ReadTransaction& tx) { return AuditOutbox::pending(tx, "n", 0ms, 10, {2}); });
    ASSERT_EQ(rows.size(), 2U);
    EXPECT_EQ(rows[0].generation, 2U);
    EXPECT_EQ(rows[1].generation, 0U);
    const auto nodes = read_now<std::map<std::uint32_t, std::vector<std::string>>>(
        database(), [](ReadTransaction& tx) { return SealKeyRepository::outbox_nodes(tx); });
    EXPECT_THAT(nodes, ElementsAre(Pair(2, ElementsAre("n"))));
}

TEST_F(AlteredNumbersTest, NodesThatSayNoGenerationHaveNone) {
    write_now<Done>(database(), [](WriteTransaction& tx) {
        for (const auto* node : {"a", "b"}) {
            SealKeyRepository::put_holder(tx, node, 2, 2, Timestamp::from_millis(kMay2025));
            TokenKeyRepository::put_signer(tx, {node, Uuid::random(), 2, Timestamp::from_millis(kMay2025)});
        }
        return Done{};
    });
    alter(
        "UPDATE seal_holders SET generation = -7, seen = 'infinity', changed = 'infinity' WHERE node = 'a'");
    alter("UPDATE audit_signers SET generation = -7, seen = '-infinity' WHERE node = 'a'");
    alter(
        "INSERT INTO token_keys (purpose, generation, created, marked, retirement) VALUES "
        "('seal', -1, now(), NULL, NULL), ('seal', 2, 'infinity', 'infinity', gen_random_uuid()), "
        "('audit', -1, now(), NULL, NULL), ('audit', 2, '-infinity', NULL, NULL)");
    const auto holders = read_now<std::vector<SealHolder>>(
        database(), [](ReadTransaction& tx) { return SealKeyRepository::holders(tx); });
    ASSERT_EQ(holders.size(), 2U);
    EXPECT_EQ(holders[0].generation, 0U) << "it holds a rotation back until the node writes the row anew";
    EXPECT_EQ(holders[1].generation, 2U);
    const auto signers = read_now<std::vector<AuditSigner>>(
        database(), [](ReadTransaction& tx) { return TokenKeyRepository::signers(tx); });
    ASSERT_EQ(signers.size(), 2U);
    EXPECT_EQ(signers[0].generation, 0U);
    const auto seal_keys = read_now<std::vector<StoredSealKey>>(
        database(), [](ReadTransaction& tx) { return SealKeyRepository::keys(tx); });
    ASSERT_EQ(seal_keys.size(), 1U);
    EXPECT_EQ(seal_keys[0].generation, 2U);
    const auto audit_keys = read_now<std::vector<StoredAuditKey>>(
        database(), [](ReadTransaction& tx) { return TokenKeyRepository::audit_keys(tx); });
    ASSERT_EQ(audit_keys.size(), 1U);
    EXPECT_THAT(
        observer_->failures(),
        UnorderedElementsAre(HasSubstr("seal_holders, row a"), HasSubstr("audit_signers, row a"),
                             HasSubstr("token_keys, row seal/-1"), HasSubstr("token_keys, row audit/-1")));
}

// ---- days and times -------------------------------------------------------------------------------------

TEST_F(AlteredNumbersTest, AJournalWithoutACheckpointHasNoSignerAndThatIsNoFailure) {
    const AuditSigner fresh{"fresh", Uuid::random(), 0, Timestamp::from_millis(1'000)};
    write_now<Done>(database(), [&](WriteTransaction& tx) {
        TokenKeyRepository::put_signer(tx, fresh);
        return Done{};
    });
    const auto signers = read_now<std::vector<AuditSigner>>(
        database(), [](ReadTransaction& tx) { return TokenKeyRepository::signers(tx); });
    ASSERT_EQ(signers.size(), 1U);
    EXPECT_EQ(signers[0].generation, 0U);
    EXPECT_EQ(signers[0].journal, fresh.journal);
    EXPECT_THAT(observer_->failures(), ::testing::IsEmpty());
}

TEST_F(AlteredNumbersTest, DaysOfAccessBringNoListDown) {
    for (const auto* day : {"infinity", "-infinity", "5874897-12-31", "4713-01-01 BC"}) {
        const auto value = std::string("'") + day + "'";
        alter(
            "INSERT INTO last_access SELECT id, '2025-05-01' FROM secrets ON CONFLICT (secret_id) DO UPDATE "
            "SET day = excluded.day");
        alter("UPDATE last_access a SET day = " + value +
              " FROM secrets s WHERE s.id = a.secret_id AND s.name = 'victim'");
        alter("DELETE FROM version_last_access");
        alter("INSERT INTO version_last_access SELECT secret_id, version_id, " + value +
              " FROM secret_versions");
        for (const auto key : {SortKey::name, SortKey::created, SortKey::last_accessed}) {
            for (const bool descending : {false, true}) {
                EXPECT_THAT(names_by(key, descending), UnorderedElementsAre("victim", "bystander"))
                    << day << ", " << static_cast<int>(key) << ' ' << descending;
            }
        }
        EXPECT_TRUE(find("victim")) << day;
    }
    EXPECT_THAT(observer_->failures(), IsEmpty()) << "they are statistics";
}

TEST_F(AlteredNumbersTest, ADayToComeIsMendedByTheNextRead) {
    const SecretRepository::Access access{victim_.secret.id, current_of_victim(),
                                          Timestamp::from_millis(kMay2025), "arn"};
    alter("UPDATE last_access SET day = 'infinity'");
    alter("INSERT INTO version_last_access SELECT secret_id, version_id, 'infinity' FROM secret_versions");
    write_now<Done>(database(), [&](WriteTransaction& tx) {
        SecretRepository::record_accesses(tx, {access});
        return Done{};
    });
    const auto found = find("victim");
    EXPECT_EQ(found->last_accessed, access.day);
    for (const auto& version : found->versions) {
        if (version.id == current_of_victim()) {
            EXPECT_EQ(version.last_accessed, access.day);
        }
    }
}

TEST_F(AlteredNumbersTest, ASealedTimeThatIsNoneIsRefusedAndTheOthersAreListed) {
    for (const auto* assignment : {"created = 'infinity'", "last_changed = '-infinity'",
                                   "deleted = 'infinity', purge_due = 'infinity'"}) {
        SCOPED_TRACE(assignment);
        const auto before =
            by_hand("SELECT created || '|' || last_changed FROM secrets WHERE name = 'victim'");
        alter(std::string("UPDATE secrets SET ") + assignment + " WHERE name = 'victim'");
        EXPECT_THROW(static_cast<void>(find("victim")), IntegrityError);
        ListQuery query;
        query.include_deleted = true;
        const auto listed = read_now<ListResult>(
            database(), [&](ReadTransaction& tx) { return SecretRepository::list(tx, query); });
        ASSERT_EQ(listed.secrets.size(), 1U);
        EXPECT_EQ(listed.secrets[0].name, "bystander");
        const auto bar = before.find('|');
        alter("UPDATE secrets SET deleted = NULL, purge_due = NULL, created = '" + before.substr(0, bar) +
              "', last_changed = '" + before.substr(bar + 1) + "' WHERE name = 'victim'");
        EXPECT_TRUE(find("victim"));
    }
    alter("UPDATE secret_versions SET created = 'infinity' WHERE version_id = '" +
          current_of_victim().value() + "'");
    EXPECT_THROW(static_cast<void>(find("victim")), IntegrityError);
    EXPECT_TRUE(find("bystander"));
}

TEST_F(AlteredNumbersTest, TheQueueOfRotationsGoesOn) {
    const auto now = Timestamp::from_millis(kMay2025);
    write_now<Done>(database(), [&](WriteTransaction& tx) {
        for (const auto& id : {victim_.secret.id, bystander_.secret.id}) {
            RotationTask task;
            task.secret = id;
            task.due = now;
            RotationRepository::begin(tx, task, now);
        }
        return Done{};
    });
    alter(
        "UPDATE rotations SET started = 'infinity', last_attempt = '-infinity', step = 77 WHERE secret_id = "
        "'" +
        victim_.secret.id.value().text() + "'");
    const auto claimed = write_now<std::vector<RotationTask>>(database(), [&](WriteTransaction& tx) {
        return RotationRepository::claim(tx, now, 10, "node", 60s, {});
    });
    ASSERT_EQ(claimed.size(), 2U);
    for (const auto& task : claimed) EXPECT_EQ(task.step, RotationStep::create);
    const auto listed = read_now<std::vector<RotationTask>>(
        database(), [](ReadTransaction& tx) { return RotationRepository::list(tx, "", 10); });
    EXPECT_EQ(listed.size(), 2U);
}

TEST_F(AlteredNumbersTest, CertificatesWithoutTimesAreReadWithTheOthers) {
    const auto now = Timestamp::from_millis(kMay2025);
    write_now<Done>(database(), [&](WriteTransaction& tx) {
        for (const auto* serial : {"01", "02", "03"}) {
            CertificateRepository::add(tx, {.authority = "ca",
                                            .issuer = "issuer",
                                            .serial = serial,
                                            .function = "f",
                                            .secret_arn = "arn",
                                            .secret_name = "s",
                                            .version = VersionId("v"),
                                            .names = "n",
                                            .issued = now,
                                            .not_before = now,
                                            .not_after = now + 24h,
                                            .revoke_superseded = true,
                                            .revoked = std::nullopt,
                                            .reason = std::nullopt});
        }
        return Done{};
    });
    alter(
        "UPDATE issued_certificates SET issued = '-infinity', not_before = '-infinity', not_after = "
        "'infinity', revoked = 'infinity', reason = 'superseded' WHERE serial = '02'");
    const auto revoked = read_now<std::vector<IssuedCertificate>>(
        database(), [](ReadTransaction& tx) { return CertificateRepository::revoked(tx, "ca"); });
    ASSERT_EQ(revoked.size(), 1U);
    EXPECT_EQ(revoked[0].not_after, Timestamp::from_millis(253'402'300'799'999)) << "the end of year 9999";
    EXPECT_EQ(revoked[0].issued, Timestamp::from_millis(0));
    const auto superseded = read_now<std::vector<IssuedCertificate>>(database(), [&](ReadTransaction& tx) {
        return CertificateRepository::superseded(tx, "ca", now, "", 10);
    });
    EXPECT_EQ(superseded.size(), 2U);
    std::vector<std::string> serials;
    std::optional<CertificateRepository::Position> after;
    while (serials.size() < 10) {
        const auto page = read_now<std::vector<IssuedCertificate>>(
            database(), [&](ReadTransaction& tx) { return CertificateRepository::list(tx, {}, after, 1); });
        if (page.empty()) break;
        serials.push_back(page[0].serial);
        after = CertificateRepository::Position{page[0].not_after, page[0].authority, page[0].serial,
                                                page[0].issuer};
    }
    EXPECT_THAT(serials, ElementsAre("01", "03"));
}

// ---- statistics -----------------------------------------------------------------------------------------

TEST_F(AlteredNumbersTest, TheCountOfSecretsLeavesOutTagsThatAreNone) {
    const auto now = Timestamp::from_millis(kMay2025);
    const auto count = [&](const std::string& tags) {
        alter("UPDATE secrets SET tags = '" + tags + "' WHERE name = 'bystander'");
        alter("DELETE FROM usage_days");
        alter("DELETE FROM usage_secrets");
        EXPECT_TRUE(write_now<bool>(
            database(), [&](WriteTransaction& tx) { return UsageRepository::take_snapshot(tx, "node", now); },
            within(30s)))
            << tags;
        // And requests for it are counted.
        write_now<Done>(database(), [&](WriteTransaction& tx) {
            UsageRepository::add_by_tag(tx, "node", {{now, bystander_.secret.arn, "", {1, 0, 0}}});
            return Done{};
        });
        return by_hand(
            "SELECT string_agg(tag_key || '=' || tag_value, ',' ORDER BY tag_key) FROM "
            "usage_secrets WHERE tag_key <> ''");
    };
    for (const std::string tags :
         {R"({"a": 1})", R"("text")", R"([["c"]])", R"([{"c": "d"}])", R"([7, null])"}) {
        EXPECT_EQ(count(tags), "a=1,b=2") << tags;
    }
    EXPECT_EQ(count(R"([["c", ")" + std::string(9000, 'x') + R"("]])"), "a=1,b=2");
    EXPECT_EQ(count(R"([["c", "d"]])"), "a=1,b=2,c=d");
}

TEST_F(AlteredNumbersTest, CountsThatFitNowhereAreAddedUpAllTheSame) {
    const auto now = Timestamp::from_millis(kMay2025);
    const auto add = [&] {
        write_now<Done>(database(), [&](WriteTransaction& tx) {
            for (const auto* node : {"a", "b"}) {
                const std::vector<UsageCount> counts{{now, "who", "what", {1, 0, 1}}};
                UsageRepository::add_requests(tx, node, counts);
                UsageRepository::add_by_tag(tx, node, counts);
                UsageRepository::add_rotations(tx, node, counts);
            }
            return Done{};
        });
    };
    add();
    alter("UPDATE usage_requests SET count = 9223372036854775807");
    alter("UPDATE usage_tags SET requests = 9223372036854775807, rotations = 9223372036854775807");
    alter("UPDATE usage_rotations SET count = 9223372036854775807");
    alter("INSERT INTO usage_requests VALUES ('-infinity', 'a', 'who', 'what', 1, 0)");
    const DayRange days{now.day(), now.day() + 24h};
    const auto read = [&] {
        return read_now<UsageTotal>(database(), [&](ReadTransaction& tx) {
            static_cast<void>(UsageRepository::total_of_secrets(tx, days));
            static_cast<void>(UsageRepository::requests_by(tx, UsageRepository::By::principal, days, 10));
            static_cast<void>(UsageRepository::requests_by(tx, UsageRepository::By::operation, days, 10));
            static_cast<void>(UsageRepository::sums_by_tag(tx, "", days, 10));
            return UsageRepository::total(tx, days);
        });
    };
    EXPECT_EQ(read().sum.requests, std::numeric_limits<std::int64_t>::max());
    const auto used = read_now<UsedOperations>(
        database(), [&](ReadTransaction& tx) { return UsageRepository::used_operations(tx, now); });
    EXPECT_EQ(used.since, now.day()) << "and not since ever";
    add();
    EXPECT_NO_THROW(static_cast<void>(read()));
}

TEST(SqlStates, OfValuesThatWereAlteredHaveWords) {
    for (const auto* code : {"22003", "22008", "22P02"}) {
        EXPECT_THAT(describe_sqlstate(code), AllOf(HasSubstr(code), HasSubstr("altered by hand")));
    }
}

}  // namespace
}  // namespace coffer::storage
