#include "service_environment.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <pqxx/pqxx>
#include <string_view>

#include "crypto/key_factory.hpp"
#include "daemon/secrets/purge_worker.hpp"

namespace coffer::secrets {

namespace {

testing::TokenKind kind_from_environment() {
    const char* wanted = std::getenv("COFFER_TEST_TOKEN");
    return wanted != nullptr && std::string_view(wanted) == "nss" ? testing::TokenKind::nss
                                                                  : testing::TokenKind::softhsm2;
}

}  // namespace

void Environment::SetUp() {
    token_ = std::make_unique<testing::TestToken>(testing::TestToken::make(kind_from_environment()));
    token_->with_session([this](const crypto::Session& session, auto&, auto) {
        static_cast<void>(crypto::KeyFactory(session).make_master_key("second"));
        if (prepare_token != nullptr) prepare_token(session, *token_);
    });
    server_ = std::make_unique<test::PostgresServer>();
    conninfo_ = server_->conninfo();
    storage::migrate(conninfo_, [](const std::string&) {});
    hsm_ = crypto::Hsm::open(token_->hsm_config(), observer_);
    node_ = std::make_unique<Node>("node-1", conninfo_, *hsm_, observer_, clock_);
}

void Environment::TearDown() {
    second_.reset();
    node_.reset();
    hsm_.reset();
    server_.reset();
    token_.reset();
}

Node& Environment::second_node() {
    if (!second_) second_ = std::make_unique<Node>("node-2", conninfo_, *hsm_, observer_, clock_);
    return *second_;
}

void Environment::purge() {
    PurgeWorker worker(node_->database(), *hsm_, clock_, &node_->trail(), std::chrono::hours(1),
                       {[](const auto&) {}, [](const auto&, const auto&) {}});
    worker.run_once();
}

void Environment::execute_with(const std::string& sql, const std::vector<std::string>& parameters) {
    pqxx::connection connection(conninfo_);
    pqxx::work tx(connection);
    const auto result = tx.exec_params(sql, pqxx::prepare::make_dynamic_params(parameters));
    if (!sql.starts_with("ALTER TABLE")) {
        ASSERT_GT(result.affected_rows(), 0U) << sql;
    }
    tx.commit();
}

namespace {
const auto* const kEnvironment =
    ::testing::AddGlobalTestEnvironment(new Environment);  // NOLINT: GoogleTest owns it
}

}  // namespace coffer::secrets
