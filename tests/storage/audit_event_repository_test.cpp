// Copies of audit events in a real PostgreSQL: what is found, in which order and on which page. What a filter
// means is docs/coffer-audit.md.

#include "storage/audit_event_repository.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "tests/storage/storage_fixture.hpp"

namespace coffer::storage {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::int64_t kDay = 24LL * 3600 * 1000;
/// 2026-11-25T00:00:00Z: 20,782 days after 1970-01-01 (56 years with 14 leap days, and 328 days).
constexpr std::int64_t kToday = 20'782 * kDay;
constexpr auto kArn = "arn:aws:secretsmanager:local:111122223333:secret:";

AuditEventSecret secret(const std::string& name) {
    return {kArn + name + "-AbCdEf", name};
}

class AuditEventRepositoryTest : public StorageTest {
protected:
    AuditEventRow row(std::uint64_t sequence, std::int64_t ms, const std::string& name = "GetSecretValue") {
        AuditEventRow out;
        out.sequence = sequence;
        out.event_id = Uuid::random();
        out.time = Timestamp::from_millis(ms);
        out.source = "secretsmanager.amazonaws.com";
        out.name = name;
        out.principal = "arn:aws:iam::111122223333:user/alice";
        out.user_name = "alice";
        out.principal_id = "AIDAEXAMPLE";
        out.read_only = name.starts_with("Get");
        out.event = std::to_string(sequence);
        return out;
    }

    void insert(const std::vector<AuditEventRow>& rows, const AuditJournalName& journal) {
        write_now<bool>(database(), [&](WriteTransaction& tx) {
            std::vector<Timestamp> days;
            for (const auto& r : rows) days.push_back(r.time);
            AuditEventRepository::make_days(tx, days);
            AuditEventRepository::insert(tx, journal, rows);
            return true;
        });
    }
    void insert(const std::vector<AuditEventRow>& rows) { insert(rows, journal_); }

    AuditEventPage page(const AuditEventQuery& query) {
        return read_now<AuditEventPage>(
            database(), [&](ReadTransaction& tx) { return AuditEventRepository::find(tx, query); });
    }
    /// The texts of all pages together.
    std::vector<std::string> found(AuditEventQuery query) {
        std::vector<std::string> texts;
        for (int pages = 0; pages < 1000; ++pages) {
            const auto got = page(query);
            for (const auto& event : got.events) texts.push_back(event.event);
            if (!got.next) return texts;
            query.after = got.next;
        }
        ADD_FAILURE() << "pages without end";
        return texts;
    }
    std::string partitions() {
        return by_hand(
            "SELECT string_agg(c.relname, ' ' ORDER BY c.relname) FROM pg_inherits JOIN pg_class c ON "
            "c.oid = inhrelid WHERE inhparent = 'audit_events'::regclass");
    }

    const AuditJournalName journal_{"node-1", Uuid::random()};
};

TEST_F(AuditEventRepositoryTest, NewestFirstOverDaysAndPages) {
    std::vector<AuditEventRow> rows;
    for (std::uint64_t i = 1; i <= 7; ++i)
        rows.push_back(row(i, kToday - 2 * kDay + static_cast<std::int64_t>(i) * kDay / 3));
    insert(rows);
    for (const std::size_t most : {1U, 2U, 3U, 7U, 50U}) {
        AuditEventQuery query;
        query.most = most;
        EXPECT_THAT(found(query), ElementsAre("7", "6", "5", "4", "3", "2", "1")) << most;
    }
}

TEST_F(AuditEventRepositoryTest, EventsOfOneMillisecondAreNeitherLostNorRepeated) {
    std::vector<AuditEventRow> rows;
    for (std::uint64_t i = 1; i <= 5; ++i) rows.push_back(row(i, kToday + 7));
    insert(rows);
    insert({row(1, kToday + 7)}, {"node-2", Uuid::random()});
    AuditEventQuery query;
    query.most = 2;
    EXPECT_EQ(found(query).size(), 6U);
}

TEST_F(AuditEventRepositoryTest, ARepeatedDeliveryChangesNothing) {
    const auto one = row(1, kToday);
    insert({one});
    insert({one, row(2, kToday + 1)});
    EXPECT_THAT(found({}), ElementsAre("2", "1"));
}

TEST_F(AuditEventRepositoryTest, ADayOfUtcIsAPartition) {
    insert({row(1, kToday - 1), row(2, kToday), row(3, kToday + kDay - 1)});
    EXPECT_EQ(partitions(), "audit_events_20261124 audit_events_20261125");
    EXPECT_EQ(by_hand("SELECT count(*) FROM audit_events_20261125"), "2");
}

TEST_F(AuditEventRepositoryTest, SeveralNodesMakeTheSameDaysAtOnce) {
    constexpr int kNodes = 6;
    std::vector<std::unique_ptr<Database>> databases;
    for (int i = 0; i < kNodes; ++i) databases.push_back(open(1));
    std::vector<std::thread> threads;
    for (auto& node : databases) {
        threads.emplace_back([&node, this] {
            const AuditJournalName journal{"node", Uuid::random()};
            const auto event = row(1, kToday);
            write_now<bool>(*node, [&](WriteTransaction& tx) {
                AuditEventRepository::make_days(tx, {event.time, event.time + std::chrono::hours(24)});
                AuditEventRepository::insert(tx, journal, {event});
                return true;
            });
        });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(partitions(), "audit_events_20261125 audit_events_20261126");
    EXPECT_EQ(found({}).size(), static_cast<std::size_t>(kNodes));
}

TEST_F(AuditEventRepositoryTest, Filters) {
    auto read = row(1, kToday);
    read.secrets = {secret("app/db")};
    auto refused = row(2, kToday + 1, "PutSecretValue");
    refused.secrets = {secret("app/mail")};
    refused.error_code = "AccessDenied";
    refused.principal = "arn:aws:iam::111122223333:user/bob";
    refused.user_name = "bob";
    refused.principal_id = "AIDABOB";
    auto missing = row(3, kToday + 2);
    missing.secrets = {{"no_such", "no_such"}};
    missing.error_code = "ResourceNotFoundException";
    auto user = row(4, kToday + 3, "CreateUser");
    user.source = "iam.amazonaws.com";
    insert({read, refused, missing, user});
    const auto with = [&](auto set) {
        AuditEventQuery query;
        set(query);
        return found(query);
    };
    EXPECT_THAT(with([](auto& q) { q.secret = "app/db"; }), ElementsAre("1"));
    EXPECT_THAT(with([](auto& q) { q.secret = kArn + std::string("app/db-AbCdEf"); }), ElementsAre("1"));
    EXPECT_THAT(with([](auto& q) { q.secret = kArn + std::string("app/db"); }), ElementsAre("1"));
    EXPECT_THAT(with([](auto& q) { q.secret = "app/*"; }), ElementsAre("2", "1"));
    EXPECT_THAT(with([](auto& q) { q.secret = "no_such"; }), ElementsAre("3"));
    EXPECT_THAT(with([](auto& q) { q.secret = "no*such"; }), ElementsAre("3"));
    EXPECT_THAT(with([](auto& q) { q.secret = "noXs*"; }), IsEmpty());  // '_' is itself
    EXPECT_THAT(with([](auto& q) { q.principal = "bob"; }), ElementsAre("2"));
    EXPECT_THAT(with([](auto& q) { q.principal = "AIDABOB"; }), ElementsAre("2"));
    EXPECT_THAT(with([](auto& q) { q.principal = "*user/b*"; }), ElementsAre("2"));
    EXPECT_THAT(with([](auto& q) { q.user_name = "alice"; }), ElementsAre("4", "3", "1"));
    EXPECT_THAT(with([](auto& q) { q.name = "getsecretvalue"; }), ElementsAre("3", "1"));
    EXPECT_THAT(with([](auto& q) { q.name = "Put*"; }), ElementsAre("2"));
    EXPECT_THAT(with([](auto& q) { q.source = "iam.amazonaws.com"; }), ElementsAre("4"));
    EXPECT_THAT(with([](auto& q) { q.outcome = "success"; }), ElementsAre("4", "1"));
    EXPECT_THAT(with([](auto& q) { q.outcome = "failure"; }), ElementsAre("3", "2"));
    EXPECT_THAT(with([](auto& q) { q.outcome = "denied"; }), ElementsAre("2"));
    EXPECT_THAT(with([](auto& q) { q.outcome = "ResourceNotFoundException"; }), ElementsAre("3"));
    EXPECT_THAT(with([](auto& q) { q.read_only = false; }), ElementsAre("4", "2"));
    EXPECT_THAT(with([&](auto& q) { q.event_id = user.event_id; }), ElementsAre("4"));
    EXPECT_THAT(with([](auto& q) { q.since = Timestamp::from_millis(kToday + 2); }), ElementsAre("4", "3"));
    EXPECT_THAT(with([](auto& q) { q.until = Timestamp::from_millis(kToday + 2); }), ElementsAre("2", "1"));
    EXPECT_THAT(with([](auto& q) {
                    q.outcome = "denied";
                    q.secret = "app/db";
                }),
                IsEmpty());
}

TEST_F(AuditEventRepositoryTest, SomebodyWhoWasQuietForLongIsFoundWithoutLookingAtTheOthers) {
    auto quiet = row(1, kToday);
    quiet.principal = "arn:aws:iam::111122223333:user/bob";
    quiet.user_name = "bob";
    // Known by its certificate alone, whose name is that of a user.
    auto stranger = row(2, kToday + 1);
    stranger.principal = "bob";
    stranger.user_name.clear();
    std::vector<AuditEventRow> rows{quiet, stranger};
    for (std::uint64_t i = 3; i <= 50; ++i) rows.push_back(row(i, kToday + static_cast<std::int64_t>(i)));
    insert(rows);
    AuditEventQuery query;
    query.look_at_most = 5;
    const auto page_of = [&](const std::string& principal) {
        query.principal = principal;
        return page(query);
    };
    const auto by_arn = page_of("arn:aws:iam::111122223333:user/bob");
    ASSERT_EQ(by_arn.events.size(), 1U);
    EXPECT_EQ(by_arn.events[0].position.sequence, 1);
    EXPECT_FALSE(by_arn.next);
    // By either meaning of the word, newest first, each event once.
    const auto by_word = page_of("bob");
    ASSERT_EQ(by_word.events.size(), 2U);
    EXPECT_EQ(by_word.events[0].position.sequence, 2);
    EXPECT_EQ(by_word.events[1].position.sequence, 1);
    EXPECT_FALSE(by_word.next);
    EXPECT_TRUE(page_of("nobody").events.empty());
    // With a further condition as many are looked at as ever, but of his.
    query.outcome = "success";
    EXPECT_EQ(page_of("bob").events.size(), 2U);
    query.most = 1;
    const auto first = page_of("bob");
    ASSERT_EQ(first.events.size(), 1U);
    EXPECT_EQ(first.events[0].position.sequence, 2);
    query.after = first.next;
    const auto second = page_of("bob");
    ASSERT_EQ(second.events.size(), 1U);
    EXPECT_EQ(second.events[0].position.sequence, 1);
}

TEST_F(AuditEventRepositoryTest, AnEventOfSeveralSecretsIsFoundByEachAndOnce) {
    auto batch = row(1, kToday, "BatchGetSecretValue");
    batch.secrets = {secret("app/a"), secret("app/b"), secret("app/c")};
    insert({batch, row(2, kToday + 1)});
    AuditEventQuery query;
    query.secret = "app/c";
    EXPECT_THAT(found(query), ElementsAre("1"));
    query.secret = "app/*";
    EXPECT_THAT(found(query), ElementsAre("1"));
    EXPECT_THAT(found({}), ElementsAre("2", "1"));
}

TEST_F(AuditEventRepositoryTest, APageLooksAtABoundedNumberOfEventsAndGoesOn) {
    std::vector<AuditEventRow> rows;
    for (std::uint64_t i = 1; i <= 100; ++i) {
        rows.push_back(
            row(i, kToday + static_cast<std::int64_t>(i), i == 3 ? "DeleteSecret" : "GetSecretValue"));
        rows.back().secrets = {secret("app/busy")};
    }
    insert(rows);
    AuditEventQuery query;
    query.name = "DeleteSecret";
    query.look_at_most = 10;
    const auto first = page(query);
    EXPECT_THAT(first.events, IsEmpty());
    ASSERT_TRUE(first.next);
    EXPECT_EQ(first.next->sequence, 91);  // 100 down to 91 are ten
    EXPECT_THAT(found(query), ElementsAre("3"));
    query.secret = "app/busy";
    EXPECT_EQ(page(query).next->sequence, 91);
    EXPECT_THAT(found(query), ElementsAre("3"));
}

TEST_F(AuditEventRepositoryTest, OldDaysAreDroppedOneAtATime) {
    insert({row(1, kToday - 2 * kDay), row(2, kToday - kDay), row(3, kToday)});
    const auto drop = [&](std::int64_t before) {
        return write_now<std::optional<std::string>>(database(), [before](WriteTransaction& tx) {
            return AuditEventRepository::drop_oldest(tx, Timestamp::from_millis(before));
        });
    };
    // The day of `before` itself stays: some of its events are younger.
    EXPECT_EQ(drop(kToday + 1), "audit_events_20261123");
    EXPECT_EQ(drop(kToday + 1), "audit_events_20261124");
    EXPECT_EQ(drop(kToday + 1), std::nullopt);
    EXPECT_THAT(found({}), ElementsAre("3"));
}

TEST_F(AuditEventRepositoryTest, Checkpoints) {
    const auto store = [&] {
        write_now<bool>(database(), [&](WriteTransaction& tx) {
            AuditEventRepository::insert_checkpoints(tx, journal_, {{7, "{}"}, {9, "{}"}});
            return true;
        });
    };
    store();
    store();
    EXPECT_EQ(by_hand("SELECT string_agg(sequence::text, ' ' ORDER BY sequence) FROM audit_checkpoints"),
              "7 9");
    by_hand("UPDATE audit_checkpoints SET stored = timestamptz '2026-11-20 00:00:00+00' WHERE sequence = 7");
    write_now<bool>(database(), [](WriteTransaction& tx) {
        AuditEventRepository::remove_checkpoints(tx, Timestamp::from_millis(kToday - kDay));
        return true;
    });
    EXPECT_EQ(by_hand("SELECT string_agg(sequence::text, ' ') FROM audit_checkpoints"), "9");
}

}  // namespace
}  // namespace coffer::storage
