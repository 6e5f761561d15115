// Whoever changes, removes, reorders or cuts off records is found: on real journals, byte by byte.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "audit_fixture.hpp"
#include "daemon/audit/journal_directory.hpp"
#include "daemon/audit/journal_reader.hpp"
#include "daemon/audit/record.hpp"
#include "daemon/audit/verifier.hpp"

namespace coffer::audit {
namespace {

using testing::append;
using ::testing::HasSubstr;
using testing::join_lines;
using testing::lines_of;
using testing::read_file;
using testing::sample_event;
using testing::write_file;

/// A closed journal of a few segments, and ways to spoil it.
class VerifyTest : public ::testing::Test {
protected:
    VerifyTest() : signer_(std::make_shared<testing::OpensslSigner>()), directory_(folder_.sub("audit")) {}

    void write_journal(int events, std::uint64_t segment_bytes_max = 64 * 1024 * 1024) {
        auto config = testing::small_config(directory_);
        config.segment_bytes_max = segment_bytes_max;
        const auto journal = Journal::open(config, signer_, nullptr, clock_);
        for (int i = 0; i < events; ++i) {
            auto event = sample_event("app/" + std::to_string(i));
            ids_.push_back(event.event_id.text());
            sequences_.push_back(append(*journal, event).sequence);
            if (i == events / 2) journal->checkpoint_now();
        }
        journal->close();
    }

    [[nodiscard]] VerifyReport verify(const VerifyOptions& options = {}) const {
        return verify_journal(directory_, signer_->keys(), options);
    }

    [[nodiscard]] Finding first_finding() const {
        const auto report = verify();
        return report.findings.empty() ? Finding{} : report.findings.front();
    }

    [[nodiscard]] std::filesystem::path segment(std::uint64_t number) const {
        return directory_ / segment_name(number);
    }

    testing::AuditFolder folder_;
    std::shared_ptr<testing::OpensslSigner> signer_;
    std::filesystem::path directory_;
    SystemClock clock_;
    std::vector<std::string> ids_;
    std::vector<std::uint64_t> sequences_;
};

TEST_F(VerifyTest, AGoodJournalIsGood) {
    write_journal(10);
    const auto report = verify();
    EXPECT_TRUE(report.good()) << report.findings.front().message;
    EXPECT_EQ(report.segments, 1U);
    EXPECT_EQ(report.events, 12U);  // with JournalOpened and JournalClosed
    EXPECT_GE(report.checkpoints, 2U);
    EXPECT_EQ(report.last_sequence, report.records);
    EXPECT_EQ(report.last_signed_sequence + 1, report.last_sequence);
    EXPECT_FALSE(report.live);
}

TEST_F(VerifyTest, AfterReopeningAndRotation) {
    write_journal(10, 4096);
    write_journal(10, 4096);
    const auto report = verify();
    EXPECT_TRUE(report.good()) << report.findings.front().message;
    EXPECT_GT(report.segments, 4U);
    EXPECT_EQ(report.events, 24U);
}

TEST_F(VerifyTest, EveryByteOfEveryFile) {
    auto config = testing::small_config(directory_);
    config.reserve_bytes = 64;
    {
        const auto journal = Journal::open(config, signer_, nullptr, clock_);
        (void)append(*journal, sample_event("a"));
        journal->close();
    }
    ASSERT_TRUE(verify().good());
    std::size_t bits = 0;
    for (const auto& entry : std::filesystem::directory_iterator(directory_)) {
        const auto good = read_file(entry.path());
        for (std::size_t at = 0; at < good.size(); ++at) {
            // All bits of what is not hashed text, and one of each byte elsewhere: a chain value does not
            // care which.
            const bool all = entry.path().filename() == kHeadName || at % 211 == 0;
            for (unsigned bit = all ? 0 : at % 8; bit < (all ? 8 : at % 8 + 1); ++bit, ++bits) {
                auto bad = good;
                bad[at] = static_cast<char>(static_cast<unsigned char>(bad[at]) ^ (1U << bit));
                write_file(entry.path(), bad);
                EXPECT_FALSE(verify().good()) << entry.path().filename() << " byte " << at << " bit " << bit;
            }
        }
        write_file(entry.path(), good);
    }
    EXPECT_GT(bits, 5000U);
    EXPECT_TRUE(verify().good());
}

TEST_F(VerifyTest, NamesTheChangedEvent) {
    write_journal(10);
    auto text = read_file(segment(1));
    const auto at = text.find("app/4");
    text[at + 4] = '5';
    write_file(segment(1), text);
    const auto finding = first_finding();
    EXPECT_EQ(finding.kind, FindingKind::changed);
    EXPECT_EQ(finding.sequence, sequences_[4]);
    EXPECT_EQ(finding.event_id, ids_[4]);
    EXPECT_EQ(finding.event_id_before, ids_[3]);
    EXPECT_EQ(finding.file, "journal-0000000001.log");
    EXPECT_EQ(finding.offset, text.rfind('\n', at) + 1);
    EXPECT_EQ(finding.event_time, "2026-09-21T14:13:20Z");
}

TEST_F(VerifyTest, NamesTheRemovedEvents) {
    write_journal(10);
    auto lines = lines_of(read_file(segment(1)));
    const auto at = static_cast<std::ptrdiff_t>(sequences_[7] - 1);
    lines.erase(lines.begin() + at, lines.begin() + at + 2);
    write_file(segment(1), join_lines(lines));
    const auto finding = first_finding();
    EXPECT_EQ(finding.kind, FindingKind::removed);
    EXPECT_EQ(finding.sequence, sequences_[7]);
    EXPECT_EQ(finding.event_id_before, ids_[6]);
    EXPECT_THAT(finding.message, HasSubstr("records " + std::to_string(sequences_[7]) + " to " +
                                           std::to_string(sequences_[8]) + " are missing"));
    EXPECT_THAT(finding.message, HasSubstr(ids_[9]));
}

TEST_F(VerifyTest, NamesTheReorderedEvent) {
    write_journal(10);
    auto lines = lines_of(read_file(segment(1)));
    std::swap(lines[sequences_[2] - 1], lines[sequences_[3] - 1]);
    write_file(segment(1), join_lines(lines));
    const auto finding = first_finding();
    EXPECT_EQ(finding.kind, FindingKind::reordered);
    EXPECT_EQ(finding.sequence, sequences_[2]);
    EXPECT_EQ(finding.event_id, ids_[2]);
}

TEST_F(VerifyTest, NamesARepeatedEvent) {
    write_journal(10);
    auto lines = lines_of(read_file(segment(1)));
    lines.insert(lines.begin() + static_cast<std::ptrdiff_t>(sequences_[5]), lines[sequences_[2] - 1]);
    write_file(segment(1), join_lines(lines));
    EXPECT_EQ(first_finding().kind, FindingKind::reordered);
    EXPECT_EQ(first_finding().event_id, ids_[2]);
}

TEST_F(VerifyTest, FindsEveryTailThatWasCut) {
    write_journal(2);
    const auto good = read_file(segment(1));
    for (std::size_t size = 0; size < good.size(); ++size) {
        write_file(segment(1), std::string_view(good).substr(0, size));
        const auto report = verify();
        ASSERT_FALSE(report.good()) << size;
        if (size > 0 && good[size - 1] == '\n') {
            EXPECT_EQ(report.findings.front().kind, FindingKind::cut_off) << size;
            EXPECT_EQ(report.findings.front().sequence, report.last_sequence + 1);
            EXPECT_EQ(report.findings.front().offset, size) << "where the end is";
        }
    }
}

TEST_F(VerifyTest, SegmentsRemovedSwappedOrForeign) {
    write_journal(30, 4096);
    const auto segments = testing::segment_files(directory_);
    ASSERT_GT(segments.size(), 4U);
    const auto second = read_file(segment(2));
    const auto third = read_file(segment(3));

    std::filesystem::remove(segment(2));
    auto finding = first_finding();
    EXPECT_EQ(finding.kind, FindingKind::removed);
    EXPECT_EQ(finding.file, "journal-0000000002.log");

    write_file(segment(2), third);
    write_file(segment(3), second);
    EXPECT_EQ(first_finding().kind, FindingKind::reordered);
    write_file(segment(2), second);
    write_file(segment(3), third);
    ASSERT_TRUE(verify().good());

    std::filesystem::remove(segments.back());
    EXPECT_EQ(first_finding().kind, FindingKind::cut_off);
}

TEST_F(VerifyTest, TheOldestSegmentMayNotGoUnrecorded) {
    write_journal(30, 4096);
    std::filesystem::remove(segment(1));
    const auto finding = first_finding();
    EXPECT_EQ(finding.kind, FindingKind::removed);
    EXPECT_THAT(finding.message, HasSubstr("no record tells of their removal"));
}

TEST_F(VerifyTest, AChainMadeAnewDoesNotMatchItsSignature) {
    write_journal(10);
    auto lines = lines_of(read_file(segment(1)));
    std::string forged;
    ChainState state;
    for (const auto& line : lines) {
        const auto record = parse_record(line);
        std::string json(record->json);
        if (record->sequence == sequences_[1]) json.replace(json.find("app-a"), 5, "app-z");
        append_record(forged, state, record->kind, record->first_of_batch, json);
    }
    write_file(segment(1), forged);
    const auto finding = first_finding();
    EXPECT_EQ(finding.kind, FindingKind::signature);
    EXPECT_THAT(finding.message, HasSubstr("the chain made anew"));
}

TEST_F(VerifyTest, AJournalSignedBySomebodyElse) {
    write_journal(3);
    const testing::OpensslSigner other;
    const auto report = verify_journal(directory_, other.keys());
    ASSERT_FALSE(report.good());
    EXPECT_EQ(report.findings.front().kind, FindingKind::signature);
    EXPECT_THAT(report.findings.front().message, HasSubstr("a key that was not given"));
}

TEST_F(VerifyTest, AJournalWithoutSignatures) {
    {
        const auto journal = Journal::open(testing::small_config(directory_), nullptr, nullptr, clock_);
        (void)append(*journal, sample_event("a"));
    }
    EXPECT_EQ(first_finding().kind, FindingKind::not_signed);
}

TEST_F(VerifyTest, FilesThatDoNotBelong) {
    write_journal(3);
    write_file(directory_ / "notes.txt", "x");
    EXPECT_EQ(first_finding().file, "notes.txt");
    std::filesystem::remove(directory_ / "notes.txt");
    write_file(directory_ / kLockName, "x");
    EXPECT_EQ(first_finding().file, "lock");
    write_file(directory_ / kLockName, "");
    std::filesystem::remove(directory_ / kHeadName);
    EXPECT_EQ(first_finding().file, "head");
}

TEST_F(VerifyTest, AHeadKeptElsewhereFindsADirectoryPutBack) {
    write_journal(3);
    const auto yesterday = folder_.path() / "yesterday";
    std::filesystem::copy(directory_, yesterday);
    write_journal(3);
    VerifyOptions options;
    options.heads.push_back(read_file(directory_ / kHeadName));
    EXPECT_TRUE(verify(options).good());
    EXPECT_TRUE(verify_journal(yesterday, signer_->keys()).good());  // alone it looks right: it was
    const auto report = verify_journal(yesterday, signer_->keys(), options);
    ASSERT_FALSE(report.good());
    EXPECT_EQ(report.findings.front().kind, FindingKind::cut_off);
}

TEST_F(VerifyTest, WhileItIsBeingWritten) {
    const auto journal = Journal::open(testing::small_config(directory_), signer_, nullptr, clock_);
    (void)append(*journal, sample_event("a"));
    journal->checkpoint_now();
    (void)append(*journal, sample_event("b"));
    const auto report = verify();
    EXPECT_TRUE(report.good()) << report.findings.front().message;
    EXPECT_TRUE(report.live);
    EXPECT_FALSE(report.notes.empty());
}

TEST_F(VerifyTest, AgainAndAgainWhileItIsBeingWritten) {
    auto config = testing::small_config(directory_);
    config.segment_bytes_max = 32 * 1024;
    const auto journal = Journal::open(config, signer_, nullptr, clock_);
    journal->checkpoint_now();
    std::atomic<bool> stop = false;
    std::thread writer([&] {
        while (!stop) {
            for (int i = 0; i < 5; ++i) (void)append(*journal, sample_event("a"));
            journal->checkpoint_now();
        }
    });
    for (int i = 0; i < 30; ++i) {
        const auto report = verify();
        EXPECT_TRUE(report.good()) << report.findings.front().message;
    }
    stop = true;
    writer.join();
}

TEST_F(VerifyTest, NothingThere) {
    EXPECT_THROW((void)verify(), Error);
    EXPECT_THROW((void)verify_journal(directory_ / "absent", signer_->keys()), Error);
    CheckpointKeys keys;
    EXPECT_THROW(keys.add_pem("no key"), Error);
}

TEST_F(VerifyTest, ReaderGivesRecordsFromAnyPosition) {
    write_journal(30, 4096);
    JournalReader all(directory_);
    std::vector<JournalPosition> positions{all.position()};
    std::vector<std::uint64_t> numbers;
    while (const auto record = all.next()) {
        numbers.push_back(record->sequence);
        positions.push_back(all.position());
    }
    for (std::size_t i = 0; i < numbers.size(); ++i) EXPECT_EQ(numbers[i], i + 1);
    for (std::size_t i = 0; i < numbers.size(); ++i) {
        JournalReader from(directory_, positions[i]);
        EXPECT_EQ(from.next()->sequence, i + 1);
        EXPECT_TRUE(fits_journal(directory_, positions[i])) << i;
        if (i == 0) continue;
        auto wrong = positions[i];
        ++wrong.sequence;
        EXPECT_FALSE(fits_journal(directory_, wrong)) << i;
        wrong = positions[i];
        wrong.chain[31] ^= 1U;
        EXPECT_FALSE(fits_journal(directory_, wrong)) << i;
        wrong = positions[i];
        --wrong.offset;
        EXPECT_FALSE(fits_journal(directory_, wrong)) << i;
    }
    auto beyond = positions.back();
    beyond.offset += 1000;
    EXPECT_FALSE(fits_journal(directory_, beyond));
    ++beyond.segment;
    EXPECT_FALSE(fits_journal(directory_, beyond));
    // Between two segments, on the later one's side.
    const auto changes = [&](std::size_t i) { return positions[i].segment != positions[i + 1].segment; };
    std::size_t last = 1;
    while (!changes(last)) ++last;
    JournalPosition side{positions[last].segment + 1, 0, positions[last].sequence, positions[last].chain};
    EXPECT_TRUE(fits_journal(directory_, side));
    side.chain[0] ^= 1U;
    EXPECT_FALSE(fits_journal(directory_, side));
    JournalReader bounded(directory_);
    for (int i = 0; i < 5; ++i) EXPECT_TRUE(bounded.next(5));
    EXPECT_FALSE(bounded.next(5));
    EXPECT_EQ(bounded.next(6)->sequence, 6U);
}

TEST_F(VerifyTest, ReaderRefusesWhatIsNoRecord) {
    write_file(segment(1), "hello\n");
    JournalReader reader(directory_);
    EXPECT_THROW((void)reader.next(), MalformedRecord);
    write_file(segment(1), std::string(kRecordBytesMax + 10, 'x'));
    JournalReader again(directory_);
    EXPECT_THROW((void)again.next(), MalformedRecord);
}

}  // namespace
}  // namespace coffer::audit
