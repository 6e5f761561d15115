// The cache's rules, with a source of values and a clock of the test's own; and once over a real client.

#include "client/caching_client.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <mutex>
#include <thread>
#include <vector>

#include "client/errors.hpp"
#include "test_pki.hpp"
#include "test_server.hpp"

namespace coffer::client_test {
namespace {

using namespace std::chrono_literals;
using client::CachingClient;

class CachingClientTest : public testing::Test {
protected:
    CachingClient make(client::CacheConfig config = {}) {
        return CachingClient(
            [this](const v1::GetSecretValueRequest& request) {
                ++asked;
                if (failure) std::rethrow_exception(failure);
                v1::GetSecretValueResponse response;
                response.set_name(request.secret_id());
                response.set_secret_string(value);
                return response;
            },
            config, [this] { return now; });
    }
    template <class E>
    void fail_with(const E& error) {
        failure = std::make_exception_ptr(error);
    }

    std::chrono::steady_clock::time_point now{1000h};
    std::string value = "one";
    std::exception_ptr failure;
    std::atomic<int> asked = 0;
};

TEST_F(CachingClientTest, AsksOnceWithinTheTimeToLive) {
    auto cache = make({.ttl = 60s});
    EXPECT_EQ(cache.get("a")->value.text(), "one");
    value = "two";
    now += 59s;
    EXPECT_EQ(cache.get("a")->value.text(), "one");
    EXPECT_EQ(asked, 1);
    now += 1s;
    EXPECT_EQ(cache.get("a")->value.text(), "two");
    EXPECT_EQ(asked, 2);
}

TEST_F(CachingClientTest, VersionsHaveEntriesOfTheirOwn) {
    auto cache = make();
    v1::GetSecretValueRequest previous;
    previous.set_secret_id("a");
    previous.set_version_stage("AWSPREVIOUS");
    static_cast<void>(cache.get("a"));
    static_cast<void>(cache.get(previous));
    static_cast<void>(cache.get(previous));
    EXPECT_EQ(asked, 2);
}

TEST_F(CachingClientTest, ServesStaleValuesThroughAnOutageAndSaysSo) {
    auto cache = make({.ttl = 60s, .serve_stale_for = 600s, .stale_retry_after = 5s});
    EXPECT_FALSE(cache.get("a")->stale);
    now += 61s;
    fail_with(client::ConnectionError("away", client::Sent::no));
    EXPECT_TRUE(cache.get("a")->stale);
    EXPECT_EQ(cache.get("a")->value.text(), "one");
    EXPECT_EQ(asked, 2) << "not asked again at once";
    now += 5s;
    EXPECT_TRUE(cache.get("a")->stale);
    EXPECT_EQ(asked, 3);
    failure = nullptr;
    value = "two";
    now += 5s;
    EXPECT_EQ(cache.get("a")->value.text(), "two");
    EXPECT_FALSE(cache.get("a")->stale);
}

TEST_F(CachingClientTest, StalenessHasAnEnd) {
    auto cache = make({.ttl = 60s, .serve_stale_for = 600s, .stale_retry_after = 5s});
    static_cast<void>(cache.get("a"));
    fail_with(client::ServiceError(v1::SERVICE_UNAVAILABLE, "ServiceUnavailableException", "away", true, ""));
    now += 659s;
    EXPECT_TRUE(cache.get("a")->stale);
    now += 1s;
    EXPECT_THROW(static_cast<void>(cache.get("a")), client::ServiceError);
}

TEST_F(CachingClientTest, ServeStaleCanBeTurnedOff) {
    auto cache = make({.ttl = 60s, .serve_stale_for = 0s});
    static_cast<void>(cache.get("a"));
    fail_with(client::ConnectionError("away", client::Sent::no));
    now += 60s;
    EXPECT_THROW(static_cast<void>(cache.get("a")), client::ConnectionError);
}

TEST_F(CachingClientTest, ARefusalIsNeverCoveredUp) {
    auto cache = make({.ttl = 60s});
    static_cast<void>(cache.get("a"));
    now += 60s;
    fail_with(client::ServiceError(v1::ACCESS_DENIED, "AccessDeniedException", "no", false, ""));
    EXPECT_THROW(static_cast<void>(cache.get("a")), client::ServiceError);
    EXPECT_EQ(cache.size(), 0U);
    fail_with(client::ConnectionError("away", client::Sent::no));
    EXPECT_THROW(static_cast<void>(cache.get("a")), client::ConnectionError)
        << "what was refused is not kept";
}

TEST_F(CachingClientTest, IsBoundedAndDropsTheLeastRecentlyUsed) {
    auto cache = make({.entries_max = 2});
    static_cast<void>(cache.get("a"));
    static_cast<void>(cache.get("b"));
    static_cast<void>(cache.get("a"));
    static_cast<void>(cache.get("c"));  // b goes
    EXPECT_EQ(cache.size(), 2U);
    static_cast<void>(cache.get("a"));
    EXPECT_EQ(asked, 3);
    static_cast<void>(cache.get("b"));
    EXPECT_EQ(asked, 4);
}

TEST_F(CachingClientTest, ForgetsOnRequest) {
    auto cache = make();
    static_cast<void>(cache.get("a"));
    static_cast<void>(cache.get("b"));
    cache.forget("a");
    EXPECT_EQ(cache.size(), 1U);
    static_cast<void>(cache.get("b"));
    EXPECT_EQ(asked, 2);
    static_cast<void>(cache.get("a"));
    EXPECT_EQ(asked, 3);
    cache.clear();
    EXPECT_EQ(cache.size(), 0U);
}

TEST_F(CachingClientTest, ForgetsTheSecretByWhateverIdItWasRead) {
    const std::string arn = "arn:aws:secretsmanager:local:111122223333:secret:app/db-a1b2c3";
    CachingClient cache(
        [&](const v1::GetSecretValueRequest& request) {
            ++asked;
            v1::GetSecretValueResponse response;
            const bool other = request.secret_id() == "other";
            response.set_name(other ? "other" : "app/db");
            response.set_arn(other ? "arn:aws:secretsmanager:local:111122223333:secret:other-d4e5f6" : arn);
            return response;
        },
        {}, [] { return std::chrono::steady_clock::now(); });
    // By its name, its ARN, and the ARN without the random characters at its end.
    const std::vector<std::string> ids{"app/db", arn, arn.substr(0, arn.size() - 7)};
    for (const auto& forgotten : ids) {
        for (const auto& id : ids) static_cast<void>(cache.get(id));
        static_cast<void>(cache.get("other"));
        EXPECT_EQ(cache.size(), 4U);
        cache.forget(forgotten);
        EXPECT_EQ(cache.size(), 1U) << forgotten;
    }
}

// After a rotation: one thread's question is under way while another one finds that the value does not log
// in.
TEST_F(CachingClientTest, WhoAsksAfterForgettingDoesNotWaitForAnEarlierQuestion) {
    std::promise<void> begun;
    std::promise<void> answer;
    CachingClient cache(
        [&](const v1::GetSecretValueRequest&) {
            v1::GetSecretValueResponse response;
            if (++asked == 1) {
                begun.set_value();
                answer.get_future().wait();
                response.set_secret_string("old");
            } else {
                response.set_secret_string("new");
            }
            return response;
        },
        {}, [] { return std::chrono::steady_clock::now(); });
    std::string earlier;
    std::thread thread([&] { earlier = cache.get("a")->value.text(); });
    begun.get_future().wait();
    cache.forget("a");
    EXPECT_EQ(cache.get("a")->value.text(), "new");
    answer.set_value();
    thread.join();
    EXPECT_EQ(earlier, "old") << "which was asked for before";
    EXPECT_EQ(cache.get("a")->value.text(), "new");
    EXPECT_EQ(asked, 2);
}

TEST_F(CachingClientTest, OneRequestGoesOutHoweverManyThreadsAsk) {
    constexpr int kThreads = 8;
    std::atomic<int> arrived = 0;
    CachingClient cache(
        [&](const v1::GetSecretValueRequest&) {
            ++asked;
            while (arrived < kThreads) std::this_thread::yield();
            // All have arrived; those who have not yet reached the cache find the value or the flight there.
            v1::GetSecretValueResponse response;
            response.set_secret_string("shared");
            return response;
        },
        {}, [] { return std::chrono::steady_clock::now(); });
    std::vector<std::thread> threads;
    std::atomic<int> right = 0;
    for (int i = 0; i < kThreads; ++i) {
        threads.emplace_back([&] {
            ++arrived;
            if (cache.get("a")->value.text() == "shared") ++right;
        });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(asked, 1);
    EXPECT_EQ(right, kThreads);
}

TEST(CachingClientOverTls, ReadsThroughARealClient) {
    const TestPki pki;
    TestServer::Options options;
    options.handler = [](Session& session, const v1::Request& request) {
        v1::Response response;
        response.set_id(request.id());
        auto& value = *response.mutable_get_secret_value();
        value.set_name("a");
        value.set_version_id("v1");
        value.add_version_stages("AWSCURRENT");
        value.set_secret_binary(std::string("\0\xff", 2));
        session.respond(std::move(response));
    };
    TestServer server(pki, pki.issue({"server", "DNS:localhost", "serverAuth"}), std::move(options));
    client::Client client(pki.config(pki.issue({"client", "DNS:client"}), server.port()));
    CachingClient cache(client, {});
    const auto first = cache.get("a");
    const auto second = cache.get("a");
    EXPECT_EQ(first, second);
    EXPECT_TRUE(first->binary);
    EXPECT_EQ(first->value.text(), std::string_view("\0\xff", 2));
    EXPECT_EQ(first->version_stages, std::vector<std::string>{"AWSCURRENT"});
    EXPECT_EQ(server.requests(), 1);
}

}  // namespace
}  // namespace coffer::client_test
