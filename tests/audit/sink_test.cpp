// Sinks against TLS servers of the tests' own; the shipper against sinks that fail. RFC 5424, 5425.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "audit_fixture.hpp"
#include "daemon/audit/https_sink.hpp"
#include "daemon/audit/journal_directory.hpp"
#include "daemon/audit/journal_reader.hpp"
#include "daemon/audit/outbox.hpp"
#include "daemon/audit/recovery.hpp"
#include "daemon/audit/ship_position.hpp"
#include "daemon/audit/shipper.hpp"
#include "daemon/audit/syslog_sink.hpp"
#include "daemon/audit/verifier.hpp"
#include "tls_peer.hpp"

namespace coffer::audit {
namespace {

using testing::append;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::PeerMode;
using testing::sample_event;
using ::testing::StartsWith;
using testing::TlsPeer;

TEST(SyslogMessage, AsTheStandardSays) {
    ShippedRecord record{RecordKind::event, 7, R"({"additionalEventData":{"timeMs":1790000000123}})"};
    const auto message = syslog_message(record, {"node-1", "cofferd", "42"});
    // PRI: 13 * 8 + 6 (RFC 5424, 6.2.1).
    EXPECT_EQ(message,
              "<110>1 2026-09-21T14:13:20.123Z node-1 cofferd 42 EVENT [meta sequenceId=\"7\"] "
              "\xEF\xBB\xBF"
              R"({"additionalEventData":{"timeMs":1790000000123}})");
    record.json = R"({"errorCode":"AccessDeniedException"})";
    record.sequence = 2'147'483'648;
    EXPECT_EQ(syslog_message(record, {"bad host\n", "", "-"}),
              "<108>1 - bad_host_ - - EVENT [meta sequenceId=\"1\"] "
              "\xEF\xBB\xBF{\"errorCode\":\"AccessDeniedException\"}");
    EXPECT_EQ(syslog_frame("abc"), "3 abc");
}

class SinkTest : public ::testing::Test {
protected:
    SinkTest() : files_(folder_.sub("tls"), "localhost"), directory_(folder_.sub("audit")) {}

    [[nodiscard]] std::unique_ptr<Journal> open() {
        auto config = testing::small_config(directory_);
        config.segment_bytes_max = 4096;
        return Journal::open(config, signer_, nullptr, clock_);
    }
    [[nodiscard]] ShipperConfig quick() const {
        ShipperConfig config;
        config.state_directory = folder_.sub("state");
        config.batch_records_max = 7;
        config.back_off_min = std::chrono::milliseconds(5);
        config.back_off_max = std::chrono::milliseconds(20);
        return config;
    }
    static std::vector<ShippedRecord> records(std::uint64_t first, std::uint64_t last) {
        std::vector<ShippedRecord> out;
        for (auto i = first; i <= last; ++i)
            out.push_back({RecordKind::event, i, "{\"n\":" + std::to_string(i) + "}"});
        return out;
    }
    static std::string error_of(Sink& sink) {
        try {
            sink.deliver(records(1, 1));
        } catch (const Error& error) {
            return error.what();
        }
        return {};
    }
    /// eventIDs of what the journal holds.
    [[nodiscard]] std::set<std::string> journal_ids() const {
        std::set<std::string> out;
        JournalReader reader(directory_);
        while (const auto record = reader.next()) {
            if (record->kind == RecordKind::event) out.insert(event_id_in(record->json));
        }
        return out;
    }

    testing::AuditFolder folder_;
    testing::PeerFiles files_;
    std::filesystem::path directory_;
    std::shared_ptr<testing::OpensslSigner> signer_ = std::make_shared<testing::OpensslSigner>();
    testing::HandClock clock_;
};

TEST_F(SinkTest, SyslogOverTls) {
    TlsPeer peer(files_, PeerMode::syslog);
    SyslogSink sink("siem", testing::target_of(files_, peer.port()), {"node-1", "cofferd", "-"});
    sink.deliver(records(1, 3));
    sink.deliver(records(4, 5));
    ASSERT_TRUE(peer.wait_for(5));
    EXPECT_THAT(peer.received()[4], ::testing::EndsWith("{\"n\":5}"));
    EXPECT_EQ(peer.connections(), 1);
}

TEST_F(SinkTest, SyslogSendsAgainWhatAConnectionMayHaveTakenWithIt) {
    TlsPeer peer(files_, PeerMode::syslog);
    peer.close_after(3);
    SyslogSink sink("siem", testing::target_of(files_, peer.port()), {"node-1", "cofferd", "-"});
    std::uint64_t next = 1;
    const auto deliver_next = [&] {
        while (true) {
            try {
                return sink.deliver(records(next, next));
            } catch (const net::ConnectionError&) {
            }
        }
    };
    // On beyond the first connection's end, whenever the peer gets round to that.
    for (; next <= 8 || peer.connections() < 2; ++next) {
        deliver_next();
        ASSERT_TRUE(peer.wait_for(std::min<std::uint64_t>(next, 3)));
    }
    peer.close_after(0);
    std::set<std::string> seen;
    // Until a write finds the last connection that the peer has ended.
    while (seen.size() < next) {
        deliver_next();
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
        for (const auto& message : peer.received()) seen.insert(message.substr(message.find('{')));
    }
    EXPECT_GT(peer.connections(), 1);
}

TEST_F(SinkTest, HttpsPostsLines) {
    TlsPeer peer(files_, PeerMode::https);
    HttpsSink sink("collector", testing::target_of(files_, peer.port()), "/v1/audit");
    auto batch = records(1, 2);
    batch.push_back({RecordKind::checkpoint, 3, "{\"format\":1}"});
    sink.deliver(batch);
    sink.deliver(records(4, 4));
    EXPECT_THAT(peer.received(),
                ElementsAre("{\"n\":1}", "{\"n\":2}", "{\"checkpoint\":{\"format\":1}}", "{\"n\":4}"));
    EXPECT_EQ(peer.connections(), 1);
}

TEST_F(SinkTest, HttpsConnectsAgainWhenAnIdleConnectionWasEnded) {
    TlsPeer peer(files_, PeerMode::https);
    peer.close_after(1);
    HttpsSink sink("collector", testing::target_of(files_, peer.port()), "/");
    for (std::uint64_t i = 1; i <= 3; ++i) sink.deliver(records(i, i));
    EXPECT_EQ(peer.received().size(), 3U);
    EXPECT_EQ(peer.connections(), 3);
}

TEST_F(SinkTest, HttpsOtherAnswersAreFailures) {
    TlsPeer peer(files_, PeerMode::https, {503, 400, 302});
    HttpsSink sink("collector", testing::target_of(files_, peer.port()), "/");
    EXPECT_THAT(error_of(sink), HasSubstr("status 503"));
    EXPECT_THAT(error_of(sink), HasSubstr("status 400"));
    EXPECT_THAT(error_of(sink), HasSubstr("status 302"));
    EXPECT_EQ(error_of(sink), "");
}

TEST_F(SinkTest, ThePeerMustBeWhoItShouldBe) {
    const testing::PeerFiles other_name(folder_.sub("other"), "elsewhere.example");
    TlsPeer wrong_name(other_name, PeerMode::https);
    HttpsSink by_name("a", testing::target_of(other_name, wrong_name.port()), "/");
    EXPECT_THAT(error_of(by_name), HasSubstr("TLS handshake"));
    TlsPeer wrong_ca(files_, PeerMode::https);
    SyslogSink by_ca("b", testing::target_of(other_name, wrong_ca.port()), {"n", "cofferd", "-"});
    EXPECT_THAT(error_of(by_ca), HasSubstr("certificate verify failed"));
    EXPECT_TRUE(wrong_name.received().empty());
    EXPECT_TRUE(wrong_ca.received().empty());
    auto target = testing::target_of(files_, 1);
    target.ca_file = folder_.path() / "absent.pem";
    EXPECT_THROW(HttpsSink("c", target, "/"), net::ConnectionError);
}

TEST_F(SinkTest, NobodyThereAndPeersThatHang) {
    auto nobody = testing::target_of(files_, 1);
    HttpsSink refused("a", nobody, "/");
    EXPECT_THAT(error_of(refused), HasSubstr("localhost:1: connect"));
    for (const auto mode : {PeerMode::deaf, PeerMode::silent}) {
        TlsPeer peer(files_, mode);
        auto target = testing::target_of(files_, peer.port());
        target.connect_timeout = target.io_timeout = std::chrono::milliseconds(200);
        HttpsSink sink("b", target, "/");
        EXPECT_THAT(error_of(sink), HasSubstr("timed out")) << static_cast<int>(mode);
        HttpsSink cancelled("c", testing::target_of(files_, peer.port()), "/");
        std::thread caller([&] { EXPECT_NE(error_of(cancelled), ""); });
        cancelled.cancel();
        caller.join();
    }
}

// ---- shipper

TEST_F(SinkTest, ShipsAllThroughFailuresAndRestarts) {
    TlsPeer peer(files_, PeerMode::https, {500, 200, 503, 503});
    const auto journal = open();
    for (int round = 0; round < 3; ++round) {
        Shipper shipper(
            quick(), *journal,
            std::make_unique<HttpsSink>("collector", testing::target_of(files_, peer.port()), "/"), nullptr);
        for (int i = 0; i < 20; ++i) (void)append(*journal, sample_event("a"));
        while (shipper.status().sequence < journal->status().sequence) {
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        }
    }
    const auto position = load_position(folder_.sub("state") / "collector.position", journal->id());
    ASSERT_TRUE(position);
    EXPECT_EQ(position->sequence, journal->status().sequence);
    std::multiset<std::string> received;
    for (const auto& line : peer.received()) {
        if (!line.starts_with("{\"checkpoint\"")) received.insert(event_id_in(line));
    }
    const auto expected = journal_ids();
    EXPECT_EQ(std::set<std::string>(received.begin(), received.end()), expected);
    EXPECT_EQ(received.size(), expected.size());  // nothing twice where nothing crashed
    journal->close();
}

TEST_F(SinkTest, AHungSinkHoldsUpNobody) {
    TlsPeer peer(files_, PeerMode::silent);
    const auto journal = open();
    auto shipper = std::make_unique<Shipper>(
        quick(), *journal, std::make_unique<HttpsSink>("hung", testing::target_of(files_, peer.port()), "/"),
        nullptr);
    for (int i = 0; i < 50; ++i) (void)append(*journal, sample_event("a"));
    EXPECT_EQ(shipper->status().sequence, 0U);
    clock_.advance(std::chrono::hours(1000));
    EXPECT_EQ(apply_retention(*journal, {shipper.get()}, std::chrono::hours(1), clock_),
              0U);    // nothing shipped
    shipper.reset();  // does not wait for the sink's time limit
    EXPECT_GT(apply_retention(*journal, {}, std::chrono::hours(1), clock_), 0U);
    journal->close();
}

TEST_F(SinkTest, SaysWhatWasRemovedBeforeItWasShipped) {
    class Gaps final : public ShipperObserver {
    public:
        void delivered(std::string_view, std::uint64_t, std::size_t) override {}
        void delivery_failed(std::string_view, std::string, std::chrono::milliseconds) override {}
        void gap(std::string_view, std::uint64_t first, std::uint64_t last) override {
            first_ = first;
            last_ = last;
        }
        void forked(std::string_view, std::uint64_t) override {}
        std::atomic<std::uint64_t> first_ = 0;
        std::atomic<std::uint64_t> last_ = 0;
    };
    const auto journal = open();
    TlsPeer peer(files_, PeerMode::https);
    const auto sink = [&] {
        return std::make_unique<HttpsSink>("c", testing::target_of(files_, peer.port()), "/");
    };
    {
        Shipper shipper(quick(), *journal, sink(), nullptr);
        while (shipper.status().sequence < 2) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    const auto shipped = load_position(folder_.sub("state") / "c.position", journal->id())->sequence;
    for (int i = 0; i < 50; ++i) (void)append(*journal, sample_event("a"));
    clock_.advance(std::chrono::hours(1000));
    (void)append(*journal, sample_event("a"));
    EXPECT_GT(journal->remove_segments(UINT64_MAX, clock_.now()), 0U);
    const auto gaps = std::make_shared<Gaps>();
    Shipper shipper(quick(), *journal, sink(), gaps);
    while (shipper.status().sequence < journal->status().sequence) {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    EXPECT_EQ(gaps->first_, shipped + 1);
    EXPECT_GT(gaps->last_, shipped + 1);
    shipper.stop();
}

TEST_F(SinkTest, AJournalThatWasPutBackIsHandedOverFromItsBeginning) {
    class Forks final : public ShipperObserver {
    public:
        void delivered(std::string_view, std::uint64_t, std::size_t) override {}
        void delivery_failed(std::string_view, std::string reason, std::chrono::milliseconds) override {
            ADD_FAILURE() << reason;
        }
        void gap(std::string_view, std::uint64_t, std::uint64_t) override { ADD_FAILURE(); }
        void forked(std::string_view, std::uint64_t sequence) override {
            EXPECT_EQ(sequence_.exchange(sequence), 0U);
        }
        std::atomic<std::uint64_t> sequence_ = 0;
    };
    TlsPeer peer(files_, PeerMode::https);
    const auto forks = std::make_shared<Forks>();
    const auto ship = [&](const Journal& journal) {
        Shipper shipper(quick(), journal,
                        std::make_unique<HttpsSink>("c", testing::target_of(files_, peer.port()), "/"),
                        forks);
        while (shipper.status().segment == 0 || shipper.status().sequence < journal.status().sequence) {
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        }
    };
    std::uint64_t last_event = 0;  // a checkpoint may follow it or not
    const auto later = [&](std::string_view secret) {
        const auto journal = open();
        for (int i = 0; i < 5; ++i) (void)append(*journal, sample_event(secret));
        last_event = journal->status().sequence;
        auto ids = journal_ids();
        ship(*journal);
        return ids;
    };
    open()->close();
    const auto before = folder_.path() / "before";
    std::filesystem::copy(directory_, before);
    const auto lost = later("lost");
    EXPECT_EQ(forks->sequence_, 0U);
    const auto file = folder_.sub("state") / "c.position";
    const auto id = find_journal_end(directory_)->header.journal;
    const auto kept = load_position(file, id);
    // The state of before comes back, and events of the same length get the numbers of those that were
    // shipped: the place that was kept is between two records of it as well.
    std::filesystem::remove_all(directory_);
    std::filesystem::copy(before, directory_);
    auto expected = later("new!");
    EXPECT_EQ(forks->sequence_, kept->sequence);
    EXPECT_GE(load_position(file, id)->sequence, last_event);
    std::set<std::string> received;
    for (const auto& line : peer.received()) {
        if (!line.starts_with("{\"checkpoint\"")) received.insert(event_id_in(line));
    }
    expected.insert(lost.begin(), lost.end());
    EXPECT_TRUE(std::ranges::includes(received, expected));
}

TEST_F(SinkTest, PositionsThatAreDamagedOrForeignAreNotUsed) {
    const auto file = folder_.path() / "x.position";
    const auto journal = Uuid::random();
    const JournalPosition position{3, 400, 50, sha256("record 50")};
    save_position(file, journal, position);
    EXPECT_EQ(load_position(file, journal), position);
    EXPECT_FALSE(load_position(file, Uuid::random()));
    const auto text = testing::read_file(file);
    for (std::size_t at = 0; at < text.size(); ++at) {
        auto bad = text;
        bad[at] = static_cast<char>(bad[at] ^ 1);
        testing::write_file(file, bad);
        EXPECT_FALSE(load_position(file, journal)) << at;
    }
    EXPECT_FALSE(load_position(folder_.path() / "absent", journal));
}

// ---- outbox

TEST_F(SinkTest, ChangesWithoutTheirEventGetItOnce) {
    class Outbox final : public ChangeOutbox {
    public:
        std::vector<OutboxEvent> pending(std::size_t) override { return events; }
        void journaled(const std::vector<std::string>& ids) override {
            for (const auto& id : ids) std::erase_if(events, [&](const auto& e) { return e.event_id == id; });
        }
        std::vector<OutboxEvent> events;
    };
    const auto journal = open();
    const auto there = sample_event("there");
    (void)append(*journal, there);
    const auto missing = sample_event("missing");
    Outbox outbox;
    for (const auto& event : {there, missing})
        outbox.events.push_back({event.event_id.text(), to_json(event)});
    EXPECT_EQ(journal_pending_changes(*journal, outbox), 1U);
    EXPECT_TRUE(outbox.events.empty());
    EXPECT_TRUE(journal_ids().contains(missing.event_id.text()));
    journal->close();
}

}  // namespace
}  // namespace coffer::audit
