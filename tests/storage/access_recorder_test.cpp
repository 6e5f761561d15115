// Days of reads: remembered at once, written in batches, never lost by a database that is away for a while.

#include "storage/access_recorder.hpp"

#include <gmock/gmock.h>

#include <thread>

#include "tests/storage/storage_fixture.hpp"

namespace coffer::storage {
namespace {

using namespace std::chrono_literals;

constexpr std::int64_t kDay = 86'400'000;
/// 2023-11-14 22:13:20 UTC and the midnight before.
const auto kWhen = Timestamp::from_millis(1'700'000'000'000);
const auto kMidnight = Timestamp::from_millis(1'699'920'000'000);

Deadline soon() {
    return std::chrono::steady_clock::now() + 10s;
}

class AccessRecorderTest : public StorageTest {
protected:
    void SetUp() override { insert(made_); }
    const NewSecret made_ = make_secret("read");
    const SecretId secret_ = made_.secret.id;
    const VersionId version_ = made_.secret.versions[0].id;
};

TEST_F(AccessRecorderTest, KnownBeforeItIsWritten) {
    AccessRecorder recorder(database(), {.flush_interval = 1h});
    EXPECT_FALSE(recorder.day(secret_));
    recorder.record(secret_, version_, kWhen);
    EXPECT_EQ(recorder.day(secret_), kMidnight);
    EXPECT_EQ(recorder.day(secret_, version_), kMidnight);
    EXPECT_FALSE(recorder.day(secret_, VersionId("other")));
    EXPECT_FALSE(find("read")->last_accessed);
    recorder.flush(soon());
    EXPECT_EQ(find("read")->last_accessed, kMidnight);
    EXPECT_EQ(find("read")->versions[0].last_accessed, kMidnight);
    EXPECT_EQ(recorder.day(secret_), kMidnight);
}

TEST_F(AccessRecorderTest, ADayIsWrittenOnce) {
    AccessRecorder recorder(database(), {.flush_interval = 1h});
    recorder.record(secret_, version_, kWhen);
    recorder.flush(soon());
    const int jobs = observer_->jobs;
    for (int i = 0; i < 100; ++i) recorder.record(secret_, version_, kWhen);
    recorder.record(secret_, version_, kWhen - std::chrono::milliseconds(kDay));  // never back
    recorder.flush(soon());
    EXPECT_EQ(observer_->jobs, jobs);
    recorder.record(secret_, version_, kWhen + std::chrono::milliseconds(kDay));
    recorder.flush(soon());
    EXPECT_EQ(find("read")->last_accessed, kMidnight + std::chrono::milliseconds(kDay));
}

TEST_F(AccessRecorderTest, WritesAtIntervalsAndAtTheEnd) {
    {
        AccessRecorder recorder(database(), {.flush_interval = 20ms});
        recorder.record(secret_, version_, kWhen);
        while (!find("read")->last_accessed) std::this_thread::sleep_for(5ms);
    }
    {
        AccessRecorder recorder(database(), {.flush_interval = 1h});
        recorder.record(secret_, version_, kWhen + std::chrono::milliseconds(kDay));
    }
    EXPECT_EQ(find("read")->last_accessed, kMidnight + std::chrono::milliseconds(kDay));
}

TEST_F(AccessRecorderTest, KeepsWhatCouldNotBeWritten) {
    AccessRecorder recorder(database(), {.flush_interval = 1h});
    server().stop();
    recorder.record(secret_, version_, kWhen);
    recorder.flush(soon());
    server().start();
    while (!database().reachable()) std::this_thread::sleep_for(5ms);
    recorder.flush(soon());
    EXPECT_EQ(find("read")->last_accessed, kMidnight);
}

TEST_F(AccessRecorderTest, ManyAndGoneOnes) {
    AccessRecorder recorder(database(), {.flush_interval = 1h});
    for (int i = 0; i < 1200; ++i) recorder.record(SecretId(Uuid::random()), version_, kWhen);
    recorder.record(secret_, version_, kWhen);
    recorder.record(secret_, VersionId("gone"), kWhen + std::chrono::milliseconds(kDay));
    recorder.flush(soon());
    EXPECT_EQ(by_hand("SELECT count(*) FROM last_access"), "1");
    EXPECT_EQ(find("read")->last_accessed, kMidnight);
}

TEST_F(AccessRecorderTest, IsBounded) {
    AccessRecorder recorder(database(), {.flush_interval = 1h, .max_secrets = 800});
    for (int i = 0; i < 10'000; ++i) recorder.record(SecretId(Uuid::random()), version_, kWhen);
    EXPECT_EQ(recorder.dropped(), 9'200U);
    recorder.flush(soon());
    recorder.record(secret_, version_, kWhen);  // room again
    EXPECT_EQ(recorder.day(secret_), kMidnight);
    EXPECT_EQ(recorder.dropped(), 9'200U);
}

TEST_F(AccessRecorderTest, ManyThreads) {
    AccessRecorder recorder(database(), {.flush_interval = 5ms});
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&, t] {
            for (int i = 0; i < 2'000; ++i) {
                recorder.record(secret_, version_, kWhen + std::chrono::milliseconds(kDay * (i % (t + 2))));
                static_cast<void>(recorder.day(secret_));
            }
        });
    }
    for (auto& thread : threads) thread.join();
    recorder.flush(soon());
    EXPECT_EQ(find("read")->last_accessed, kMidnight + std::chrono::milliseconds(4 * kDay));
}

}  // namespace
}  // namespace coffer::storage
