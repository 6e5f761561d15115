#include "daemon/rotation/kept_sessions.hpp"

#include <gmock/gmock.h>

#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/postgres.hpp"

namespace coffer::rotation {
namespace {

using ::testing::AllOf;
using ::testing::Ge;
using ::testing::Le;

Deadline soon() {
    return std::chrono::steady_clock::now() + std::chrono::seconds(30);
}

class KeptSessionsTest : public ::testing::Test {
protected:
    static test::PostgresServer& server() {
        static test::PostgresServer server({.tcp = true, .fsync = false, .settings = {}});
        return server;
    }

    [[nodiscard]] static PostgresqlLogin login(std::string_view password = "p") {
        return {.host = "127.0.0.1",
                .port = static_cast<std::uint16_t>(server().port()),
                .database = "postgres",
                .user = "coffer",
                .password = password};
    }
    [[nodiscard]] static PostgresqlSession log_in() {
        auto session = PostgresqlSession::log_in(login(), {.mode = "disable", .ca_file = {}}, soon());
        if (!session) throw std::runtime_error("the server refuses the login");
        return std::move(*session);
    }
    [[nodiscard]] static std::string process_of(PostgresqlSession& session) {
        return session.value("SELECT pg_backend_pid()", soon()).value();
    }
    /// Whether the server gets rid of that session, which it does when it notices that the client has left.
    [[nodiscard]] static bool ends(const std::string& process) {
        for (int i = 0; i < 1'000; ++i) {
            if (server().query("postgres", "SELECT count(*) FROM pg_stat_activity WHERE pid = " + process) ==
                "0")
                return true;
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        }
        return false;
    }

    KeptSessions kept;
};

TEST_F(KeptSessionsTest, ASessionIsHandedOnWhileAnotherVisitGoesOn) {
    KeptSessions::Visit longer(kept);
    std::string process;
    {
        KeptSessions::Visit visit(kept);
        EXPECT_FALSE(visit.take(login()));
        auto session = log_in();
        process = process_of(session);
        visit.give(login(), std::move(session));
    }
    auto taken = longer.take(login());
    ASSERT_TRUE(taken);
    EXPECT_EQ(process_of(*taken), process);
    EXPECT_FALSE(longer.take(login())) << "whoever takes one has it alone";
}

TEST_F(KeptSessionsTest, NothingIsOpenAfterTheLastVisit) {
    std::string process;
    {
        KeptSessions::Visit visit(kept);
        auto session = log_in();
        process = process_of(session);
        visit.give(login(), std::move(session));
    }
    EXPECT_TRUE(ends(process));
    KeptSessions::Visit next(kept);
    EXPECT_FALSE(next.take(login()));
}

TEST_F(KeptSessionsTest, AnotherLoginIsNotGivenTheSession) {
    KeptSessions::Visit visit(kept);
    visit.give(login(), log_in());
    EXPECT_FALSE(visit.take(login("P")));
    auto other = login();
    other.port = 1;
    EXPECT_FALSE(visit.take(other));
    other = login();
    other.database = "template1";
    EXPECT_FALSE(visit.take(other));
    other = login();
    other.user = "coffe";
    EXPECT_FALSE(visit.take(other));
    other = login();
    other.host = "localhost";
    EXPECT_FALSE(visit.take(other));
    // Parts that have the same characters when they are put one behind the other.
    other = login();
    other.database = "postgresc";
    other.user = "offer";
    EXPECT_FALSE(visit.take(other));
    EXPECT_TRUE(visit.take(login()));
}

// A connection is cut off at 1 MiB: one that is handed on must have room for a rotation.
TEST_F(KeptSessionsTest, ASessionThatHasReceivedMuchIsClosed) {
    KeptSessions::Visit visit(kept);
    auto session = log_in();
    const auto process = process_of(session);
    static_cast<void>(session.value("SELECT repeat('x', 600000)", soon()));
    visit.give(login(), std::move(session));
    EXPECT_FALSE(visit.take(login()));
    EXPECT_TRUE(ends(process));
}

TEST_F(KeptSessionsTest, ManyWorkersNeverShareASession) {
    constexpr int kWorkers = 8;
    constexpr int kRounds = 25;
    std::mutex mutex;
    std::set<std::string> used;
    std::set<std::string> in_use;
    const auto work = [&] {
        for (int round = 0; round < kRounds; ++round) {
            KeptSessions::Visit visit(kept);
            auto session = visit.take(login());
            if (!session) session.emplace(log_in());
            const auto process = process_of(*session);
            {
                const std::lock_guard lock(mutex);
                used.insert(process);
                EXPECT_TRUE(in_use.insert(process).second) << "two have the session of process " << process;
            }
            static_cast<void>(session->value("SELECT 1", soon()));
            {
                const std::lock_guard lock(mutex);
                in_use.erase(process);
            }
            visit.give(login(), std::move(*session));
        }
    };
    {
        const KeptSessions::Visit all(kept);
        std::vector<std::jthread> workers;
        for (int i = 0; i < kWorkers; ++i) workers.emplace_back(work);
    }
    // As long as somebody visits, nobody has to log in a second time.
    EXPECT_THAT(used.size(), AllOf(Ge(1U), Le(static_cast<std::size_t>(kWorkers))));
    for (const auto& process : used) EXPECT_TRUE(ends(process));
}

}  // namespace
}  // namespace coffer::rotation
