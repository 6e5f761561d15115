// coffer-audit verify --against-database over a real PostgreSQL, beside a node that writes its journal: what
// somebody did to tables by hand is found, whatever happens meanwhile and whatever lies in the outbox.

#include "daemon/audit/coffer_audit/against_database.hpp"

#include <gmock/gmock.h>

#include <iostream>
#include <pqxx/connection>
#include <pqxx/transaction>
#include <sstream>
#include <thread>

#include "daemon/audit/coffer_audit/commands.hpp"
#include "service_environment.hpp"

namespace coffer::secrets {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

void by_hand(const std::string& sql) {
    pqxx::connection connection(Environment::get().conninfo());
    pqxx::work tx(connection);
    tx.exec(sql);
    tx.commit();
}

/// Between looks: what the tests' node does is done when it is looked at.
constexpr std::chrono::milliseconds kPause{200};

/// Reads a secret again and again, so that the journal grows all the time.
class BusyNode {
public:
    explicit BusyNode(std::string name)
        : thread_([name = std::move(name)](const std::stop_token& stop) {
              v1::GetSecretValueRequest get;
              get.set_secret_id(name);
              while (!stop.stop_requested()) {
                  static_cast<void>(Environment::get().node().call(get));
                  std::this_thread::sleep_for(std::chrono::milliseconds(5));
              }
          }) {}

private:
    std::jthread thread_;
};

class AgainstDatabaseTest : public ::testing::Test {
protected:
    static Node& node() { return Environment::get().node(); }

    static std::string create(const std::string& what) {
        v1::CreateSecretRequest request;
        request.set_name("compared/" + what + "-" + Uuid::random().text().substr(0, 8));
        request.set_client_request_token(Uuid::random().text());
        request.set_secret_string("a");
        static_cast<void>(node().call(request));
        return request.name();
    }
    /// A row that Coffer did not make.
    static std::string insert_by_hand() {
        auto id = Uuid::random().text();
        Environment::get().execute(
            "INSERT INTO secrets (id, name, arn, created, last_changed, revision, seal) VALUES ($1::uuid, "
            "$2, "
            "'arn:' || $2, now(), now(), 4, '\\x0102')",
            id, "by-hand-" + id);
        return id;
    }
    static void remove_by_hand(const std::string& id) {
        Environment::get().execute("DELETE FROM secrets WHERE id = $1::uuid", id);
    }
    /// An event that says that the row was removed at revision 1, in the table that events wait in, without a
    /// right MAC. `stored` is SQL.
    static std::string forge_removal(const std::string& row, const std::string& of_node,
                                     const std::string& stored) {
        auto event_id = Uuid::random().text();
        Environment::get().execute(
            "INSERT INTO audit_outbox (event_id, node, stored, event, mac) VALUES ($1::uuid, $2, " + stored +
                ", $3, '\\x00')",
            event_id, of_node,
            R"({"eventID":")" + event_id + R"(","additionalEventData":{"seals":[{"table":"secrets","key":")" +
                row + R"(","revision":1}]}})");
        return event_id;
    }
    static void clear_outbox() { by_hand("DELETE FROM audit_outbox"); }
    static std::string id_of(const std::string& name) {
        return wait_for<std::string>([&](Completion<std::string> done) {
            node().database().read<std::string>(
                {},
                [name](storage::ReadTransaction& tx) {
                    return storage::SecretRepository::find(tx, name).value().id.value().text();
                },
                std::move(done));
        });
    }
    static audit::cli::DatabaseReport compare() {
        return audit::cli::compare_with_database({node().journal().directory()},
                                                 Environment::get().conninfo(), kPause);
    }
    static std::vector<std::string> lines(const audit::cli::DatabaseReport& report) {
        std::vector<std::string> out;
        for (const auto& finding : report.findings) {
            out.push_back(finding.table + " " + finding.key + " " + finding.message);
        }
        return out;
    }
};

TEST_F(AgainstDatabaseTest, ARowFromNowhereIsFoundWhileTheJournalGrows) {
    const auto id = insert_by_hand();
    {
        const BusyNode busy(create("busy"));
        const auto report = compare();
        EXPECT_THAT(lines(report),
                    ElementsAre(AllOf(HasSubstr(id), HasSubstr("no event tells where it came from"))));
        EXPECT_THAT(report.notes, IsEmpty()) << "no segment was removed";
    }
    remove_by_hand(id);
    EXPECT_THAT(lines(compare()), IsEmpty());
}

/// Kept beside the table, to be put back.
class HiddenByHand {
public:
    explicit HiddenByHand(const std::string& id) {
        by_hand("CREATE TABLE hidden AS SELECT * FROM secrets WHERE id = '" + id +
                "'; CREATE TABLE hidden_versions AS SELECT * FROM secret_versions WHERE secret_id = '" + id +
                "'; CREATE TABLE hidden_labels AS SELECT * FROM staging_labels WHERE secret_id = '" + id +
                "'; DELETE FROM staging_labels WHERE secret_id = '" + id +
                "'; DELETE FROM secret_versions WHERE secret_id = '" + id +
                "'; DELETE FROM secrets WHERE id = '" + id + "'");
    }
    ~HiddenByHand() {
        by_hand(
            "INSERT INTO secrets SELECT * FROM hidden; INSERT INTO secret_versions SELECT * FROM "
            "hidden_versions; INSERT INTO staging_labels SELECT * FROM hidden_labels; DROP TABLE hidden, "
            "hidden_versions, hidden_labels");
    }
    HiddenByHand(const HiddenByHand&) = delete;
    HiddenByHand& operator=(const HiddenByHand&) = delete;
};

TEST_F(AgainstDatabaseTest, AnEventInTheOutboxHidesNoSecretThatWasDeletedByHand) {
    const auto id = id_of(create("hidden"));
    const HiddenByHand hidden(id);
    const auto gone = AllOf(HasSubstr("secrets " + id), HasSubstr("is gone from the database"));
    EXPECT_THAT(lines(compare()), ElementsAre(gone));
    struct Forged {
        std::string of_node;
        std::string stored;
        std::string said;
    };
    const std::vector<Forged> kAll{
        {"ghost", "now()", "none of these journals is of that node"},
        {"ghost", "now() - interval '1 day'", "none of these journals is of that node"},
        {node().name(), "now() - interval '3 minutes'", "has not taken into its journal since"},
        {node().name(), "now() + interval '1 hour'", "is to come"},
        {node().name(), "'infinity'", "is to come"},
        {node().name(), "'-infinity'", "has not taken into its journal since"},
    };
    for (const auto& [of_node, stored, said] : kAll) {
        const auto event_id = forge_removal(id, of_node, stored);
        const auto report = compare();
        // The node may have thrown it away meanwhile, as it should.
        EXPECT_THAT(lines(report), ::testing::Contains(gone)) << of_node << " " << stored;
        if (of_node == "ghost") {
            EXPECT_THAT(lines(report),
                        ::testing::Contains(AllOf(HasSubstr("audit_outbox " + event_id), HasSubstr(said))))
                << stored;
        }
        clear_outbox();
    }
}

/// With the node stopped nobody takes anything out of the table, so that all can be looked at.
TEST_F(AgainstDatabaseTest, EventsThatWaitForLongOrAreOfTheFutureAreFindings) {
    const auto row = Uuid::random().text();
    std::vector<std::string> said;
    std::string old_event;
    std::string future_event;
    std::string young_event;
    const auto journal = node().journal().directory();
    node().restart_audit([&] {
        old_event = forge_removal(row, "node-1", "now() - interval '121 seconds'");
        future_event = forge_removal(row, "node-1", "'infinity'");
        young_event = forge_removal(row, "node-1", "now()");
        said = lines(audit::cli::compare_with_database({journal}, Environment::get().conninfo(), kPause));
        clear_outbox();
    });
    EXPECT_THAT(said, ::testing::UnorderedElementsAre(
                          AllOf(HasSubstr(old_event), HasSubstr("has not taken into its journal since")),
                          AllOf(HasSubstr(future_event), HasSubstr("infinity, which is to come"))));
}

/// What was just committed and is in no journal yet excuses its row, and a note says so.
TEST_F(AgainstDatabaseTest, AnEventThatMayBeUnderWayExcusesItsRow) {
    const auto id = id_of(create("under-way"));
    audit::cli::DatabaseReport report;
    {
        const HiddenByHand hidden(id);
        const auto journal = node().journal().directory();
        node().restart_audit([&] {
            forge_removal(id, "node-1", "now()");
            report = audit::cli::compare_with_database({journal}, Environment::get().conninfo(), kPause);
            clear_outbox();
        });
    }
    EXPECT_THAT(lines(report), IsEmpty());
    EXPECT_THAT(report.notes, ElementsAre(HasSubstr("1 rows are as events in audit_outbox say")));
}

/// An event about a row; without a seal the row was removed.
std::string change_of(const std::string& row, std::int64_t revision, const std::string& seal,
                      const std::string& event_id = Uuid::random().text()) {
    return R"({"eventID":")" + event_id + R"(","additionalEventData":{"seals":[{"table":"secrets","key":")" +
           row + R"(","revision":)" + std::to_string(revision) +
           (seal.empty() ? std::string() : R"(,"seal":")" + seal + "\"") + "}]}}";
}

void put_into_journal(const std::string& event) {
    static_cast<void>(wait_for<audit::Receipt>([&](Completion<audit::Receipt> done) {
        Environment::get().node().journal().append_json(event, audit::Admission::request, std::move(done));
    }));
}

void put_into_outbox(const std::string& event_id, const std::string& event) {
    Environment::get().execute(
        "INSERT INTO audit_outbox (event_id, node, stored, event, mac) VALUES ($1::uuid, 'node-1', now(), "
        "$2, "
        "'\\x00')",
        event_id, event);
}

/// A worker's event is journaled up to a minute after its change, and what is done to the row meanwhile at
/// once.
TEST_F(AgainstDatabaseTest, AnEventThatIsUnderWayCountsAlsoWhereTheJournalHasALaterOne) {
    const auto id = insert_by_hand();  // revision 4, seal 0102
    const auto late = Uuid::random().text();
    const auto third = change_of(id, 3, "03", late);
    put_into_journal(change_of(id, 2, "02"));
    put_into_journal(change_of(id, 4, "0102"));
    EXPECT_THAT(lines(compare()), ElementsAre(HasSubstr("has 2 events for its 3 changes")));
    const auto journal = node().journal().directory();
    const auto with_outbox = [&] {
        audit::cli::DatabaseReport report;
        node().restart_audit([&] {
            put_into_outbox(late, third);
            report = audit::cli::compare_with_database({journal}, Environment::get().conninfo(), kPause);
            clear_outbox();
        });
        return report;
    };
    const auto under_way = with_outbox();
    EXPECT_THAT(lines(under_way), IsEmpty());
    EXPECT_THAT(under_way.notes, ElementsAre(HasSubstr("1 rows are as events in audit_outbox say")));
    // In the journal and still in the outbox: one event, not two.
    put_into_journal(third);
    const auto both = with_outbox();
    EXPECT_THAT(lines(both), IsEmpty());
    EXPECT_THAT(both.notes, IsEmpty());
    remove_by_hand(id);
    put_into_journal(change_of(id, 5, ""));
    EXPECT_THAT(lines(compare()), IsEmpty());
}

/// What `verify --output json` prints.
std::string verify_as_json(const std::string& known) {
    audit::cli::VerifyCommand command;
    command.directory = Environment::get().node().journal().directory();
    command.conninfo = Environment::get().conninfo();
    command.known = known;
    command.output = audit::cli::Output::json;
    std::ostringstream printed;
    auto* const before = std::cout.rdbuf(printed.rdbuf());
    static_cast<void>(audit::cli::run_verify(command));
    std::cout.rdbuf(before);
    return printed.str();
}

TEST_F(AgainstDatabaseTest, WhatIsKnownOfARowIsKnownOfThatStateAlone) {
    const auto from_nowhere = insert_by_hand();
    const auto gone = id_of(create("gone"));
    const HiddenByHand hidden(gone);
    const testing::AuditFolder folder;
    const auto known = (folder.path() / "known.json").string();
    testing::write_file(known, verify_as_json(""));
    EXPECT_THAT(testing::read_file(known), AllOf(HasSubstr(from_nowhere), HasSubstr(gone)));
    const auto again = [&] { return verify_as_json(known); };
    EXPECT_THAT(again(), AllOf(Not(HasSubstr(from_nowhere)), Not(HasSubstr(gone))));

    // Another state of the same row: yesterday's, or one with another seal.
    by_hand("UPDATE secrets SET revision = 3 WHERE id = '" + from_nowhere + "'");
    EXPECT_THAT(again(), HasSubstr(from_nowhere + " is in the database, and no event tells"));
    by_hand("UPDATE secrets SET revision = 4, seal = '\\x0103' WHERE id = '" + from_nowhere + "'");
    EXPECT_THAT(again(), HasSubstr(from_nowhere + " is in the database, and no event tells"));
    by_hand("UPDATE secrets SET seal = '\\x0102' WHERE id = '" + from_nowhere + "'");
    EXPECT_THAT(again(), Not(HasSubstr(from_nowhere)));
    remove_by_hand(from_nowhere);
}

}  // namespace
}  // namespace coffer::secrets
