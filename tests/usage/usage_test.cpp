// Snapshots of secrets, GetUsage and ListUnusedSecrets over a real PostgreSQL. All figures are worked out by
// hand.

#include <gmock/gmock.h>

#include <thread>

#include "daemon/access/access_denied.hpp"
#include "daemon/secrets/request_record.hpp"
#include "daemon/usage/service.hpp"
#include "daemon/usage/snapshot_worker.hpp"
#include "storage/access_recorder.hpp"
#include "tests/storage/storage_fixture.hpp"
#include "tests/support/rights.hpp"
#include "tests/support/run_coroutine.hpp"

namespace coffer::usage {
namespace {

using namespace std::chrono_literals;
using storage::Tag;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::int64_t kDay = 86'400'000;
/// 2026-11-01 00:00 UTC (tests/usage/report_test.cpp has the sum).
constexpr std::int64_t kNovember = (56 * 365 + 14 + 304) * kDay;

class StandingClock final : public Clock {
public:
    [[nodiscard]] Timestamp now() const override { return Timestamp::from_millis(millis); }
    std::atomic<std::int64_t> millis{kNovember};
};

class UsageTest : public storage::StorageTest {
protected:
    /// A secret with tags, created at the beginning of the month.
    storage::NewSecret add(const std::string& name, std::vector<Tag> tags, std::int64_t created = kNovember) {
        auto made = storage::make_secret(name, created);
        if (!tags.empty()) made.secret.tags = std::move(tags);
        EXPECT_TRUE(insert(made));
        return made;
    }
    void schedule_deletion(const std::string& name) {
        by_hand("UPDATE secrets SET deleted = now(), purge_due = now() + interval '7 days' WHERE name = '" +
                name + "'");
    }
    bool count_on(int day) {
        clock_.millis = kNovember + (day - 1) * kDay + kDay / 2;
        return worker_->run_once();
    }
    void SetUp() override {
        // Its own thread finds nothing to do after its first round, on a day before all others.
        clock_.millis = kNovember - kDay;
        worker_ = make_worker("n1");
        while (by_hand("SELECT count(*) FROM usage_days") == "0") std::this_thread::sleep_for(2ms);
        clock_.millis = kNovember;
    }
    std::unique_ptr<SnapshotWorker> make_worker(const std::string& node) {
        SnapshotWorker::Events events;
        events.counted = [] {};
        events.failed = [](const std::string& reason) { ADD_FAILURE() << reason; };
        return std::make_unique<SnapshotWorker>(database(), clock_, node, 1h, std::move(events));
    }

    template <class Ask>
    v1::Response ask(const Ask& set_request, const std::string& caller = "admin",
                     std::optional<Prices> prices = std::nullopt) {
        UsageService service(database(), clock_, std::move(prices));
        secrets::CallContext context;
        context.caller.principal = caller;
        context.caller.source_address = "127.0.0.1";
        context.caller.rights = test::usual_rights(caller, "111122223333");
        context.deadline = std::chrono::steady_clock::now() + 30s;
        context.record = std::make_shared<secrets::RequestRecord>();
        auto request = std::make_shared<v1::Request>();
        set_request(*request);
        EXPECT_TRUE(service.has(request->operation_case()));
        v1::Response response;
        test::run_coroutine(service.perform(std::make_shared<const secrets::CallContext>(std::move(context)),
                                            request, response));
        return response;
    }
    v1::GetUsageResponse usage(const std::string& by = {}, std::optional<Prices> prices = std::nullopt) {
        return ask(
                   [&](v1::Request& request) {
                       request.mutable_get_usage()->set_month("2026-11");
                       if (!by.empty()) request.mutable_get_usage()->set_by(by);
                   },
                   "admin", std::move(prices))
            .get_usage();
    }
    v1::ListUnusedSecretsResponse unused(int days, const std::string& marker = {}, int most = 0) {
        return ask([&](v1::Request& request) {
                   auto& list = *request.mutable_list_unused_secrets();
                   list.set_days(days);
                   if (!marker.empty()) list.set_marker(marker);
                   if (most > 0) list.set_max_items(most);
               })
            .list_unused_secrets();
    }

    StandingClock clock_;
    std::unique_ptr<SnapshotWorker> worker_;
};

std::vector<std::string> keys_of(const v1::GetUsageResponse& usage) {
    std::vector<std::string> keys;
    for (const auto& line : usage.lines()) {
        keys.push_back(line.key() + "=" + std::to_string(line.secret_days()) + "+" +
                       std::to_string(line.scheduled_secret_days()));
    }
    return keys;
}

TEST_F(UsageTest, SecretDaysByTag) {
    add("a1", {{"team", "a"}, {"env", "prod"}});
    add("a2", {{"team", "a"}});
    add("b1", {{"env", "prod"}, {"team", "b"}});
    add("none", {});
    EXPECT_TRUE(count_on(1));  // a 2, b 1, untagged 1
    add("b2", {{"team", "b"}}, kNovember + kDay);
    schedule_deletion("a2");
    EXPECT_TRUE(count_on(2));  // a 1 and 1 scheduled, b 2, untagged 1
    const auto by_team = usage("tag:team");
    EXPECT_EQ(by_team.days(), 30);
    EXPECT_EQ(by_team.counted_days(), 2);
    EXPECT_THAT(keys_of(by_team), ElementsAre("a=3+1", "b=3+0", "(untagged)=2+0"));
    EXPECT_EQ(by_team.total().secret_days(), 8);
    EXPECT_EQ(by_team.total().scheduled_secret_days(), 1);
    EXPECT_THAT(keys_of(usage("tag:env")), ElementsAre("prod=4+0", "(untagged)=4+1"));
    EXPECT_THAT(keys_of(usage("tag:nothing")), ElementsAre("(untagged)=8+1"));
    EXPECT_EQ(usage().lines_size(), 0);
    EXPECT_EQ(usage().total().secret_days(), 8);
}

TEST_F(UsageTest, AnHourIsCountedOnceWhoeverComesFirst) {
    add("a", {});
    EXPECT_TRUE(count_on(3));
    add("b", {});
    EXPECT_FALSE(count_on(3));
    const auto second = make_worker("n2");
    EXPECT_FALSE(second->run_once());
    EXPECT_EQ(usage().total().secret_days(), 1);
    EXPECT_EQ(by_hand("SELECT string_agg(node, ',') FROM usage_days WHERE day = '2026-11-03'"), "n1");
    clock_.millis += 3'599'999;
    EXPECT_FALSE(second->run_once());
    clock_.millis += 1;
    EXPECT_TRUE(second->run_once()) << "the last count of a day is the day's";
    EXPECT_FALSE(worker_->run_once());
    EXPECT_EQ(usage().total().secret_days(), 2);
    EXPECT_EQ(usage().counted_days(), 1);
}

TEST_F(UsageTest, ManyNodesAtOnce) {
    add("a", {{"team", "a"}});
    clock_.millis = kNovember + 4 * kDay;
    std::vector<std::unique_ptr<SnapshotWorker>> workers;
    for (int i = 0; i < 6; ++i) workers.push_back(make_worker("n" + std::to_string(i)));
    while (usage().counted_days() == 0) std::this_thread::sleep_for(2ms);
    for (auto& worker : workers) worker->run_once();
    EXPECT_THAT(keys_of(usage("tag:team")), ElementsAre("a=1+0"));
}

TEST_F(UsageTest, TagsThatNameSecretsAreNoCostCentres) {
    // 1,001 values of one key are over the limit of 1,000; the other key has two.
    by_hand(
        "INSERT INTO secrets (id, name, arn, created, last_changed, tags, revision, seal) "
        "SELECT gen_random_uuid(), 's' || i, 'arn' || i, '2026-11-01', '2026-11-01', "
        "jsonb_build_array(jsonb_build_array('id', i::text), jsonb_build_array('team', 't' || i % 2)), 1, '' "
        "FROM generate_series(1, 1001) i");
    EXPECT_TRUE(count_on(1));
    EXPECT_THAT(keys_of(usage("tag:id")), ElementsAre("(untagged)=1001+0"));
    EXPECT_THAT(keys_of(usage("tag:team")), ElementsAre("t1=501+0", "t0=500+0"));
}

TEST_F(UsageTest, OldUsageIsForgotten) {
    by_hand(
        "INSERT INTO usage_days (day, node) VALUES ('2024-08-22', 'n'), ('2024-08-23', 'n'); "
        "INSERT INTO usage_requests VALUES ('2024-08-22', 'n', 'p', 'o', 1, 0), ('2024-08-23', 'n', 'p', "
        "'o', 1, 0); "
        "INSERT INTO usage_tags VALUES ('2024-08-22', 'n', '', '', 1, 0, 0), ('2024-08-23', 'n', '', '', 1, "
        "0, "
        "0); "
        "INSERT INTO usage_rotations VALUES ('2024-08-22', 'n', 'p', 1), ('2024-08-23', 'n', 'p', 1)");
    // 800 days before 2026-11-01 is 2024-08-23: 131 days to the year's end, 365, 304.
    EXPECT_TRUE(count_on(1));
    EXPECT_EQ(by_hand("SELECT string_agg(day::text, ',') FROM usage_requests"), "2024-08-23");
    for (const std::string table : {"usage_days", "usage_tags", "usage_rotations"}) {
        EXPECT_EQ(by_hand("SELECT min(day) FROM " + table), "2024-08-23") << table;
    }
}

TEST_F(UsageTest, RequestsByPrincipalAndOperation) {
    by_hand(
        "INSERT INTO usage_requests VALUES "
        "('2026-10-31', 'n1', 'alice', 'GetSecretValue', 99, 9), "
        "('2026-11-01', 'n1', 'alice', 'GetSecretValue', 10000, 5), "
        "('2026-11-01', 'n2', 'alice', 'GetSecretValue', 2000, 0), "
        "('2026-11-30', 'n1', 'alice', 'PutSecretValue', 345, 1), "
        "('2026-11-30', 'n1', 'bob', 'GetSecretValue', 655, 0), "
        "('2026-12-01', 'n1', 'alice', 'GetSecretValue', 99, 9)");
    const auto by_principal = usage("principal");
    ASSERT_EQ(by_principal.lines_size(), 2);
    EXPECT_EQ(by_principal.lines(0).key(), "alice");
    EXPECT_EQ(by_principal.lines(0).requests(), 12'345);
    EXPECT_EQ(by_principal.lines(0).errors(), 6);
    EXPECT_EQ(by_principal.lines(1).key(), "bob");
    EXPECT_EQ(by_principal.lines(1).requests(), 655);
    const auto by_operation = usage("operation", Prices{"EUR", Micros(50'000), Micros(400'000)});
    ASSERT_EQ(by_operation.lines_size(), 2);
    EXPECT_EQ(by_operation.lines(0).key(), "GetSecretValue");
    EXPECT_EQ(by_operation.lines(0).requests(), 12'655);
    EXPECT_EQ(by_operation.total().requests(), 13'000);
    EXPECT_EQ(by_operation.total().cost(), "0.065");  // 1.3 * 0.05
    EXPECT_EQ(by_operation.currency(), "EUR");
    EXPECT_EQ(usage("tag:team").total().requests(), 13'000);
}

TEST_F(UsageTest, RequestsAndRotationsByTag) {
    add("a", {{"team", "a"}});
    EXPECT_TRUE(count_on(1));
    by_hand(
        "INSERT INTO usage_requests VALUES ('2026-11-01', 'n1', 'alice', 'GetSecretValue', 100, 5); "
        "INSERT INTO usage_tags VALUES "
        "('2026-10-31', 'n1', 'team', 'a', 9, 9, 9), "
        "('2026-11-01', 'n1', '', '', 60, 5, 4), ('2026-11-02', 'n2', '', '', 20, 0, 0), "
        "('2026-11-01', 'n1', 'team', 'a', 30, 2, 3), ('2026-11-02', 'n2', 'team', 'a', 10, 0, 0), "
        "('2026-11-01', 'n1', 'team', 'gone', 5, 1, 0), ('2026-11-01', 'n1', 'env', 'prod', 7, 0, 1)");
    const auto by_team = usage("tag:team", Prices{"EUR", Micros(50'000), Micros(400'000)});
    ASSERT_EQ(by_team.lines_size(), 3);
    EXPECT_EQ(by_team.lines(0).key(), "a");
    EXPECT_EQ(by_team.lines(0).requests(), 40);
    EXPECT_EQ(by_team.lines(0).errors(), 2);
    EXPECT_EQ(by_team.lines(0).rotations(), 3);
    EXPECT_EQ(by_team.lines(0).secret_days(), 1);
    EXPECT_EQ(by_team.lines(0).request_cost(), "0.0002");  // 40 / 10,000 * 0.05
    // No secret has it any more.
    EXPECT_EQ(by_team.lines(1).key(), "gone");
    EXPECT_EQ(by_team.lines(1).requests(), 5);
    EXPECT_EQ(by_team.lines(1).secret_days(), 0);
    // 80 - 40 - 5 requests, 5 - 2 - 1 errors, 4 - 3 rotations.
    EXPECT_EQ(by_team.lines(2).key(), "(untagged)");
    EXPECT_EQ(by_team.lines(2).requests(), 35);
    EXPECT_EQ(by_team.lines(2).errors(), 2);
    EXPECT_EQ(by_team.lines(2).rotations(), 1);
    EXPECT_EQ(by_team.total().requests(), 100);
}

TEST_F(UsageTest, RotationsByWhoCarriesThemOut) {
    by_hand(
        "INSERT INTO usage_requests VALUES ('2026-11-01', 'n1', 'alice', 'RotateSecret', 100, 5); "
        "INSERT INTO usage_rotations VALUES ('2026-10-31', 'n1', 'f', 9), ('2026-11-01', 'n1', 'f', 3), "
        "('2026-11-30', 'n2', 'f', 4), ('2026-11-30', 'n2', 'g', 1)");
    const auto by_principal = usage("principal");
    ASSERT_EQ(by_principal.lines_size(), 3);
    EXPECT_EQ(by_principal.lines(0).key(), "alice");
    EXPECT_EQ(by_principal.lines(0).rotations(), 0);
    EXPECT_EQ(by_principal.lines(1).key(), "f");
    EXPECT_EQ(by_principal.lines(1).requests(), 0);
    EXPECT_EQ(by_principal.lines(1).rotations(), 7);
    EXPECT_EQ(by_principal.lines(2).key(), "g");
    EXPECT_EQ(by_principal.total().rotations(), 8);
    EXPECT_EQ(usage("operation").lines_size(), 1);
}

TEST_F(UsageTest, UnusedSecrets) {
    const std::int64_t today = kNovember + 9 * kDay;
    clock_.millis = today + 1;
    const auto old = today - 200 * kDay;
    const auto never = add("never", {}, old);
    const auto long_ago = add("long-ago", {}, old);
    const auto lately = add("lately", {}, old);
    add("new", {}, today - 89 * kDay);
    add("gone", {}, old);
    schedule_deletion("gone");
    {
        storage::AccessRecorder recorder(database(), {.flush_interval = 1h});
        const auto read = [&](const storage::NewSecret& secret, std::int64_t when, const char* who) {
            recorder.record(secret.secret.id, secret.secret.versions[0].id, Timestamp::from_millis(when),
                            who);
        };
        read(long_ago, today - 120 * kDay, "arn:aws:iam::111122223333:user/early");
        read(long_ago, today - 90 * kDay + 5, "arn:aws:iam::111122223333:user/alice");
        read(long_ago, today - 90 * kDay + 6, "arn:aws:iam::111122223333:user/bob");
        read(lately, today - 89 * kDay, "arn:aws:iam::111122223333:user/alice");
    }
    const auto found = unused(90);
    ASSERT_EQ(found.secrets_size(), 2);
    EXPECT_FALSE(found.is_truncated());
    EXPECT_EQ(found.secrets(0).name(), "long-ago");
    EXPECT_EQ(found.secrets(0).created_date(), static_cast<double>(old) / 1000);
    EXPECT_EQ(found.secrets(0).last_accessed_date(), static_cast<double>(today - 90 * kDay) / 1000);
    EXPECT_EQ(found.secrets(0).last_principal(), "arn:aws:iam::111122223333:user/alice");
    EXPECT_EQ(found.secrets(1).name(), "never");
    EXPECT_EQ(found.secrets(1).arn(), never.secret.arn);
    EXPECT_FALSE(found.secrets(1).has_last_accessed_date());
    EXPECT_FALSE(found.secrets(1).has_last_principal());
    ASSERT_EQ(unused(91).secrets_size(), 1);
    EXPECT_EQ(unused(91).secrets(0).name(), "never");
    EXPECT_EQ(unused(89).secrets_size(), 4);
}

TEST_F(UsageTest, UnusedSecretsInPages) {
    clock_.millis = kNovember + 100 * kDay;
    for (const char* name : {"e", "b", "d", "a", "c"}) add(name, {});
    const auto first = unused(90, "", 2);
    EXPECT_TRUE(first.is_truncated());
    EXPECT_EQ(first.marker(), "b");
    EXPECT_EQ(first.secrets(0).name(), "a");
    const auto last = unused(90, "d", 2);
    ASSERT_EQ(last.secrets_size(), 1);
    EXPECT_EQ(last.secrets(0).name(), "e");
    EXPECT_FALSE(last.is_truncated());
    EXPECT_FALSE(last.has_marker());
}

TEST_F(UsageTest, WhoMayNotIsRefused) {
    const auto refusal = [&](const auto& set_request) {
        try {
            static_cast<void>(ask(set_request, "stranger"));
        } catch (const access::AccessDenied& error) {
            return std::string(error.what());
        }
        return std::string("none");
    };
    EXPECT_THAT(refusal([](v1::Request& request) { request.mutable_get_usage()->set_month("2026-11"); }),
                HasSubstr("coffer:GetUsage"));
    EXPECT_THAT(refusal([](v1::Request& request) { request.mutable_list_unused_secrets()->set_days(1); }),
                HasSubstr("coffer:ListUnusedSecrets"));
}

}  // namespace
}  // namespace coffer::usage
