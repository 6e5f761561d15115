// Health, readiness and metrics over HTTP.

#include "daemon/server/health_server.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <memory>
#include <thread>
#include <vector>

#include "test_client.hpp"

namespace coffer::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class HealthTest : public ::testing::Test {
protected:
    HealthTest() {
        health_->start();
        thread_ = std::thread([this] { io_.run(); });
    }
    ~HealthTest() override {
        io_.stop();
        thread_.join();
    }

    std::string ask(const std::string& request) const {
        const int fd = connect_to(health_->port());
        (void)::send(fd, request.data(), request.size(), MSG_NOSIGNAL);
        std::string answer;
        std::array<char, 4096> buffer{};
        for (ssize_t got = 0; (got = ::recv(fd, buffer.data(), buffer.size(), 0)) > 0;) {
            answer.append(buffer.data(), static_cast<std::size_t>(got));
        }
        ::close(fd);
        return answer;
    }
    std::string get(const std::string& path) const {
        return ask("GET " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    }

    std::vector<server::Readiness> parts_{{"hsm", true, ""}, {"database", true, ""}};
    std::shared_ptr<server::Metrics> metrics_ = std::make_shared<server::Metrics>("1.2.3");
    boost::asio::io_context io_{1};
    std::shared_ptr<server::HealthServer> health_ = std::make_shared<server::HealthServer>(
        io_, server::HealthConfig{"127.0.0.1", 0}, metrics_, [this] { return parts_; },
        [](std::string_view path) -> std::optional<std::string> {
            if (path != "/crl/issuing.crl") return std::nullopt;
            return std::string("0\x82\0\r\n", 5);
        });
    std::thread thread_;
};

TEST_F(HealthTest, ReadyWhenAllPartsAre) {
    EXPECT_THAT(get("/healthz"), StartsWith("HTTP/1.1 200"));
    EXPECT_THAT(get("/readyz"),
                AllOf(StartsWith("HTTP/1.1 200"), HasSubstr("\r\n\r\n{\"status\":\"ready\"}")));
}

TEST_F(HealthTest, RevocationListsAreServedAsTheyAre) {
    const auto answer = get("/crl/issuing.crl");
    EXPECT_THAT(answer, AllOf(StartsWith("HTTP/1.1 200"), HasSubstr("Content-Type: application/pkix-crl\r\n"),
                              HasSubstr("Content-Length: 5\r\n")));
    EXPECT_TRUE(answer.ends_with(std::string("\r\n\r\n0\x82\0\r\n", 9)));
    EXPECT_THAT(get("/crl/other.crl"), StartsWith("HTTP/1.1 404"));
    EXPECT_THAT(get("/crl/../metrics"), StartsWith("HTTP/1.1 404"));
}

TEST_F(HealthTest, NotReadyWithReasons) {
    parts_ = {
        {"hsm", false, "the token \"x\" is away"}, {"database", true, ""}, {"draining", false, "stopping"}};
    EXPECT_THAT(
        get("/readyz"),
        AllOf(StartsWith("HTTP/1.1 503"),
              HasSubstr("{\"status\":\"not ready\",\"reasons\":{\"hsm\":\"the token \\\"x\\\" is away\","
                        "\"draining\":\"stopping\"}}")));
    EXPECT_THAT(get("/healthz"), StartsWith("HTTP/1.1 200"));
}

TEST_F(HealthTest, MetricsInPrometheusText) {
    metrics_->request_done(v1::Request::kGetSecretValue, v1::ERROR_CODE_UNSPECIFIED,
                           std::chrono::milliseconds(2));
    metrics_->request_done(v1::Request::kGetSecretValue, v1::ACCESS_DENIED, std::chrono::milliseconds(2));
    metrics_->integrity_failure("token");
    metrics_->add_sampler([] { return std::vector{server::gauge_family("coffer_hsm_ready", "help", 1)}; });
    const std::string answer = get("/metrics");
    EXPECT_THAT(answer, HasSubstr("coffer_requests_total{code=\"OK\",operation=\"GetSecretValue\"} 1\n"));
    EXPECT_THAT(
        answer,
        HasSubstr("coffer_requests_total{code=\"AccessDeniedException\",operation=\"GetSecretValue\"} 1\n"));
    EXPECT_THAT(
        answer,
        HasSubstr("coffer_request_duration_seconds_bucket{operation=\"GetSecretValue\",le=\"0.0025\"} 2\n"));
    EXPECT_THAT(answer, HasSubstr("coffer_integrity_failures_total{kind=\"token\"} 1\n"));
    EXPECT_THAT(answer, HasSubstr("coffer_hsm_ready 1\n"));
    EXPECT_THAT(answer, HasSubstr("coffer_build_info{version=\"1.2.3\"} 1\n"));
    EXPECT_THAT(answer, Not(HasSubstr("CreateSecret")));  // never asked for, so not shown
}

TEST_F(HealthTest, OtherPathsMethodsAndNonsense) {
    EXPECT_THAT(get("/"), StartsWith("HTTP/1.1 404"));
    EXPECT_THAT(ask("POST /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"),
                StartsWith("HTTP/1.1 405"));
    EXPECT_THAT(ask("HEAD /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
                AllOf(StartsWith("HTTP/1.1 200"), HasSubstr("Content-Length: 19")));
    EXPECT_EQ(ask("nonsense\r\n\r\n"), "");
    EXPECT_EQ(ask("GET / HTTP/1.1\r\nX: " + std::string(20'000, 'x') + "\r\n\r\n"), "");
    EXPECT_THAT(get("/healthz"), StartsWith("HTTP/1.1 200"));
}

/// Sends `bytes` on a connection that stays open.
class Holder {
public:
    Holder(std::uint16_t port, const std::string& bytes) : fd_(connect_to(port)) {
        (void)::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    }
    Holder(const Holder&) = delete;
    Holder& operator=(const Holder&) = delete;
    ~Holder() { ::close(fd_); }

private:
    int fd_;
};

constexpr std::size_t kPlaces = 64;

// Without authentication anybody who reaches the port could blind its monitoring.
TEST_F(HealthTest, HalfARequestKeepsNobodyOut) {
    for (const std::string bytes : {"GET /metrics HTTP/1.1\r\nHost: x\r\n", "G", ""}) {
        std::vector<std::unique_ptr<Holder>> holders;
        while (holders.size() < 2 * kPlaces) {
            holders.push_back(std::make_unique<Holder>(health_->port(), bytes));
        }
        EXPECT_THAT(get("/readyz"), StartsWith("HTTP/1.1 200")) << bytes;
        EXPECT_THAT(get("/metrics"), StartsWith("HTTP/1.1 200")) << bytes;
    }
}

TEST_F(HealthTest, WhoAsksAndWaitsForMoreKeepsNobodyOutEither) {
    std::vector<std::unique_ptr<Holder>> holders;
    while (holders.size() < 2 * kPlaces) {
        holders.push_back(
            std::make_unique<Holder>(health_->port(), "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"));
    }
    EXPECT_THAT(get("/readyz"), StartsWith("HTTP/1.1 200"));
}

TEST_F(HealthTest, HalfARequestIsNotWaitedForForLong) {
    const auto before = std::chrono::steady_clock::now();
    EXPECT_EQ(ask("GET /readyz HTTP/1.1\r\n"), "");
    EXPECT_GE(std::chrono::steady_clock::now() - before, std::chrono::milliseconds(1'900));
}

}  // namespace
}  // namespace coffer::testing
