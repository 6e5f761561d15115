// The journal at work and after crashes: what it writes, refuses, recovers and removes.

#include "daemon/audit/journal.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <future>

#include "audit_fixture.hpp"
#include "daemon/audit/journal_directory.hpp"
#include "daemon/audit/journal_reader.hpp"
#include "daemon/audit/verifier.hpp"

namespace coffer::audit {
namespace {

using testing::append;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::read_file;
using testing::sample_event;
using testing::small_config;
using testing::write_file;

class JournalTest : public ::testing::Test {
protected:
    JournalTest() : directory_(folder_.sub("audit")) {}

    [[nodiscard]] std::unique_ptr<Journal> open() { return open(small_config(directory_)); }
    [[nodiscard]] std::unique_ptr<Journal> open(const JournalConfig& config) {
        return Journal::open(config, signer_, observer_, clock_);
    }
    /// Names of the journal's own events, in order.
    [[nodiscard]] std::vector<std::string> own_events() const {
        std::vector<std::string> out;
        JournalReader reader(directory_);
        while (const auto record = reader.next()) {
            if (record->json.find("audit.coffer") == std::string::npos) continue;
            const auto at = record->json.find("\"eventName\":\"") + 13;
            out.push_back(record->json.substr(at, record->json.find('"', at) - at));
        }
        return out;
    }
    void expect_good() const {
        const auto report = verify_journal(directory_, signer_->keys());
        EXPECT_TRUE(report.good()) << (report.good() ? "" : report.findings.front().message);
    }
    [[nodiscard]] std::filesystem::path segment(std::uint64_t number) const {
        return directory_ / segment_name(number);
    }
    [[nodiscard]] std::string error_of_open() {
        try {
            (void)open();
        } catch (const Error& error) {
            return error.what();
        }
        return {};
    }

    testing::AuditFolder folder_;
    std::filesystem::path directory_;
    std::shared_ptr<testing::OpensslSigner> signer_ = std::make_shared<testing::OpensslSigner>();
    std::shared_ptr<testing::RecordingObserver> observer_ = std::make_shared<testing::RecordingObserver>();
    testing::HandClock clock_;
};

TEST_F(JournalTest, AcknowledgesWhatIsOnTheDisk) {
    const auto journal = open();
    auto event = sample_event("a");
    const auto receipt = append(*journal, event);
    EXPECT_EQ(receipt.sequence, journal->status().sequence);
    EXPECT_THAT(read_file(segment(1)), HasSubstr(event.event_id.text()));
}

TEST_F(JournalTest, ManyInFlightAreNumberedInOrder) {
    constexpr int kEvents = 2000;
    const auto journal = open();
    std::vector<std::promise<std::uint64_t>> promises(kEvents);
    for (auto& promise : promises) {
        journal->append(sample_event("a"), Admission::request,
                        [&promise](Outcome<Receipt> outcome) { promise.set_value(outcome.take().sequence); });
    }
    std::uint64_t last = 0;
    for (auto& promise : promises) {
        const auto sequence = promise.get_future().get();
        EXPECT_GT(sequence, last);
        last = sequence;
    }
    journal->close();
    EXPECT_LE(observer_->batches(), static_cast<std::size_t>(kEvents) + 3);
    expect_good();
}

TEST_F(JournalTest, OneProcessOnly) {
    const auto journal = open();
    EXPECT_THROW((void)open(), JournalLocked);
}

TEST_F(JournalTest, RefusesADirectoryThatIsNotItsOwn) {
    std::filesystem::permissions(directory_, std::filesystem::perms::group_write,
                                 std::filesystem::perm_options::add);
    EXPECT_THAT(error_of_open(), HasSubstr("chmod go-w"));
    std::filesystem::remove(directory_);
    EXPECT_THAT(error_of_open(), HasSubstr("No such file"));
    write_file(directory_, "");
    EXPECT_THAT(error_of_open(), HasSubstr("Not a directory"));
}

TEST_F(JournalTest, RefusesBadSettings) {
    auto config = small_config(directory_);
    config.node.clear();
    EXPECT_THROW((void)open(config), Error);
    config = small_config(directory_);
    config.record_bytes_max = 1024 * 1024 + 1;
    EXPECT_THROW((void)open(config), Error);
}

TEST_F(JournalTest, WritesOfItself) {
    open()->close();
    EXPECT_THAT(own_events(), ElementsAre("JournalOpened", "JournalClosed"));
    open()->close();
    EXPECT_THAT(own_events(),
                ElementsAre("JournalOpened", "JournalClosed", "JournalOpened", "JournalClosed"));
    expect_good();
}

TEST_F(JournalTest, NothingIsTakenAfterClose) {
    const auto journal = open();
    journal->close();
    EXPECT_THROW((void)append(*journal, sample_event("a")), Unavailable);
}

TEST_F(JournalTest, LimitsOfRecordAndQueue) {
    auto config = small_config(directory_);
    config.record_bytes_max = 4096;
    config.queue_records_max = 1;
    const auto journal = open(config);
    EXPECT_THROW((void)append(*journal, sample_event(std::string(2040, '\x01'))), RecordTooLarge);
    EXPECT_THROW((void)wait_for<Receipt>([&](Completion<Receipt> done) {
                     journal->append_json("{\n}", Admission::request, std::move(done));
                 }),
                 RecordTooLarge);
    // The first completion holds the journal's thread; then one fits into the queue and the next does not.
    std::promise<void> entered;
    std::promise<void> leave;
    auto may_leave = leave.get_future();
    journal->append(sample_event("a"), Admission::request, [&](Outcome<Receipt>) {
        entered.set_value();
        may_leave.wait();
    });
    entered.get_future().wait();
    std::promise<bool> second;
    journal->append(sample_event("b"), Admission::request,
                    [&](Outcome<Receipt> outcome) { second.set_value(outcome.has_value()); });
    EXPECT_THROW((void)append(*journal, sample_event("c")), Overloaded);
    leave.set_value();
    EXPECT_TRUE(second.get_future().get());
}

TEST_F(JournalTest, SegmentsBySizeAndAge) {
    auto config = small_config(directory_);
    config.segment_bytes_max = 4096;
    const auto journal = open(config);
    for (int i = 0; i < 20; ++i) (void)append(*journal, sample_event("a"));
    const auto by_size = journal->status().segment;
    EXPECT_GT(by_size, 3U);
    clock_.advance(config.segment_age_max + std::chrono::seconds(1));
    (void)append(*journal, sample_event("a"));
    EXPECT_GT(journal->status().segment, by_size);
    journal->close();
    expect_good();
}

TEST_F(JournalTest, CheckpointsByNumberChainedAndInTheHead) {
    auto config = small_config(directory_);
    config.checkpoint_records = 5;
    const auto journal = open(config);
    for (int i = 0; i < 5; ++i) {
        for (int k = 0; k < 5; ++k) (void)append(*journal, sample_event("a"));
        journal->checkpoint_now();
    }
    journal->close();
    const auto checkpoints = observer_->checkpoints();
    ASSERT_GE(checkpoints.size(), 6U);
    EXPECT_EQ(read_file(directory_ / kHeadName), checkpoints.back() + "\n");
    Digest previous{};
    for (const auto& json : checkpoints) {
        const auto checkpoint = parse_checkpoint(json);
        ASSERT_TRUE(checkpoint);
        EXPECT_EQ(checkpoint->previous, previous);
        EXPECT_TRUE(signer_->keys().verify(*checkpoint));
        previous = sha256(json);
    }
    EXPECT_TRUE(parse_checkpoint(checkpoints.back())->closing);
    expect_good();
}

// ---- after a crash

/// A copy of the directory while the journal is open: what a kill would leave.
TEST_F(JournalTest, ATornTailIsCutAndTold) {
    const auto work = directory_;
    {
        const auto journal = open();
        for (int i = 0; i < 3; ++i) (void)append(*journal, sample_event("a"));
        journal->checkpoint_now();
        (void)append(*journal, sample_event("last"));
        std::filesystem::copy(work, folder_.path() / "crashed");
    }
    directory_ = folder_.path() / "crashed";
    std::filesystem::permissions(directory_, std::filesystem::perms::owner_all);
    const auto whole = read_file(segment(1));
    const auto last_line = whole.rfind('\n', whole.size() - 2) + 1;
    for (const auto cut : {last_line + 1, last_line + 50, whole.size() - 1}) {
        const auto before = directory_;
        directory_ = folder_.sub("cut-" + std::to_string(cut));
        std::filesystem::copy(before, directory_, std::filesystem::copy_options::overwrite_existing);
        write_file(segment(1), std::string_view(whole).substr(0, cut));
        open()->close();
        EXPECT_EQ(read_file(segment(1)), whole.substr(0, last_line));
        EXPECT_EQ(own_events()[1], "JournalTailCut");
        EXPECT_TRUE(observer_->has("half written"));
        expect_good();
        directory_ = before;
    }
    // Zeros, as a file system leaves them where only the length was written.
    write_file(segment(1), whole.substr(0, last_line) + std::string(300, '\0'));
    open()->close();
    expect_good();
}

TEST_F(JournalTest, ASegmentThatWasNotBornIsRemoved) {
    open()->close();
    write_file(segment(2), "H 000000");
    open()->close();
    EXPECT_TRUE(observer_->has("had no header"));
    EXPECT_EQ(testing::segment_files(directory_).size(), 2U);
    expect_good();
}

TEST_F(JournalTest, ACrashInTheVeryFirstSegment) {
    write_file(segment(1), "");
    open()->close();
    expect_good();
}

TEST_F(JournalTest, WhatWasAcknowledgedAndIsDamagedIsNotWrittenOver) {
    {
        const auto journal = open();
        for (int i = 0; i < 5; ++i) (void)append(*journal, sample_event("a"));
        journal->checkpoint_now();
        for (int i = 0; i < 5; ++i) (void)append(*journal, sample_event("b"));
        std::filesystem::copy(directory_, folder_.path() / "crashed");
    }
    directory_ = folder_.path() / "crashed";
    std::filesystem::permissions(directory_, std::filesystem::perms::owner_all);
    const auto good = read_file(segment(1));
    auto bad = good;
    bad[good.find("secret:b")] = 'X';  // a batch that a later one followed
    write_file(segment(1), bad);
    EXPECT_THAT(error_of_open(), HasSubstr("begun after it had been made durable"));
    EXPECT_EQ(read_file(segment(1)), bad);

    write_file(segment(1), good.substr(0, good.find("\nC ") + 1));  // below the signed checkpoint
    const auto lines = testing::lines_of(good);
    write_file(segment(1), testing::join_lines({lines.begin(), lines.begin() + 3}));
    EXPECT_THAT(error_of_open(), HasSubstr("the head file has a checkpoint for record"));

    write_file(segment(1), good);
    auto head = read_file(directory_ / kHeadName);
    head[20] = head[20] == 'a' ? 'b' : 'a';
    write_file(directory_ / kHeadName, head);
    EXPECT_NE(error_of_open(), "");
}

TEST_F(JournalTest, AllSegmentsGone) {
    open()->close();
    std::filesystem::remove(segment(1));
    EXPECT_THAT(error_of_open(), HasSubstr("all segments are gone"));
}

// ---- files that go away

TEST_F(JournalTest, ASegmentDeletedUnderTheDaemon) {
    const auto journal = open();
    (void)append(*journal, sample_event("a"));
    std::filesystem::remove(segment(1));
    auto event = sample_event("b");
    (void)append(*journal, event);
    EXPECT_THAT(read_file(segment(2)), HasSubstr(event.event_id.text()));
    journal->close();
    EXPECT_THAT(own_events(), ::testing::Contains("JournalSegmentLost"));
    const auto report = verify_journal(directory_, signer_->keys());
    ASSERT_FALSE(report.good());
    EXPECT_EQ(report.findings.front().kind, FindingKind::removed);
}

TEST_F(JournalTest, TheDirectoryTakenAwayAndPutBack) {
    const auto journal = open();
    (void)append(*journal, sample_event("a"));
    std::filesystem::rename(directory_, folder_.path() / "away");
    EXPECT_THROW((void)append(*journal, sample_event("b")), AuditUnavailable);
    EXPECT_TRUE(journal->refusal());
    EXPECT_THROW((void)append(*journal, sample_event("c")), AuditUnavailable);
    for (int i = 0; i < 3; ++i) EXPECT_THROW(journal->require_room(), AuditUnavailable);
    EXPECT_FALSE(journal->status().available);
    EXPECT_EQ(journal->status().refused, 5U) << "two events, and three requests before they were begun";
    std::filesystem::rename(folder_.path() / "away", directory_);
    ASSERT_TRUE(observer_->wait_for_line("available"));
    while (journal->refusal()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    EXPECT_NO_THROW(journal->require_room());
    (void)append(*journal, sample_event("d"));
    journal->close();
    EXPECT_THAT(own_events(),
                ElementsAre("JournalOpened", "JournalSegmentLost", "JournalResumed", "JournalClosed"));
    EXPECT_THAT(read_file(segment(2)), HasSubstr("\"refusedRequests\":5"));
    expect_good();
}

TEST_F(JournalTest, TheDirectoryReplacedByAnEmptyOne) {
    const auto journal = open();
    (void)append(*journal, sample_event("a"));
    std::filesystem::remove_all(directory_);
    EXPECT_THROW((void)append(*journal, sample_event("b")), AuditUnavailable);
    (void)folder_.sub("audit");
    while (journal->refusal()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    (void)append(*journal, sample_event("c"));
    journal->close();
    const auto report = verify_journal(directory_, signer_->keys());
    ASSERT_FALSE(report.good());
    EXPECT_THAT(report.findings.front().message, HasSubstr("no record tells of their removal"));
}

TEST_F(JournalTest, TheDirectoryReplacedByAnotherJournals) {
    const auto journal = open();
    (void)append(*journal, sample_event("a"));
    std::filesystem::rename(directory_, folder_.path() / "away");
    {
        auto config = small_config(folder_.sub("audit"));
        Journal::open(config, signer_, nullptr, clock_)->close();
    }
    EXPECT_THROW((void)append(*journal, sample_event("b")), AuditUnavailable);
    ASSERT_TRUE(observer_->wait_for_line("replaced by one that holds another journal") ||
                journal->status().reason.find("another journal") != std::string::npos);
    std::filesystem::remove_all(directory_);
    std::filesystem::rename(folder_.path() / "away", directory_);
    while (journal->refusal()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    journal->close();
    expect_good();
}

// ---- retention

TEST_F(JournalTest, OldSegmentsAreRemovedAndTheRestVerifies) {
    auto config = small_config(directory_);
    config.segment_bytes_max = 4096;
    const auto journal = open(config);
    for (int i = 0; i < 20; ++i) (void)append(*journal, sample_event("a"));
    clock_.advance(std::chrono::hours(24 * 10));
    for (int i = 0; i < 20; ++i) (void)append(*journal, sample_event("a"));
    const auto before = testing::segment_files(directory_).size();
    EXPECT_EQ(journal->remove_segments(3, clock_.now() - std::chrono::hours(24)),
              2U);  // not what is not shipped
    const auto removed = journal->remove_segments(UINT64_MAX, clock_.now() - std::chrono::hours(24));
    EXPECT_GT(removed, 1U);
    EXPECT_EQ(testing::segment_files(directory_).size() + removed + 2,
              before + (journal->status().segment - before));
    journal->close();
    const auto report = verify_journal(directory_, signer_->keys());
    EXPECT_TRUE(report.good()) << report.findings.front().message;
    EXPECT_GT(report.first_sequence, 1U);
    std::filesystem::remove(testing::segment_files(directory_).front());
    EXPECT_FALSE(verify_journal(directory_, signer_->keys()).good());
}

}  // namespace
}  // namespace coffer::audit
