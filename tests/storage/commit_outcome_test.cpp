// What becomes known of a transaction whose COMMIT got no answer.

#include "storage/commit_outcome.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/support/postgres.hpp"

namespace coffer::storage {
namespace {

using namespace std::chrono_literals;

class CommitOutcomeTest : public testing::Test {
protected:
    [[nodiscard]] CommitOutcome outcome_of(const std::string& transaction_id,
                                           std::chrono::milliseconds patience = 20s) {
        DatabaseConfig config;
        config.conninfo = server.conninfo();
        return find_commit_outcome(
            config,
            {.transaction_id = transaction_id,
             .backend_pid = 0,
             .server_started =
                 server.query("postgres", "SET timezone = 'UTC'; SELECT pg_postmaster_start_time()")},
            std::chrono::steady_clock::now() + patience);
    }
    std::string query(const std::string& sql) { return server.query("postgres", sql); }

    test::PostgresServer server;
};

TEST_F(CommitOutcomeTest, WhatTheServerKnows) {
    EXPECT_EQ(outcome_of(query("SELECT pg_current_xact_id()")), CommitOutcome::committed);
    EXPECT_EQ(outcome_of(query("BEGIN; SELECT pg_current_xact_id(); ROLLBACK")), CommitOutcome::aborted);
    const auto next = std::to_string(std::stoll(query("SELECT pg_current_xact_id()")) + 1'000);
    EXPECT_EQ(outcome_of(next), CommitOutcome::aborted) << "an id that was lost with the server";
}

// One that is behind says of a transaction that was committed that it never heard of it.
TEST_F(CommitOutcomeTest, AStandbyIsNoWitness) {
    const auto next = std::to_string(std::stoll(query("SELECT pg_current_xact_id()")) + 1'000);
    server.stop();
    const auto signal = server.socket_path().parent_path() / "data" / "standby.signal";
    std::ofstream(signal).close();
    std::filesystem::permissions(signal, std::filesystem::perms(0666));
    server.start();
    ASSERT_EQ(query("SELECT pg_is_in_recovery()"), "t");
    EXPECT_EQ(outcome_of(next, 500ms), CommitOutcome::unknown);
    query("SELECT pg_promote()");
    EXPECT_EQ(outcome_of(next), CommitOutcome::aborted) << "the survivor never heard of it";
}

}  // namespace
}  // namespace coffer::storage
