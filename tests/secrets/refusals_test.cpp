// Refusals as audit events: counted together, bounded in number. Members as docs/audit.md has them.

#include <gmock/gmock.h>

#include <boost/json.hpp>

#include "daemon/audit/journal_reader.hpp"
#include "daemon/secrets/refusal_journal.hpp"
#include "service_fixture.hpp"

namespace coffer::secrets {
namespace {

namespace json = boost::json;
using ::testing::SizeIs;

class RefusalsTest : public ::testing::Test {
protected:
    RefusalsTest() {
        audit::JournalConfig config;
        config.directory = folder_.sub("audit");
        config.node = "node-1";
        config.reserve_bytes = 0;
        journal_ = audit::Journal::open(config, nullptr, nullptr, clock_);
    }
    /// With an interval that only close() ends.
    std::unique_ptr<RefusalJournal> recorder(std::size_t events_max = 8) {
        return std::make_unique<RefusalJournal>(*journal_, EventMaker(Node::kIdentity, "node-1", clock_),
                                                clock_, RefusalLimits{std::chrono::hours(1), events_max});
    }
    static access::Caller caller(const std::string& principal, const std::string& source = "10.0.0.1") {
        access::Caller caller;
        caller.principal = principal;
        caller.listener = "public";
        caller.source_address = source;
        return caller;
    }
    std::vector<json::object> recorded() {
        journal_->close();
        std::vector<json::object> events;
        audit::JournalReader reader(journal_->directory());
        while (const auto record = reader.next()) {
            if (record->kind != audit::RecordKind::event) continue;
            auto event = json::parse(record->json).as_object();
            if (event.at("eventSource").as_string() == "coffer") events.push_back(std::move(event));
        }
        return events;
    }

    TestClock clock_;
    testing::AuditFolder folder_;
    std::unique_ptr<audit::Journal> journal_;
};

TEST_F(RefusalsTest, AMillionOfOneKindAreOneEvent) {
    const auto alice = caller("alice");
    {
        const auto recorder = this->recorder();
        for (int i = 0; i < 1'000'000; ++i) {
            recorder->refused({RefusedKind::request, "ThrottlingException", "Rate exceeded", alice});
            if (i == 499'999) clock_.advance(std::chrono::milliseconds(250));
        }
    }
    const auto events = recorded();
    ASSERT_THAT(events, SizeIs(1));
    const auto& event = events[0];
    EXPECT_EQ(event.at("eventName").as_string(), "RefuseRequests");
    EXPECT_EQ(event.at("errorCode").as_string(), "ThrottlingException");
    EXPECT_EQ(event.at("errorMessage").as_string(), "Rate exceeded");
    EXPECT_EQ(event.at("eventType").as_string(), "AwsServiceEvent");
    EXPECT_EQ(event.at("sourceIPAddress").as_string(), "10.0.0.1");
    EXPECT_EQ(event.at("userIdentity").as_object().at("principalId").as_string(), "alice");
    const auto& additional = event.at("additionalEventData").as_object();
    EXPECT_EQ(additional.at("listener").as_string(), "public");
    const auto& details = additional.at("details").as_object();
    EXPECT_EQ(details.at("count").to_number<std::uint64_t>(), 1'000'000U);
    EXPECT_EQ(details.at("firstTimeMs").as_int64(), 1'790'000'000'123);
    EXPECT_EQ(details.at("lastTimeMs").as_int64(), 1'790'000'000'373);
}

TEST_F(RefusalsTest, WhoIsAnotherOrForAnotherReasonIsToldApart) {
    {
        const auto recorder = this->recorder();
        recorder->refused({RefusedKind::request, "ThrottlingException", "Rate exceeded", caller("alice")});
        recorder->refused({RefusedKind::request, "ThrottlingException", "Rate exceeded", caller("bob")});
        recorder->refused({RefusedKind::connection, "frame_too_large", "", caller("alice")});
        recorder->refused({RefusedKind::connection, "frame_too_large", "", caller("alice", "10.0.0.2")});
        recorder->refused({RefusedKind::handshake, "expired", "", caller(""), "0123abcd"});
    }
    const auto events = recorded();
    ASSERT_THAT(events, SizeIs(5));
    for (const auto& event : events) {
        const auto& additional = event.at("additionalEventData").as_object();
        EXPECT_EQ(additional.at("details").as_object().at("count").to_number<int>(), 1);
        if (event.at("eventName").as_string() == "RefuseHandshakes") {
            EXPECT_EQ(additional.at("certificateSha256").as_string(), "0123abcd");
        }
    }
}

TEST_F(RefusalsTest, ReasonsAndKeysAreToldApart) {
    auto keyed = caller("");
    keyed.access_key_id = "AKIAIOSFODNN7EXAMPLE";
    auto other = caller("");
    other.access_key_id = "AKIAI44QH8DHBEXAMPLE";
    const auto refuse = [](RefusalJournal& recorder, const access::Caller& by, std::string_view cause,
                           std::string_view unknown = {}) {
        recorder.refused({RefusedKind::request,
                          "UnrecognizedClientException",
                          "The security token ...",
                          by,
                          {},
                          cause,
                          unknown});
    };
    {
        const auto recorder = this->recorder();
        for (int i = 0; i < 3; ++i) refuse(*recorder, keyed, "inactive_key");
        refuse(*recorder, keyed, "wrong_token");
        refuse(*recorder, other, "inactive_key");
        // Ids that nobody has are the attacker's to choose: they make no groups.
        for (int i = 0; i < 100; ++i) {
            refuse(*recorder, caller(""), "no_such_key", "AKIANOBODY" + std::to_string(100000 + i));
        }
        refuse(*recorder, caller("", "10.0.0.9"), "no_such_key", std::string(100, 'A'));
    }
    std::map<std::string, int> counts;
    for (const auto& event : recorded()) {
        const auto& details = event.at("additionalEventData").as_object().at("details").as_object();
        const auto& identity = event.at("userIdentity").as_object();
        EXPECT_EQ(identity.at("type").as_string(), "Unknown");
        const auto text = [](const json::object& object, const char* name) {
            const auto* value = object.if_contains(name);
            return value == nullptr ? std::string() : std::string(value->as_string());
        };
        counts[text(details, "cause") + " " + text(identity, "accessKeyId") + " " +
               text(details, "unknownAccessKeyId")] += details.at("count").to_number<int>();
    }
    EXPECT_EQ(counts, (std::map<std::string, int>{{"inactive_key AKIAIOSFODNN7EXAMPLE ", 3},
                                                  {"wrong_token AKIAIOSFODNN7EXAMPLE ", 1},
                                                  {"inactive_key AKIAI44QH8DHBEXAMPLE ", 1},
                                                  {"no_such_key  AKIANOBODY100000", 100},
                                                  {"no_such_key  " + std::string(32, 'A'), 1}}));
}

TEST_F(RefusalsTest, ARevokedSessionIsNamed) {
    auto revoked = caller("arn:aws:sts::111122223333:assumed-role/app/s1");
    revoked.access_key_id = "ASIAIOSFODNN7EXAMPLE";
    access::Principal principal;
    principal.type = access::PrincipalType::assumed_role;
    principal.arn = "arn:aws:sts::111122223333:assumed-role/app/s1";
    principal.issuer_arn = "arn:aws:iam::111122223333:role/app";
    principal.account = "111122223333";
    principal.id = "AROAAAAAAAAAAAAAAAAAA:s1";
    revoked.refused = std::make_shared<const access::Principal>(principal);
    auto session = std::make_shared<access::Session>();
    session->issued = clock_.now();
    revoked.session = session;
    recorder()->refused({RefusedKind::request, "ExpiredTokenException", "", revoked});
    const auto events = recorded();
    ASSERT_THAT(events, SizeIs(1));
    const auto& identity = events[0].at("userIdentity").as_object();
    EXPECT_EQ(identity.at("type").as_string(), "AssumedRole");
    EXPECT_EQ(identity.at("arn").as_string(), principal.arn);
    EXPECT_EQ(identity.at("accessKeyId").as_string(), "ASIAIOSFODNN7EXAMPLE");
    const auto& context = identity.at("sessionContext").as_object();
    EXPECT_EQ(context.at("sessionIssuer").as_object().at("userName").as_string(), "app");
    EXPECT_TRUE(context.contains("attributes"));
}

TEST_F(RefusalsTest, ManyCallersDoNotMakeManyEvents) {
    {
        const auto recorder = this->recorder(3);
        for (int i = 0; i < 1000; ++i) {
            recorder->refused(
                {RefusedKind::connection, "network", "", caller("", "10.1.0." + std::to_string(i))});
        }
    }
    const auto events = recorded();
    ASSERT_THAT(events, SizeIs(4));
    std::uint64_t together = 0;
    for (const auto& event : events) {
        together += event.at("additionalEventData")
                        .as_object()
                        .at("details")
                        .as_object()
                        .at("count")
                        .to_number<std::uint64_t>();
    }
    EXPECT_EQ(together, 1000U);
    EXPECT_EQ(events.back().at("errorCode").as_string(), "Others");
}

TEST_F(RefusalsTest, TheIntervalEndsByItself) {
    RefusalJournal recorder(*journal_, EventMaker(Node::kIdentity, "node-1", clock_), clock_,
                            {std::chrono::milliseconds(20), 8});
    const auto before = journal_->status().sequence;
    recorder.refused({RefusedKind::connection, "network", "", caller("")});
    const auto written =
        journal_->wait_beyond(before, std::chrono::steady_clock::now() + std::chrono::minutes(1));
    EXPECT_EQ(written, before + 1);
}

}  // namespace
}  // namespace coffer::secrets
