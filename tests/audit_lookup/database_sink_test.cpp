// The sink against a real PostgreSQL: events as the daemon writes them, and everything that must not stop it.

#include "daemon/audit_lookup/database_sink.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/audit/event.hpp"
#include "daemon/audit_lookup/event_rows.hpp"
#include "tests/storage/storage_fixture.hpp"

namespace coffer::audit_lookup {
namespace {

using audit::RecordKind;
using audit::ShippedRecord;
using ::testing::SizeIs;

/// 2026-11-25T12:00:00Z: noon of day 20,782 since 1970.
constexpr std::int64_t kNow = 20'782 * 86'400'000LL + 43'200'000;

class FixedClock final : public Clock {
public:
    [[nodiscard]] Timestamp now() const override { return Timestamp::from_millis(kNow); }
};

audit::Event event(std::int64_t ms = kNow) {
    audit::Event out;
    out.user_identity.type = audit::IdentityType::iam_user;
    out.user_identity.arn = "arn:aws:iam::111122223333:user/alice";
    out.user_identity.user_name = "alice";
    out.time = Timestamp::from_millis(ms);
    out.name = "GetSecretValue";
    out.read_only = true;
    return out;
}

ShippedRecord record(std::uint64_t sequence, const audit::Event& what) {
    return {RecordKind::event, sequence, audit::to_json(what)};
}

class DatabaseSinkTest : public storage::StorageTest {
protected:
    void deliver(std::vector<ShippedRecord> records) { sink().deliver(records); }
    DatabaseSink& sink() {
        if (!sink_) {
            sink_ = std::make_unique<DatabaseSink>(database(), storage::AuditJournalName{"node-1", journal_},
                                                   std::chrono::hours(24 * 90), clock_,
                                                   std::chrono::milliseconds(0));
        }
        return *sink_;
    }
    std::string count() { return by_hand("SELECT count(*) FROM audit_events WHERE part = 0"); }

    const FixedClock clock_;
    const Uuid journal_ = Uuid::random();
    std::unique_ptr<DatabaseSink> sink_;
};

TEST_F(DatabaseSinkTest, EventsAndCheckpointsAreThereOnce) {
    const auto one = record(2, event());
    deliver({one, {RecordKind::checkpoint, 3, "{\"format\":1}"}});
    deliver({one, {RecordKind::checkpoint, 3, "{\"format\":1}"}, record(4, event(kNow + 86'400'000))});
    EXPECT_EQ(count(), "2");
    EXPECT_EQ(by_hand("SELECT node || ' ' || sequence || ' ' || json FROM audit_checkpoints"),
              "node-1 3 {\"format\":1}");
    EXPECT_EQ(by_hand("SELECT event_name || ' ' || user_name || ' ' || read_only FROM audit_events "
                      "WHERE sequence = 2"),
              "GetSecretValue alice true");
    EXPECT_EQ(by_hand("SELECT event FROM audit_events WHERE sequence = 2"), one.json);
}

TEST_F(DatabaseSinkTest, WhatIsOlderThanWhatIsKeptIsPassedOver) {
    deliver({record(2, event(kNow - 91 * 86'400'000LL)), record(3, event(kNow - 89 * 86'400'000LL))});
    EXPECT_EQ(count(), "1");
}

TEST_F(DatabaseSinkTest, ADayThatAnotherNodeDroppedIsMadeAgain) {
    deliver({record(2, event())});
    by_hand("DROP TABLE audit_events_20261125");
    EXPECT_THROW(deliver({record(3, event())}), audit::SinkError);
    deliver({record(3, event())});
    EXPECT_EQ(count(), "1");
}

TEST_F(DatabaseSinkTest, NoEventStopsTheOthers) {
    auto with_nul = event();
    with_nul.request_parameters = boost::json::object{{"secretId", std::string("a\0b", 3)}};
    auto with_long = event();
    with_long.request_parameters = boost::json::object{{"secretId", std::string(50'000, 'x')}};
    deliver({record(2, with_nul),
             record(3, with_long),
             {RecordKind::event, 4, "no JSON"},
             {RecordKind::event, 5, "{}"},
             record(6, event())});
    EXPECT_EQ(count(), "3");
    EXPECT_EQ(by_hand("SELECT secret FROM audit_events WHERE sequence = 2"),
              "a\xEF\xBF\xBD"
              "b");
    EXPECT_EQ(by_hand("SELECT length(secret) FROM audit_events WHERE sequence = 3"), "1024");
}

TEST_F(DatabaseSinkTest, CancelledItThrowsAtOnce) {
    sink().cancel();
    EXPECT_THROW(deliver({record(2, event())}), audit::SinkError);
}

TEST_F(DatabaseSinkTest, OldDaysAreDropped) {
    deliver({record(2, event(kNow - 3 * 86'400'000LL)), record(3, event(kNow - 2 * 86'400'000LL)),
             record(4, event())});
    EXPECT_THAT(drop_events(database(), Timestamp::from_millis(kNow - 86'400'000), [] { return false; }),
                SizeIs(2));
    EXPECT_EQ(count(), "1");
}

TEST(EventRows, SecretsByArnAndWhatWasRequestedBesides) {
    auto batch = event();
    batch.resources = {
        {.arn = "arn:aws:secretsmanager:local:111122223333:secret:app/db-AbCdEf", .account_id = ""}};
    batch.request_parameters =
        boost::json::object{{"secretIdList", boost::json::array{"app/db", "app/gone"}}};
    const auto row = row_of(record(2, batch));
    ASSERT_TRUE(row);
    ASSERT_THAT(row->secrets, SizeIs(2));
    EXPECT_EQ(row->secrets[0].secret, "arn:aws:secretsmanager:local:111122223333:secret:app/db-AbCdEf");
    EXPECT_EQ(row->secrets[0].name, "app/db");
    EXPECT_EQ(row->secrets[1].secret, "app/gone");
    EXPECT_EQ(row->secrets[1].name, "app/gone");
}

}  // namespace
}  // namespace coffer::audit_lookup
