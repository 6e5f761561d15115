// What is left on record: an event for every request, one event for every change whatever becomes of the
// node, and no answer that is not recorded. Members as in AWS CloudTrail; revisions and seals by what the
// table has.

#include <gmock/gmock.h>

#include <algorithm>
#include <boost/json.hpp>
#include <filesystem>
#include <thread>

#include "daemon/audit/journal_errors.hpp"
#include "service_environment.hpp"

namespace coffer::secrets {
namespace {

namespace json = boost::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class EventsTest : public ::testing::Test {
protected:
    static Node& node() { return Environment::get().node(); }

    /// The events since the last call.
    std::vector<json::object> news() {
        auto all = node().events();
        std::vector<json::object> out(all.begin() + static_cast<std::ptrdiff_t>(seen_), all.end());
        seen_ = all.size();
        return out;
    }

    static v1::CreateSecretRequest create(const std::string& name) {
        v1::CreateSecretRequest request;
        request.set_name(name);
        request.set_client_request_token(Uuid::random().text());
        request.set_secret_string("a-value-that-nobody-may-see");
        return request;
    }

    static std::string text(const json::object& event, const char* pointer) {
        return std::string(json::value(event).at_pointer(pointer).as_string());
    }
    static const json::array& seals(const json::object& event) {
        static const json::array kNone;
        const auto* found = event.at("additionalEventData").as_object().if_contains("seals");
        return found == nullptr ? kNone : found->as_array();
    }
    /// What the table has of the secret, as "REVISION SEAL".
    static std::string stored(const std::string& name) {
        return wait_for<std::string>([&](Completion<std::string> done) {
            node().database().read<std::string>(
                {},
                [name](storage::ReadTransaction& tx) {
                    const auto secret = storage::SecretRepository::find(tx, name);
                    return std::to_string(secret->revision) + " " + to_hex(secret->seal);
                },
                std::move(done));
        });
    }
    static std::size_t outbox_rows() {
        return wait_for<std::size_t>([&](Completion<std::size_t> done) {
            node().database().read<std::size_t>(
                {},
                [](storage::ReadTransaction& tx) {
                    return storage::AuditOutbox::pending(tx, "node-1", std::chrono::milliseconds(0), 1000,
                                                         {1})
                        .size();
                },
                std::move(done));
        });
    }
    static void store_in_outbox(storage::OutboxRow row) {
        static_cast<void>(wait_for<Done>([&](Completion<Done> done) {
            node().database().write<Done>(
                {},
                [row](storage::WriteTransaction& tx) {
                    storage::AuditOutbox::store(tx, row);
                    return Done{};
                },
                std::move(done));
        }));
    }

    /// As its owner could set it by hand, in SQL.
    static void set_stored(const Uuid& id, const std::string& stored) {
        Environment::get().execute(
            "UPDATE audit_outbox SET stored = " + stored + " WHERE event_id = $1::uuid", id.text());
    }
    /// Waits, for a minute at most: the node looks every ten seconds.
    template <class Condition>
    static bool comes_true(const Condition& condition) {
        for (int i = 0; i < 600; ++i) {
            if (condition()) return true;
            std::this_thread::sleep_for(std::chrono::milliseconds(100));
        }
        return false;
    }
    static std::ptrdiff_t events_with(const Uuid& id) {
        return std::ranges::count_if(node().events(), [&](const json::object& event) {
            const auto* found = event.if_contains("eventID");
            return found != nullptr && found->as_string() == id.text();
        });
    }
    static storage::OutboxRow genuine_row(const OutboxRows& rows) {
        const auto id = Uuid::random();
        return rows.make(
            id, R"({"eventSource":"kms.amazonaws.com","eventName":"Work","eventID":")" + id.text() + "\"}");
    }

private:
    std::size_t seen_ = node().events().size();
};

TEST_F(EventsTest, AChangeSaysWhatBecameOfItsRow) {
    const auto created = node().call(create("events/change"));
    const auto events = news();
    ASSERT_THAT(events, SizeIs(1));
    EXPECT_EQ(text(events[0], "/eventName"), "CreateSecret");
    EXPECT_EQ(text(events[0], "/responseElements/arn"), created.arn());
    EXPECT_EQ(text(events[0], "/responseElements/versionId"), created.version_id());
    EXPECT_EQ(text(events[0], "/requestParameters/name"), "events/change");
    EXPECT_EQ(text(events[0], "/resources/0/ARN"), created.arn());
    EXPECT_FALSE(events[0].at("readOnly").as_bool());
    ASSERT_THAT(seals(events[0]), SizeIs(1));
    const auto& seal = seals(events[0])[0].as_object();
    EXPECT_EQ(std::to_string(seal.at("revision").as_int64()) + " " + std::string(seal.at("seal").as_string()),
              stored("events/change"));
    EXPECT_THAT(json::serialize(events[0]), ::testing::Not(HasSubstr("a-value-that-nobody-may-see")));
}

TEST_F(EventsTest, EveryOperationThatChangesHasOneEventAndOneRevisionMore) {
    const auto created = node().call(create("events/all"));
    v1::PutSecretValueRequest put;
    put.set_secret_id("events/all");
    put.set_secret_string("b");
    put.set_client_request_token(Uuid::random().text());
    node().call(put);
    v1::UpdateSecretRequest update;
    update.set_secret_id("events/all");
    update.set_description("d");
    node().call(update);
    v1::UpdateSecretVersionStageRequest move;
    move.set_secret_id("events/all");
    move.set_version_stage("MINE");
    move.set_move_to_version_id(created.version_id());
    node().call(move);
    v1::TagResourceRequest tag;
    tag.set_secret_id("events/all");
    auto* added = tag.add_tags();
    added->set_key("k");
    added->set_value("v");
    node().call(tag);
    v1::UntagResourceRequest untag;
    untag.set_secret_id("events/all");
    untag.add_tag_keys("k");
    node().call(untag);
    v1::PutResourcePolicyRequest policy;
    policy.set_secret_id("events/all");
    policy.set_resource_policy(
        R"({"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":{"AWS":"111122223333"},)"
        R"("Action":"secretsmanager:DeleteSecret","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"false"}}}]})");
    node().call(policy);
    v1::DeleteResourcePolicyRequest no_policy;
    no_policy.set_secret_id("events/all");
    node().call(no_policy);
    v1::DeleteSecretRequest remove;
    remove.set_secret_id("events/all");
    node().call(remove);
    v1::RestoreSecretRequest restore;
    restore.set_secret_id("events/all");
    node().call(restore);
    remove.set_force_delete_without_recovery(true);
    node().call(remove);

    std::vector<std::string> names;
    std::int64_t revision = 0;
    for (const auto& event : news()) {
        names.push_back(text(event, "/eventName"));
        if (names.back() == "EndSecretVersionDelete") continue;
        ASSERT_THAT(seals(event), SizeIs(1)) << names.back();
        const auto& seal = seals(event)[0].as_object();
        EXPECT_EQ(seal.at("revision").as_int64(), revision++) << names.back();
        EXPECT_EQ(seal.contains("seal"), revision < 11) << "a removed row has none";
    }
    EXPECT_THAT(names,
                ElementsAre("CreateSecret", "PutSecretValue", "UpdateSecret", "UpdateSecretVersionStage",
                            "TagResource", "UntagResource", "PutResourcePolicy", "DeleteResourcePolicy",
                            "DeleteSecret", "RestoreSecret", "DeleteSecret", "EndSecretVersionDelete",
                            "EndSecretVersionDelete"));
}

TEST_F(EventsTest, WhatChangesNothingSaysSo) {
    const auto request = create("events/again");
    node().call(request);
    node().call(request);
    const auto events = news();
    ASSERT_THAT(events, SizeIs(2));
    EXPECT_THAT(seals(events[0]), SizeIs(1));
    EXPECT_THAT(seals(events[1]), IsEmpty());
    EXPECT_FALSE(events[1].contains("errorCode"));
}

TEST_F(EventsTest, ReadsAndRefusals) {
    node().call(create("events/read"));
    news();
    v1::GetSecretValueRequest get;
    get.set_secret_id("events/read");
    node().call(get);
    EXPECT_THROW(node().call(get, "nobody"), CallError);
    get.set_secret_id("events/absent");
    EXPECT_THROW(node().call(get), CallError);
    const auto events = news();
    ASSERT_THAT(events, SizeIs(3));
    EXPECT_TRUE(events[0].at("readOnly").as_bool());
    EXPECT_TRUE(events[0].at("responseElements").is_null());
    EXPECT_EQ(events[0].at("additionalEventData").as_object().at("masterKeyGeneration").as_int64(), 1);
    EXPECT_EQ(text(events[1], "/errorCode"), "AccessDenied");
    EXPECT_EQ(text(events[2], "/errorCode"), "ResourceNotFoundException");
    EXPECT_EQ(text(events[2], "/requestParameters/secretId"), "events/absent");
}

TEST_F(EventsTest, WhatTheLastRunLeftBehindIsJournaledOnce) {
    const auto id = Uuid::random();
    const auto line =
        R"({"eventSource":"secretsmanager.amazonaws.com","eventName":"Left","eventID":")" + id.text() + "\"}";
    const auto row = node().rows().make(id, line);
    node().restart_audit([&] { store_in_outbox(row); });
    auto events = news();
    ASSERT_THAT(events, SizeIs(1));
    EXPECT_EQ(text(events[0], "/eventID"), id.text());
    EXPECT_EQ(outbox_rows(), 0U);
    // The row again, as when the node died between journaling and removing it.
    node().restart_audit([&] { store_in_outbox(row); });
    EXPECT_THAT(news(), IsEmpty());
    EXPECT_EQ(outbox_rows(), 0U);
}

TEST_F(EventsTest, ANodeThatStopsLeavesNothingBehind) {
    const auto id = Uuid::random();
    store_in_outbox(node().rows().make(
        id, R"({"eventSource":"kms.amazonaws.com","eventName":"Work","eventID":")" + id.text() + "\"}"));
    std::size_t left = 1;
    node().restart_audit([&] { left = outbox_rows(); });
    EXPECT_EQ(left, 0U);
    const auto events = news();
    ASSERT_THAT(events, SizeIs(1));
    EXPECT_EQ(text(events[0], "/eventID"), id.text());
}

TEST_F(EventsTest, AnEventThatSomebodyPutInTheOutboxIsNotBelieved) {
    auto row = node().rows().make(Uuid::random(), R"({"eventName":"Genuine"})");
    row.event = R"({"eventName":"Forged"})";
    store_in_outbox(row);
    const int before = Environment::get().observer().forged_events;
    node().restart_audit();
    EXPECT_THAT(news(), IsEmpty());
    EXPECT_EQ(Environment::get().observer().forged_events, before + 1);
    EXPECT_EQ(outbox_rows(), 0U);
}

TEST_F(EventsTest, AnEventUnderAKeyThatTheTokenLacksIsNotTakenForForged) {
    auto row = node().rows().make(Uuid::random(), R"({"eventName":"Elsewhere"})");
    EXPECT_EQ(row.generation, 1U);
    row.generation = 7;
    row.mac.front() ^= 1U;
    store_in_outbox(row);
    const int before = Environment::get().observer().forged_events;
    node().restart_audit();
    EXPECT_THAT(news(), IsEmpty());
    EXPECT_EQ(Environment::get().observer().forged_events, before);
    EXPECT_EQ(outbox_rows(), 1U);
    static_cast<void>(wait_for<Done>([&](Completion<Done> done) {
        node().database().write<Done>(
            {},
            [&](storage::WriteTransaction& tx) {
                storage::AuditOutbox::remove(tx, {row.event_id});
                return Done{};
            },
            std::move(done));
    }));
}

/// Which key a row is under is not authenticated either, and no key has a generation below 1.
TEST_F(EventsTest, NoGenerationKeepsAForgedEventInTheOutboxOrAGenuineOneOutOfTheJournal) {
    Environment::get().execute(
        "ALTER TABLE audit_outbox DROP CONSTRAINT IF EXISTS audit_outbox_generation_is_one");
    const auto put = [](const storage::OutboxRow& row, int generation) {
        Environment::get().execute(
            "INSERT INTO audit_outbox (event_id, node, event, mac, generation) VALUES "
            "($1::uuid, $2, $3, decode($4, 'hex'), $5::int)",
            row.event_id.text(), row.node, row.event, to_hex(row.mac), std::to_string(generation));
    };
    const int before = Environment::get().observer().forged_events;
    auto forged = genuine_row(node().rows());
    forged.mac.front() ^= 1U;
    const auto altered = genuine_row(node().rows());
    const auto altered_too = genuine_row(node().rows());
    node().restart_audit([&] {
        put(forged, -1);
        put(altered, -1);
        put(altered_too, 7);
    });
    EXPECT_EQ(outbox_rows(), 0U);
    EXPECT_EQ(Environment::get().observer().forged_events, before + 1);
    EXPECT_EQ(events_with(forged.event_id), 0);
    EXPECT_EQ(events_with(altered.event_id), 1);
    EXPECT_EQ(events_with(altered_too.event_id), 1);
}

/// When a row is due its time says, and nothing authenticates that.
TEST_F(EventsTest, NoTimeKeepsAForgedEventInTheOutbox) {
    const int before = Environment::get().observer().forged_events;
    std::vector<Uuid> ids;
    for (const std::string stored : {"now()", "now() + interval '1 day'", "'infinity'", "'-infinity'"}) {
        const auto row = genuine_row(node().rows());
        Environment::get().execute(
            "INSERT INTO audit_outbox (event_id, node, stored, event, mac) VALUES "
            "($1::uuid, $2, " +
                stored + ", $3, '\\x00')",
            row.event_id.text(), row.node, row.event);
        ids.push_back(row.event_id);
    }
    EXPECT_TRUE(comes_true([&] { return outbox_rows() == 0; }));
    EXPECT_EQ(Environment::get().observer().forged_events, before + 4);
    for (const auto& id : ids) EXPECT_EQ(events_with(id), 0);
}

TEST_F(EventsTest, AnEventOfATimeToComeIsJournaled) {
    const auto row = genuine_row(node().rows());
    store_in_outbox(row);
    set_stored(row.event_id, "'infinity'");
    EXPECT_TRUE(comes_true([&] { return outbox_rows() == 0; }));
    EXPECT_EQ(events_with(row.event_id), 1);
}

/// Of another process of this node (cofferd bootstrap) it is journaled once; kept and put back, not again.
TEST_F(EventsTest, AnEventThatIsPutBackIsNotJournaledTwice) {
    const auto row = genuine_row(node().rows());
    const int before = Environment::get().observer().replayed_events;
    for (int times = 0; times < 3; ++times) {
        store_in_outbox(row);
        set_stored(row.event_id, "now() - interval '31 seconds'");
        EXPECT_TRUE(comes_true([&] { return outbox_rows() == 0; }));
        EXPECT_EQ(events_with(row.event_id), 1);
        EXPECT_EQ(Environment::get().observer().replayed_events, before + times);
    }
}

/// Nor is that of a change which this run made, journaled and took out of the table.
TEST_F(EventsTest, AnEventOfThisRunThatIsPutBackIsNotJournaledTwice) {
    node().call(create("events/put-back"));
    const auto event = news().back();
    const auto id = Uuid::parse(text(event, "/eventID")).value();
    EXPECT_TRUE(comes_true([&] { return outbox_rows() == 0; }));
    const int before = Environment::get().observer().replayed_events;
    store_in_outbox(node().rows().make(id, json::serialize(event)));
    set_stored(id, "now() - interval '31 seconds'");
    EXPECT_TRUE(comes_true([&] { return outbox_rows() == 0; }));
    EXPECT_EQ(events_with(id), 1);
    EXPECT_EQ(Environment::get().observer().replayed_events, before + 1);
}

TEST_F(EventsTest, WhatOtherNodesDoNotTakeIsTold) {
    auto& observer = Environment::get().observer();
    const auto forged_before = observer.forged_of_others.load();
    const auto left_before = observer.left_by_away.load();
    const OutboxRows away(
        std::make_shared<crypto::DerivedKeys>(node().hsm().seals(), "audit-outbox",
                                              std::chrono::steady_clock::now() + std::chrono::seconds(30)),
        "away");
    const auto old = genuine_row(away);
    const auto young = genuine_row(away);
    const auto of_the_future = genuine_row(away);
    auto forged = genuine_row(away);
    forged.node = "ghost";
    for (const auto& row : {old, young, of_the_future, forged}) store_in_outbox(row);
    set_stored(old.event_id, "now() - interval '61 minutes'");
    set_stored(of_the_future.event_id, "'infinity'");
    set_stored(forged.event_id, "now() - interval '61 minutes'");
    EXPECT_TRUE(comes_true([&] {
        return observer.forged_of_others == forged_before + 2 && observer.left_by_away == left_before + 1;
    }));
    // Each is told once, and stays: it is looked at anew twice a second.
    std::this_thread::sleep_for(std::chrono::seconds(2));
    EXPECT_EQ(observer.forged_of_others, forged_before + 2);
    EXPECT_EQ(observer.left_by_away, left_before + 1);
    for (const auto& row : {old, young, of_the_future, forged}) {
        Environment::get().execute("DELETE FROM audit_outbox WHERE event_id = $1::uuid", row.event_id.text());
    }
}

TEST_F(EventsTest, NothingIsAnsweredThatIsNotRecorded) {
    node().call(create("events/unrecorded"));
    const auto directory = node().journal().directory();
    const auto away = directory.string() + ".away";
    std::filesystem::rename(directory, away);
    v1::GetSecretValueRequest get;
    get.set_secret_id("events/unrecorded");
    try {
        node().call(get);
        FAIL() << "answered";
    } catch (const CallError& error) {
        EXPECT_EQ(error.error().code(), v1::SERVICE_UNAVAILABLE);
        EXPECT_TRUE(error.error().retryable());
        EXPECT_THAT(error.what(), HasSubstr("cannot be recorded"));
    }
    std::filesystem::rename(away, directory);
    for (int i = 0; i < 100 && node().journal().refusal(); ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    EXPECT_EQ(node().call(get).secret_string(), "a-value-that-nobody-may-see");
}

TEST_F(EventsTest, AChangeWithoutAnEventIsNotCommitted) {
    node().call(create("events/forgotten"));
    EXPECT_THROW(static_cast<void>(wait_for<Done>([](Completion<Done> done) {
                     node().database().write<Done>(
                         {},
                         [](storage::WriteTransaction& tx) {
                             auto secret = *storage::SecretRepository::lock(tx, "events/forgotten");
                             secret.description = "changed";
                             storage::SecretRepository::update(tx, std::move(secret), {});
                             return Done{};
                         },
                         std::move(done));
                 })),
                 std::logic_error);
    v1::DescribeSecretRequest describe;
    describe.set_secret_id("events/forgotten");
    EXPECT_FALSE(node().call(describe).has_description());
}

}  // namespace
}  // namespace coffer::secrets
