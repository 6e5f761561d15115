// Requests counted in memory: added up in the database, by day, node, principal and operation, and never lost
// by a database that is away for a while.

#include <gmock/gmock.h>

#include <thread>

#include "storage/usage_recorder.hpp"
#include "tests/storage/storage_fixture.hpp"

namespace coffer::storage {
namespace {

using namespace std::chrono_literals;

constexpr const char* kAlice = "arn:aws:iam::111122223333:user/alice";
constexpr const char* kBob = "arn:aws:iam::111122223333:user/bob";
/// 2023-11-14 22:13:20 UTC.
const auto kWhen = Timestamp::from_millis(1'700'000'000'000);

Deadline soon() {
    return std::chrono::steady_clock::now() + 10s;
}

class UsageRecorderTest : public StorageTest {
protected:
    std::string rows() {
        return by_hand(
            "SELECT string_agg(concat_ws(' ', day, node, substring(principal FROM '[^/]*$'), operation, "
            "count, "
            "errors), '; ' ORDER BY day, node, principal, operation) FROM usage_requests");
    }
};

TEST_F(UsageRecorderTest, AddsUp) {
    UsageRecorder recorder(database(), "n1", {.flush_interval = 1h});
    for (int i = 0; i < 3; ++i) recorder.record(kAlice, "GetSecretValue", kWhen, i == 0);
    recorder.record(kBob, "GetSecretValue", kWhen, false);
    recorder.record(kAlice, "PutSecretValue", kWhen, true);
    EXPECT_EQ(by_hand("SELECT count(*) FROM usage_requests"), "0");
    recorder.flush(soon());
    EXPECT_EQ(rows(),
              "2023-11-14 n1 alice GetSecretValue 3 1; 2023-11-14 n1 alice PutSecretValue 1 1; "
              "2023-11-14 n1 bob GetSecretValue 1 0");
    recorder.record(kAlice, "GetSecretValue", kWhen, true);
    recorder.flush(soon());
    recorder.flush(soon());
    EXPECT_THAT(rows(), ::testing::HasSubstr("alice GetSecretValue 4 2;"));
}

TEST_F(UsageRecorderTest, DaysAndNodesApart) {
    {
        UsageRecorder one(database(), "n1", {.flush_interval = 1h});
        UsageRecorder two(database(), "n2", {.flush_interval = 1h});
        one.record(kAlice, "ListSecrets", kWhen, false);
        // 1h 46m 40s later it is midnight.
        one.record(kAlice, "ListSecrets", kWhen + 6'399'999ms, false);
        one.record(kAlice, "ListSecrets", kWhen + 6'400'000ms, false);
        two.record(kAlice, "ListSecrets", kWhen, false);
    }
    EXPECT_EQ(rows(),
              "2023-11-14 n1 alice ListSecrets 2 0; 2023-11-14 n2 alice ListSecrets 1 0; "
              "2023-11-15 n1 alice ListSecrets 1 0");
}

TEST_F(UsageRecorderTest, WritesAtIntervals) {
    UsageRecorder recorder(database(), "n1", {.flush_interval = 20ms});
    recorder.record(kAlice, "ListSecrets", kWhen, false);
    while (rows().empty()) std::this_thread::sleep_for(5ms);
    EXPECT_EQ(rows(), "2023-11-14 n1 alice ListSecrets 1 0");
}

TEST_F(UsageRecorderTest, KeepsWhatCouldNotBeWritten) {
    UsageRecorder recorder(database(), "n1", {.flush_interval = 1h});
    server().stop();
    recorder.record(kAlice, "ListSecrets", kWhen, false);
    recorder.flush(soon());
    recorder.record(kAlice, "ListSecrets", kWhen, true);
    server().start();
    while (!database().reachable()) std::this_thread::sleep_for(5ms);
    recorder.flush(soon());
    EXPECT_EQ(rows(), "2023-11-14 n1 alice ListSecrets 2 1");
}

TEST_F(UsageRecorderTest, IsBoundedAndLosesNoRequest) {
    UsageRecorder recorder(database(), "n1", {.flush_interval = 1h, .max_principals = 80});
    for (int i = 0; i < 5'000; ++i) recorder.record(std::to_string(i), "ListSecrets", kWhen, false);
    recorder.flush(soon());
    EXPECT_EQ(by_hand("SELECT sum(count) FROM usage_requests"), "5000");
    // 80 principals, and those for whom there was no room under one name.
    EXPECT_EQ(by_hand("SELECT count(*) FROM usage_requests"), "81");
    EXPECT_EQ(by_hand("SELECT count FROM usage_requests WHERE principal = '(others)'"), "4920");
}

TEST_F(UsageRecorderTest, ByTheTagsOfSecrets) {
    auto made = make_secret("app/db");
    made.secret.tags = std::vector<Tag>{{"team", "a"}, {"id", "7"}};
    ASSERT_TRUE(insert(made));
    const auto untagged = make_secret("app/none");
    ASSERT_TRUE(insert(untagged));
    // Of the tags, the last count of secrets kept "team" alone.
    by_hand(
        "INSERT INTO usage_days VALUES ('2023-11-13', 'n'); "
        "INSERT INTO usage_secrets VALUES ('2023-11-13', 'team', 'z', 1, 0)");
    UsageRecorder recorder(database(), "n1", {.flush_interval = 1h});
    const std::vector<std::string> both{made.secret.arn, untagged.secret.arn};
    const std::vector<std::string> one{made.secret.arn};
    recorder.record(kAlice, "BatchGetSecretValue", kWhen, false, both);
    recorder.record(kAlice, "GetSecretValue", kWhen, true, one);
    recorder.record(kAlice, "ListSecrets", kWhen, false);
    recorder.record_rotation("arn:aws:lambda:f", made.secret.arn, kWhen);
    recorder.flush(soon());
    const auto tags = [&] {
        return by_hand(
            "SELECT string_agg(concat_ws(' ', day, node, tag_key, tag_value, requests, errors, rotations), "
            "'; ' ORDER BY day, node, tag_key, tag_value) FROM usage_tags");
    };
    // Three requests for a secret, two of them for the one with the tag.
    EXPECT_EQ(tags(), "2023-11-14 n1   3 1 1; 2023-11-14 n1 team a 2 1 1");
    EXPECT_EQ(by_hand("SELECT concat_ws(' ', day, node, principal, count) FROM usage_rotations"),
              "2023-11-14 n1 arn:aws:lambda:f 1");
    recorder.record_rotation("arn:aws:lambda:f", made.secret.arn, kWhen);
    recorder.flush(soon());
    EXPECT_EQ(tags(), "2023-11-14 n1   3 1 2; 2023-11-14 n1 team a 2 1 2");
    EXPECT_EQ(by_hand("SELECT count FROM usage_rotations"), "2");
    // A batch that was answered, but for one of its secrets.
    recorder.record(kAlice, "BatchGetSecretValue", kWhen, false, both, one);
    recorder.flush(soon());
    EXPECT_EQ(tags(), "2023-11-14 n1   5 2 2; 2023-11-14 n1 team a 3 2 2");
}

TEST_F(UsageRecorderTest, ManyThreads) {
    UsageRecorder recorder(database(), "n1", {.flush_interval = 2ms});
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&, t] {
            for (int i = 0; i < 2'500; ++i) {
                recorder.record(t % 2 == 0 ? kAlice : kBob, "ListSecrets", kWhen, i % 5 == 0);
            }
        });
    }
    for (auto& thread : threads) thread.join();
    recorder.flush(soon());
    EXPECT_EQ(rows(), "2023-11-14 n1 alice ListSecrets 5000 1000; 2023-11-14 n1 bob ListSecrets 5000 1000");
}

}  // namespace
}  // namespace coffer::storage
