#pragma once
// What the service's tests share within one program: a token, a PostgreSQL cluster, two nodes, one clock.
// COFFER_TEST_TOKEN in the environment says which module: softhsm2 (the default) or nss.

#include <gtest/gtest.h>

#include "service_fixture.hpp"

namespace coffer::secrets {

class Environment final : public ::testing::Environment {
public:
    Environment() { instance_ = this; }
    [[nodiscard]] static Environment& get() { return *instance_; }

    void SetUp() override;
    void TearDown() override;

    [[nodiscard]] Node& node() { return *node_; }
    /// A second daemon on the same database and token, with a cache of its own.
    [[nodiscard]] Node& second_node();
    [[nodiscard]] TestClock& clock() { return clock_; }
    [[nodiscard]] CountingObserver& observer() { return *observer_; }

    /// What a program has done with the token before it is opened, with a read-write session.
    using PrepareToken = void (*)(const crypto::Session& session, const testing::TestToken& token);
    static inline PrepareToken prepare_token = nullptr;
    [[nodiscard]] const testing::TestToken& token() const { return *token_; }
    [[nodiscard]] const std::string& conninfo() const { return conninfo_; }

    /// One round of the purge worker.
    void purge();
    /// Runs a statement as the database's owner would by hand.
    template <class... Parameters>
    void execute(const std::string& sql, const Parameters&... parameters) {
        execute_with(sql, {parameters...});
    }

private:
    void execute_with(const std::string& sql, const std::vector<std::string>& parameters);

    static inline Environment* instance_ = nullptr;  // GoogleTest owns it
    TestClock clock_;
    std::shared_ptr<CountingObserver> observer_ = std::make_shared<CountingObserver>();
    std::unique_ptr<testing::TestToken> token_;
    std::unique_ptr<test::PostgresServer> server_;
    std::string conninfo_;
    std::shared_ptr<crypto::Hsm> hsm_;
    std::unique_ptr<Node> node_;
    std::unique_ptr<Node> second_;
};

}  // namespace coffer::secrets
