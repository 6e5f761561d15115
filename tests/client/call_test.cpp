// Calls over real TLS: answers, deadlines, repetition, lost connections, sharing of connections.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "client/async_client.hpp"
#include "client/client.hpp"
#include "test_pki.hpp"
#include "test_server.hpp"

namespace coffer::client_test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

/// The value of secret "x" is "value of x".
void answer(Session& session, const v1::Request& request) {
    v1::Response response;
    response.set_id(request.id());
    auto& value = *response.mutable_get_secret_value();
    value.set_name(request.get_secret_value().secret_id());
    value.set_secret_string("value of " + request.get_secret_value().secret_id());
    session.respond(std::move(response));
}

/// Answers any write with success.
void accept_write(Session& session, const v1::Request& request) {
    v1::Response response;
    response.set_id(request.id());
    const auto* field =
        v1::Response::descriptor()->FindFieldByNumber(static_cast<int>(request.operation_case()));
    response.GetReflection()->MutableMessage(&response, field);
    session.respond(std::move(response));
}

v1::GetSecretValueRequest get(const std::string& id) {
    v1::GetSecretValueRequest request;
    request.set_secret_id(id);
    return request;
}

v1::PutSecretValueRequest put(const std::string& id, const std::string& value) {
    v1::PutSecretValueRequest request;
    request.set_secret_id(id);
    request.set_secret_string(value);
    return request;
}

class CallTest : public testing::Test {
protected:
    static void SetUpTestSuite() {
        pki = std::make_unique<TestPki>();
        server_files = pki->issue({"server", "DNS:localhost,IP:127.0.0.1", "serverAuth"});
        client_files = pki->issue({"client", "URI:spiffe://coffer.test/client"});
    }
    static void TearDownTestSuite() { pki.reset(); }

    TestServer& start(TestServer::Handler handler) {
        TestServer::Options options;
        options.handler = std::move(handler);
        return start(std::move(options));
    }
    TestServer& start(TestServer::Options options) {
        server = std::make_unique<TestServer>(*pki, server_files, std::move(options));
        return *server;
    }
    [[nodiscard]] client::Config config() const {
        auto made = pki->config(client_files, server->port());
        made.backoff_base = 1ms;
        made.backoff_max = 4ms;
        return made;
    }

    static inline std::unique_ptr<TestPki> pki;
    static inline CertificateFiles server_files;
    static inline CertificateFiles client_files;
    std::unique_ptr<TestServer> server;
};

TEST_F(CallTest, ReturnsTheAnswer) {
    start(answer);
    client::Client client(config());
    EXPECT_EQ(client.get_secret_value(get("app/db")).secret_string(), "value of app/db");
    EXPECT_EQ(client.get_secret("app/db").text(), "value of app/db");
}

TEST_F(CallTest, ActsAsARole) {
    std::atomic<int> assumed = 0;
    start([&](Session& session, const v1::Request& request) {
        if (!request.has_assume_role()) {
            if (request.session_token() == "token 1") {
                return session.respond(request, v1::EXPIRED_TOKEN, "over", false);
            }
            EXPECT_EQ(request.session_token(), "token 2");
            return answer(session, request);
        }
        EXPECT_EQ(request.session_token(), "");
        EXPECT_EQ(request.assume_role().role_arn(), "arn:aws:iam::111122223333:role/deploy");
        EXPECT_EQ(request.assume_role().role_session_name(), "build-7");
        v1::Response response;
        response.set_id(request.id());
        response.mutable_assume_role()->mutable_credentials()->set_session_token("token " +
                                                                                 std::to_string(++assumed));
        session.respond(std::move(response));
    });
    auto as_role = config();
    as_role.role = "arn:aws:iam::111122223333:role/deploy";
    as_role.role_session_name = "build-7";
    client::Client client(as_role);
    EXPECT_THROW(static_cast<void>(client.get_secret_value(get("app/db"))), client::ServiceError);
    // The next call is made with another session, and those after it with the same.
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(client.get_secret_value(get("app/db")).secret_string(), "value of app/db");
    }
    EXPECT_EQ(assumed, 2);
}

TEST_F(CallTest, TellsWhoIsThere) {
    start(answer);
    client::Client client(config());
    const auto hello = client.hello();
    EXPECT_EQ(hello.principal(), "tester");
    EXPECT_EQ(hello.account(), "111122223333");
}

TEST_F(CallTest, KeepsBinaryValuesAsTheyAre) {
    std::string every_byte;
    for (int i = 0; i < 65'536; ++i) every_byte.push_back(static_cast<char>(i * 31 + i / 256));
    std::mutex mutex;
    std::string stored;
    start([&](Session& session, const v1::Request& request) {
        const std::lock_guard lock(mutex);
        if (request.has_put_secret_value()) {
            stored = request.put_secret_value().secret_binary();
            return accept_write(session, request);
        }
        v1::Response response;
        response.set_id(request.id());
        response.mutable_get_secret_value()->set_secret_binary(stored);
        session.respond(std::move(response));
    });
    client::Client client(config());
    v1::PutSecretValueRequest request;
    request.set_secret_id("b");
    request.set_secret_binary(every_byte);
    client.put_secret_value(request);
    EXPECT_TRUE(client.get_secret_value(get("b")).secret_binary() == every_byte);
}

TEST_F(CallTest, TakesAnswersLargerThanARequestMayBe) {
    start([](Session& session, const v1::Request& request) {
        v1::Response response;
        response.set_id(request.id());
        for (int i = 0; i < 20; ++i) {
            response.mutable_batch_get_secret_value()->add_secret_values()->set_secret_binary(
                std::string(65'536, 'x'));
        }
        session.respond(std::move(response));
    });
    client::Client client(config());
    EXPECT_EQ(client.batch_get_secret_value({}).secret_values_size(), 20);
}

TEST_F(CallTest, RefusesARequestThatTheDaemonWouldNotTake) {
    TestServer::Options options;
    options.handler = answer;
    options.max_frame_bytes = 1000;
    start(std::move(options));
    client::Client client(config());
    try {
        client.put_secret_value(put("a", std::string(2000, 'x')));
        FAIL() << "expected an error";
    } catch (const client::Error& error) {
        EXPECT_THAT(error.what(), HasSubstr("1000 bytes"));
    }
    EXPECT_EQ(client.get_secret("a").text(), "value of a") << "the connection goes on";
}

TEST_F(CallTest, MatchesAnswersThatComeInAnyOrder) {
    constexpr std::size_t kCalls = 16;
    std::vector<v1::Request> held;
    start([&held](Session& session, const v1::Request& request) {
        held.push_back(request);
        if (held.size() < kCalls) return;
        std::reverse(held.begin(), held.end());
        for (const auto& one : held) answer(session, one);
        held.clear();
    });
    auto settings = config();
    settings.connections_max = 1;
    client::Client client(settings);
    std::vector<std::thread> threads;
    std::atomic<int> right = 0;
    for (std::size_t i = 0; i < kCalls; ++i) {
        threads.emplace_back([&client, &right, i] {
            const std::string id = "secret-" + std::to_string(i);
            if (client.get_secret_value(get(id)).secret_string() == "value of " + id) ++right;
        });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(right, kCalls);
    EXPECT_EQ(server->connections(), 1);
}

boost::asio::awaitable<void> get_many(client::AsyncClient& client, int count, int& answered) {
    for (int i = 0; i < count; ++i) {
        const std::string id = std::to_string(i);
        const auto response = co_await client.get_secret_value(get(id));
        if (response.secret_string() == "value of " + id) ++answered;
    }
}

TEST_F(CallTest, SendsConcurrentRequestsTogether) {
    auto& running = start(answer);
    boost::asio::io_context context{1};
    int answered = 0;
    {
        auto settings = config();
        settings.connections_max = 1;
        client::AsyncClient client(context.get_executor(), settings);
        int finished = 0;
        for (int i = 0; i < 64; ++i) {
            boost::asio::co_spawn(context, get_many(client, 20, answered),
                                  [&](const std::exception_ptr& error) {
                                      EXPECT_FALSE(error);
                                      ++finished;
                                  });
        }
        while (finished < 64) context.run_one();
    }
    context.run();
    EXPECT_EQ(answered, 64 * 20);
    EXPECT_EQ(running.connections(), 1);
    // All 64 begin in one turn of the event loop, so they leave in one record and arrive in one read.
    EXPECT_EQ(running.most_in_one_read(), 64);
}

TEST_F(CallTest, HasNoMoreInFlightThanTheDaemonTakes) {
    TestServer::Options options;
    std::atomic<int> held = 0;
    std::atomic<int> most = 0;
    std::vector<v1::Request> waiting;
    options.max_in_flight = 4;
    options.handler = [&](Session& session, const v1::Request& request) {
        waiting.push_back(request);
        most = std::max<int>(most, ++held);
        if (waiting.size() < 4) return;
        for (const auto& one : waiting) answer(session, one);
        held = 0;
        waiting.clear();
    };
    start(std::move(options));
    auto settings = config();
    settings.connections_max = 1;
    boost::asio::io_context context{1};
    int answered = 0;
    {
        client::AsyncClient client(context.get_executor(), settings);
        int finished = 0;
        for (int i = 0; i < 16; ++i) {
            boost::asio::co_spawn(context, get_many(client, 1, answered),
                                  [&](const std::exception_ptr&) { ++finished; });
        }
        while (finished < 16) context.run_one();
    }
    context.run();
    EXPECT_EQ(answered, 16);
    EXPECT_EQ(most, 4);
}

TEST_F(CallTest, ServiceErrorsHaveAwsNamesAndAreNotRepeated) {
    auto& running = start([](Session& session, const v1::Request& request) {
        session.respond(request, v1::RESOURCE_NOT_FOUND, "Secrets Manager can't find the specified secret.",
                        false);
    });
    client::Client client(config());
    try {
        client.get_secret_value(get("none"));
        FAIL() << "expected an error";
    } catch (const client::ServiceError& error) {
        EXPECT_EQ(error.code(), v1::RESOURCE_NOT_FOUND);
        EXPECT_EQ(error.name(), "ResourceNotFoundException");
        EXPECT_STREQ(error.what(), "Secrets Manager can't find the specified secret.");
        EXPECT_EQ(error.request_id(), "11111111-2222-4333-8444-555555555555");
        EXPECT_FALSE(error.retryable());
    }
    EXPECT_EQ(running.requests(), 1);
}

TEST_F(CallTest, RetryableErrorsAreRepeatedWithTheSameToken) {
    std::vector<std::string> tokens;
    auto& running = start([&tokens](Session& session, const v1::Request& request) {
        tokens.push_back(request.put_secret_value().client_request_token());
        if (tokens.size() < 3) {
            return session.respond(request, v1::SERVICE_UNAVAILABLE, "The database is away.", true);
        }
        accept_write(session, request);
    });
    client::Client client(config());
    client.put_secret_value(put("a", "value"));
    EXPECT_EQ(running.requests(), 3);
    EXPECT_EQ(tokens.at(0).size(), 36U);
    EXPECT_EQ(tokens.at(0), tokens.at(1));
    EXPECT_EQ(tokens.at(1), tokens.at(2));
}

TEST_F(CallTest, EachLogicalCallHasItsOwnTokenAndOnesGivenAreKept) {
    std::vector<std::string> tokens;
    start([&tokens](Session& session, const v1::Request& request) {
        tokens.push_back(request.put_secret_value().client_request_token());
        accept_write(session, request);
    });
    client::Client client(config());
    auto mine = put("a", "value");
    mine.set_client_request_token("0123456789abcdef0123456789abcdef");
    client.put_secret_value(put("a", "value"));
    client.put_secret_value(put("a", "value"));
    client.put_secret_value(mine);
    EXPECT_NE(tokens.at(0), tokens.at(1));
    EXPECT_EQ(tokens.at(2), "0123456789abcdef0123456789abcdef");
}

TEST_F(CallTest, GivesUpAfterTheConfiguredNumberOfAttempts) {
    auto& running = start([](Session& session, const v1::Request& request) {
        session.respond(request, v1::THROTTLING, "Rate exceeded", true);
    });
    client::Client client(config());
    EXPECT_THROW(client.get_secret_value(get("a")), client::ServiceError);
    EXPECT_EQ(running.requests(), 4);
}

TEST_F(CallTest, DoesNotWaitPastTheDeadlineForARepetition) {
    auto& running = start([](Session& session, const v1::Request& request) {
        session.respond(request, v1::THROTTLING, "Rate exceeded", true);
    });
    auto settings = config();
    settings.attempts_max = 1'000'000;
    settings.deadline = 50ms;
    client::Client client(settings);
    EXPECT_THROW(client.get_secret_value(get("a")), client::Error);
    EXPECT_LT(running.requests(), 1'000'000);
}

TEST_F(CallTest, TheDeadlineIsSentAndEnforced) {
    std::atomic<std::uint32_t> told = 0;
    start([&told](Session&, const v1::Request& request) { told = request.deadline_ms(); });  // never answers
    client::Client client(config());
    client::CallOptions options;
    options.deadline = 200ms;
    EXPECT_THROW(client.get_secret_value(get("a"), options), client::DeadlineExceeded);
    EXPECT_GT(told, 0U);
    EXPECT_LE(told, 200U);
}

TEST_F(CallTest, ALateAnswerIsNotTakenForAnother) {
    std::vector<v1::Request> late;
    start([&late](Session& session, const v1::Request& request) {
        if (request.get_secret_value().secret_id() == "slow") return late.push_back(request);
        for (const auto& one : std::exchange(late, {})) answer(session, one);
        answer(session, request);
    });
    auto settings = config();
    settings.connections_max = 1;
    client::Client client(settings);
    client::CallOptions options;
    options.deadline = 50ms;
    EXPECT_THROW(client.get_secret_value(get("slow"), options), client::DeadlineExceeded);
    EXPECT_EQ(client.get_secret_value(get("fast")).secret_string(), "value of fast");
    EXPECT_EQ(server->connections(), 1);
}

TEST_F(CallTest, AConnectionThatFallsSilentIsReplaced) {
    start([](Session& session, const v1::Request& request) {
        if (session.number() > 1) answer(session, request);  // the first connection never answers
    });
    auto settings = config();
    settings.connections_max = 1;
    settings.deadline = 100ms;
    settings.silence_max = 250ms;
    client::Client client(settings);
    std::string value;
    while (value.empty()) {
        try {
            value = client.get_secret_value(get("a")).secret_string();
        } catch (const client::DeadlineExceeded&) {
        }
    }
    EXPECT_EQ(value, "value of a");
    EXPECT_GE(server->connections(), 2);
}

TEST_F(CallTest, TheTraceIdTravels) {
    std::mutex mutex;
    std::string seen;
    start([&](Session& session, const v1::Request& request) {
        const std::lock_guard lock(mutex);
        seen = request.trace_id();
        answer(session, request);
    });
    client::Client client(config());
    client::CallOptions options;
    options.trace_id = "order-4711";
    client.get_secret_value(get("a"), options);
    const std::lock_guard lock(mutex);
    EXPECT_EQ(seen, "order-4711");
}

TEST_F(CallTest, ALostConnectionIsReplacedAndReadsAreRepeated) {
    std::atomic<int> calls = 0;
    auto& running = start([&calls](Session& session, const v1::Request& request) {
        if (calls++ == 0) return session.hang_up();
        answer(session, request);
    });
    client::Client client(config());
    EXPECT_EQ(client.get_secret("a").text(), "value of a");
    EXPECT_EQ(running.connections(), 2);
}

TEST_F(CallTest, AWriteWithATokenIsRepeatedAfterALostConnection) {
    std::vector<std::string> tokens;
    start([&tokens](Session& session, const v1::Request& request) {
        tokens.push_back(request.put_secret_value().client_request_token());
        if (tokens.size() == 1) return session.hang_up();
        accept_write(session, request);
    });
    client::Client client(config());
    client.put_secret_value(put("a", "value"));
    ASSERT_EQ(tokens.size(), 2U);
    EXPECT_EQ(tokens[0], tokens[1]);
}

TEST_F(CallTest, WhatMustNotBeRepeatedIsReportedAsUnknown) {
    auto& running = start([](Session& session, const v1::Request&) { session.hang_up(); });
    client::Client client(config());
    v1::DeleteSecretRequest request;
    request.set_secret_id("a");
    request.set_recovery_window_in_days(7);
    try {
        client.delete_secret(request);
        FAIL() << "expected an error";
    } catch (const client::OutcomeUnknown& error) {
        EXPECT_THAT(error.what(), HasSubstr("DeleteSecret"));
    }
    EXPECT_EQ(running.requests(), 1);
}

TEST_F(CallTest, ThrottledRequestsWereNotBegunSoAllAreRepeated) {
    std::atomic<int> calls = 0;
    auto& running = start([&calls](Session& session, const v1::Request& request) {
        if (calls++ == 0) return session.respond(request, v1::THROTTLING, "Rate exceeded", true);
        accept_write(session, request);
    });
    client::Client client(config());
    v1::DeleteSecretRequest request;
    request.set_secret_id("a");
    client.delete_secret(request);
    EXPECT_EQ(running.requests(), 2);
}

TEST_F(CallTest, TheDaemonsLastWordIsTheReason) {
    start([](Session& session, const v1::Request&) {
        session.end_with(v1::ConnectionError::ACCESS_DENIED, "this listener is not for you", false);
    });
    client::Client client(config());
    try {
        client.get_secret_value(get("a"));
        FAIL() << "expected an error";
    } catch (const client::ConnectionError& error) {
        EXPECT_THAT(error.what(), HasSubstr("this listener is not for you"));
        EXPECT_FALSE(error.retryable());
    }
}

TEST_F(CallTest, AShutdownOfTheDaemonIsSurvived) {
    std::atomic<int> calls = 0;
    start([&calls](Session& session, const v1::Request& request) {
        if (calls++ == 0) return session.end_with(v1::ConnectionError::SHUTTING_DOWN, "stopping", true);
        answer(session, request);
    });
    client::Client client(config());
    EXPECT_EQ(client.get_secret("a").text(), "value of a");
}

TEST_F(CallTest, NobodyListening) {
    start(answer);
    const auto settings = config();
    server.reset();
    client::Client client(settings);
    try {
        client.get_secret_value(get("a"));
        FAIL() << "expected an error";
    } catch (const client::ConnectionError& error) {
        EXPECT_THAT(error.what(), HasSubstr("127.0.0.1:" + std::to_string(settings.port)));
        EXPECT_THAT(error.what(), HasSubstr("Connection refused"));
        EXPECT_EQ(error.sent(), client::Sent::no);
    }
}

TEST_F(CallTest, AServerThatSaysNothingTimesOut) {
    boost::asio::io_context context;
    boost::asio::ip::tcp::acceptor silent(context, {boost::asio::ip::address_v4::loopback(), 0});
    auto settings = pki->config(client_files, silent.local_endpoint().port());
    settings.connect_timeout = 50ms;
    settings.attempts_max = 1;
    client::Client client(settings);
    try {
        client.get_secret_value(get("a"));
        FAIL() << "expected an error";
    } catch (const client::ConnectionError& error) {
        EXPECT_THAT(error.what(), HasSubstr("within 50 ms"));
    }
}

TEST_F(CallTest, DestroyingTheClientEndsItsCalls) {
    std::atomic<bool> asked = false;
    start([&asked](Session&, const v1::Request&) { asked = true; });
    auto client = std::make_unique<client::Client>(config());
    std::thread caller([&client_ref = *client] {
        EXPECT_THROW(client_ref.get_secret_value(get("a")), client::ConnectionError);
    });
    while (!asked) std::this_thread::yield();
    client.reset();
    caller.join();
}

TEST_F(CallTest, ABoundedNumberOfCallsWaits) {
    TestServer::Options options;
    options.max_in_flight = 1;
    options.handler = [](Session&, const v1::Request&) {};
    start(std::move(options));
    auto settings = config();
    settings.connections_max = 1;
    settings.waiting_max = 2;
    settings.deadline = 500ms;
    boost::asio::io_context context{1};
    std::map<std::string, int> outcomes;
    {
        client::AsyncClient client(context.get_executor(), settings);
        int finished = 0;
        int ignored = 0;
        for (int i = 0; i < 5; ++i) {
            boost::asio::co_spawn(context, get_many(client, 1, ignored),
                                  [&](const std::exception_ptr& error) {
                                      ++finished;
                                      try {
                                          std::rethrow_exception(error);
                                      } catch (const client::Overloaded&) {
                                          ++outcomes["overloaded"];
                                      } catch (const client::DeadlineExceeded&) {
                                          ++outcomes["deadline"];
                                      }
                                  });
        }
        while (finished < 5) context.run_one();
    }
    context.run();
    // Nothing is connected when the five begin: two wait, the others are refused.
    EXPECT_EQ(outcomes["overloaded"], 3);
    EXPECT_EQ(outcomes["deadline"], 2);
}

}  // namespace
}  // namespace coffer::client_test
