// The key that signs a journal changes: the oldest public key alone follows it to the newest, and what is
// wrong with the change is named.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "audit_fixture.hpp"
#include "daemon/audit/segment_header.hpp"
#include "daemon/audit/verifier.hpp"

namespace coffer::audit {
namespace {

using testing::append;
using ::testing::Contains;
using ::testing::HasSubstr;
using testing::lines_of;
using testing::read_file;
using testing::sample_event;
using testing::write_file;

class KeyChangeTest : public ::testing::Test {
protected:
    KeyChangeTest()
        : signer_(std::make_shared<testing::OpensslSigner>()),
          observer_(std::make_shared<testing::RecordingObserver>()),
          directory_(folder_.sub("audit")) {}

    [[nodiscard]] std::unique_ptr<Journal> open() const {
        return Journal::open(testing::small_config(directory_), signer_, observer_, clock_);
    }
    /// One event and a checkpoint, and the end.
    void run_once() const {
        const auto journal = open();
        (void)append(*journal, sample_event("a"));
        journal->checkpoint_now();
        journal->close();
    }
    [[nodiscard]] VerifyReport verify(const CheckpointKeys& keys) const {
        return verify_journal(directory_, keys);
    }
    /// What is wrong first; empty when nothing is.
    [[nodiscard]] std::string wrong(const CheckpointKeys& keys) const {
        const auto report = verify(keys);
        return report.good() ? std::string() : report.findings.front().message;
    }
    [[nodiscard]] std::string id(std::uint32_t generation) const {
        return to_text(signer_->find(generation).value().name.id);
    }
    [[nodiscard]] std::filesystem::path last_segment() const {
        return testing::segment_files(directory_).back();
    }
    /// The checkpoint that names a successor, and its number.
    [[nodiscard]] std::pair<Checkpoint, std::uint64_t> link() const {
        for (const auto& file : testing::segment_files(directory_)) {
            for (const auto& line : lines_of(read_file(file))) {
                const auto record = parse_record(line);
                if (!record || record->kind != RecordKind::checkpoint) continue;
                auto checkpoint = parse_checkpoint(record->json);
                if (checkpoint && checkpoint->successor) return {*checkpoint, record->sequence};
            }
        }
        throw std::runtime_error("no checkpoint names a successor");
    }
    /// Adds a checkpoint by `signer` to the last segment, as whoever has that key and the files could.
    void add_checkpoint(testing::OpensslSigner& signer, std::uint32_t generation,
                        std::optional<SigningKey> successor = {}) const {
        auto text = read_file(last_segment());
        ChainState state;
        std::string last_json;
        for (const auto& line : lines_of(text)) {
            const auto record = parse_record(line).value();
            state = {record.sequence, record.chain};
            if (record.kind == RecordKind::checkpoint) last_json = record.json;
        }
        auto checkpoint = parse_checkpoint(last_json).value();
        checkpoint.state = state;
        checkpoint.previous = sha256(last_json);
        checkpoint.signer = signer.find(generation).value().name;
        checkpoint.successor = std::move(successor);
        checkpoint.signature = signer.sign(generation, signed_digest(checkpoint));
        append_record(text, state, RecordKind::checkpoint, true, to_json(checkpoint));
        write_file(last_segment(), text);
    }

    testing::AuditFolder folder_;
    std::shared_ptr<testing::OpensslSigner> signer_;
    std::shared_ptr<testing::RecordingObserver> observer_;
    std::filesystem::path directory_;
    SystemClock clock_;
};

TEST_F(KeyChangeTest, TheOldestKeyIsFollowedToTheNewest) {
    const auto journal = open();
    (void)append(*journal, sample_event("a"));
    journal->checkpoint_now();
    EXPECT_EQ(journal->status().signing_generation, 1U);
    signer_->add_generation();
    journal->checkpoint_now();
    EXPECT_EQ(journal->status().signing_generation, 2U);
    (void)append(*journal, sample_event("b"));
    signer_->add_generation();
    journal->close();

    const auto report = verify(signer_->keys(1));
    EXPECT_TRUE(report.good()) << report.findings.front().message;
    EXPECT_EQ(report.signing_generation, 3U);
    EXPECT_EQ(report.signing_key, id(3));
    const auto [first_link, number] = link();
    EXPECT_EQ(first_link.signer.generation, 1U);
    EXPECT_EQ(first_link.successor->name.generation, 2U);
    EXPECT_THAT(report.notes,
                Contains(HasSubstr("record " + std::to_string(number) + ": the audit key " + id(1))));
    EXPECT_THAT(wrong(signer_->keys(2)), HasSubstr("a key that was not given: " + id(1)));
}

TEST_F(KeyChangeTest, AJournalThatWaitsForEventsGoesOverByItself) {
    const auto journal = open();
    journal->checkpoint_now();
    signer_->add_generation();
    while (journal->status().signing_generation != 2)
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    journal->close();
    EXPECT_EQ(wrong(signer_->keys(1)), "");
}

TEST_F(KeyChangeTest, AStartNamesTheKeyThatCameMeanwhile) {
    run_once();
    signer_->add_generation();
    signer_->add_generation();
    run_once();
    signer_->forget(2);  // was never used
    EXPECT_EQ(wrong(signer_->keys(1)), "");
    EXPECT_EQ(link().first.successor->name.generation, 3U);
    run_once();
    EXPECT_EQ(wrong(signer_->keys(1)), "");
}

TEST_F(KeyChangeTest, WithoutTheOldKeyNothingIntroducesTheNewOne) {
    run_once();
    const auto first = signer_->keys(1);
    const auto first_id = id(1);
    auto both = signer_->public_pem(1);
    signer_->add_generation();
    both += signer_->public_pem(2);
    signer_->forget(1);
    run_once();
    EXPECT_THAT(wrong(first), HasSubstr(id(2) +
                                        " (generation 2), which was not given and which no checkpoint before "
                                        "introduces; " +
                                        first_id));
    CheckpointKeys keys;
    keys.add_pem(both);
    const auto report = verify(keys);
    EXPECT_TRUE(report.good()) << report.findings.front().message;
    EXPECT_THAT(report.notes,
                Contains(HasSubstr("did not introduce it; it is believed because it was given")));
}

TEST_F(KeyChangeTest, ATokenThatIsBehindSignsNothing) {
    signer_->add_generation();
    run_once();
    signer_->forget(2);
    const auto journal = open();
    (void)append(*journal, sample_event("b"));
    EXPECT_THROW(journal->checkpoint_now(), Error);
    journal->close();
    EXPECT_THAT(verify(CheckpointKeys()).findings, ::testing::Not(::testing::IsEmpty()));
}

TEST_F(KeyChangeTest, AnOldKeyThatSignsAfterwardsIsNamed) {
    run_once();
    signer_->add_generation();
    run_once();
    ASSERT_EQ(wrong(signer_->keys(1)), "");
    add_checkpoint(*signer_, 1);
    const auto report = verify(signer_->keys(1));
    ASSERT_FALSE(report.good());
    EXPECT_EQ(report.findings.front().kind, FindingKind::signature);
    EXPECT_THAT(
        report.findings.front().message,
        HasSubstr(id(1) + " (generation 1), which was replaced in record " + std::to_string(link().second)));
}

TEST_F(KeyChangeTest, AStrangersKeyIsNamed) {
    run_once();
    testing::OpensslSigner stranger;
    add_checkpoint(stranger, 1);
    EXPECT_THAT(wrong(signer_->keys()),
                HasSubstr(to_text(stranger.newest().name.id) + " (generation 1), which was not given"));
}

TEST_F(KeyChangeTest, AKeyThatNamesItselfAsIntroducedIsNot) {
    run_once();
    testing::OpensslSigner stranger;
    stranger.add_generation();
    // Signed by the stranger, so what it introduces counts for nothing.
    add_checkpoint(stranger, 1, stranger.newest());
    EXPECT_THAT(wrong(signer_->keys()), HasSubstr("which was not given"));
}

TEST_F(KeyChangeTest, EveryBitOfTheLinkIsCovered) {
    run_once();
    signer_->add_generation();
    run_once();
    const auto number = link().second;
    const auto file = last_segment();
    const auto text = read_file(file);
    const auto at = text.find("\"successor\":{");
    const auto end = text.find('\n', at);
    ASSERT_NE(at, std::string::npos);
    for (auto byte = at; byte < end; byte += 7) {
        auto spoiled = text;
        spoiled[byte] = static_cast<char>(spoiled[byte] ^ 1);
        write_file(file, spoiled);
        const auto report = verify(signer_->keys(1));
        ASSERT_FALSE(report.good()) << byte;
        EXPECT_EQ(report.findings.front().sequence, number) << report.findings.front().message;
    }
}

TEST_F(KeyChangeTest, ALinkMadeAnewWithItsChainHasAWrongSignature) {
    run_once();
    signer_->add_generation();
    run_once();
    testing::OpensslSigner stranger;
    stranger.add_generation();
    const auto [honest, number] = link();
    std::string forged;
    ChainState state;
    for (const auto& line : lines_of(read_file(last_segment()))) {
        const auto record = parse_record(line).value();
        if (forged.empty()) state = {record.sequence - 1, parse_segment_header(record.json).value().previous};
        std::string json(record.json);
        if (record.sequence == number) {
            auto checkpoint = honest;
            checkpoint.successor = stranger.newest();
            json = to_json(checkpoint);
        }
        append_record(forged, state, record.kind, record.first_of_batch, json);
    }
    write_file(last_segment(), forged);
    const auto report = verify(signer_->keys(1));
    ASSERT_FALSE(report.good());
    EXPECT_EQ(report.findings.front().sequence, number);
    EXPECT_THAT(report.findings.front().message, HasSubstr("signature is wrong"));
}

TEST_F(KeyChangeTest, OneFileMayHoldSeveralKeys) {
    CheckpointKeys keys;
    signer_->add_generation();
    keys.add_pem("# the first\n" + signer_->public_pem(1) + "\n" + signer_->public_pem(2));
    EXPECT_TRUE(keys.has(signer_->find(1)->name.id));
    EXPECT_TRUE(keys.has(signer_->find(2)->name.id));
    EXPECT_THROW(keys.add_pem("nothing"), Error);
    EXPECT_THROW(keys.add_pem(signer_->public_pem(1) + "-----BEGIN PUBLIC KEY-----\nMFkw\n"), Error);
}

TEST_F(KeyChangeTest, CheckpointsAreWrittenAsBeforeUntilThereIsASecondKey) {
    run_once();
    for (const auto& line : lines_of(read_file(last_segment()))) {
        const auto record = parse_record(line).value();
        if (record.kind == RecordKind::checkpoint) {
            EXPECT_THAT(std::string(record.json), ::testing::StartsWith("{\"format\":1,"));
        }
    }
}

}  // namespace
}  // namespace coffer::audit
