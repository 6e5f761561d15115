// Many threads at one journal: events, checkpoints, readers, status, removal, close. For ThreadSanitizer.

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "audit_fixture.hpp"
#include "daemon/audit/journal_reader.hpp"
#include "daemon/audit/verifier.hpp"

namespace coffer::audit {
namespace {

using testing::append;
using testing::sample_event;

TEST(JournalConcurrency, EverybodyAtOnce) {
    constexpr int kWriters = 4;
    constexpr int kEvents = 150;
    const testing::AuditFolder folder;
    const auto signer = std::make_shared<testing::OpensslSigner>();
    const auto observer = std::make_shared<testing::RecordingObserver>();
    testing::HandClock clock;
    auto config = testing::small_config(folder.sub("audit"));
    config.segment_bytes_max = 16 * 1024;
    config.checkpoint_records = 20;
    const auto journal = Journal::open(config, signer, observer, clock);
    std::atomic<int> writing = kWriters;
    std::vector<std::thread> threads;
    for (int t = 0; t < kWriters; ++t) {
        threads.emplace_back([&] {
            for (int i = 0; i < kEvents; ++i) (void)append(*journal, sample_event("a"));
            --writing;
        });
    }
    std::atomic<std::uint64_t> read = 0;
    threads.emplace_back([&] {
        JournalReader reader(config.directory);
        std::uint64_t expected = 1;
        while (writing > 0) {
            const auto durable = journal->wait_beyond(
                expected - 1, std::chrono::steady_clock::now() + std::chrono::milliseconds(10));
            while (const auto record = reader.next(durable)) {
                EXPECT_EQ(record->sequence, expected++);
                ++read;
            }
        }
    });
    threads.emplace_back([&] {
        while (writing > 0) {
            EXPECT_TRUE(journal->status().available);
            EXPECT_FALSE(journal->refusal());
            journal->checkpoint_now();
        }
    });
    for (auto& thread : threads) thread.join();
    EXPECT_GT(read, 0U);
    clock.advance(std::chrono::hours(1));
    (void)journal->remove_segments(3, clock.now());
    std::thread closing([&] { journal->close(); });
    journal->close();
    closing.join();
    const auto report = verify_journal(config.directory, signer->keys());
    EXPECT_TRUE(report.good()) << report.findings.front().message;
    EXPECT_GE(report.last_sequence, static_cast<std::uint64_t>(kWriters) * kEvents);
}

}  // namespace
}  // namespace coffer::audit
