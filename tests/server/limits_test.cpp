// What a peer can take: time, memory, connections, requests. Time-outs are set short here; nothing below
// measures time.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "test_server.hpp"

namespace coffer::testing {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;
using Reason = v1::ConnectionError;

void expect_ended(TestClient& client, Reason::Reason reason) {
    const auto frame = client.read_frame();
    ASSERT_TRUE(frame.has_value()) << client.end();
    EXPECT_EQ(frame->connection_error().reason(), reason) << frame->ShortDebugString();
    EXPECT_FALSE(client.read_frame().has_value());
}

TEST(Limits, AHandshakeThatStalls) {
    TestServerOptions options;
    options.limits.handshake_timeout = milliseconds(50);
    TestServer server(options);
    const int silent = connect_to(server.port());
    char byte = 0;
    EXPECT_LE(::read(silent, &byte, 1), 0);
    ::close(silent);
    server.wait_for_connections(0);
    EXPECT_THAT(server.metrics(), HasSubstr("reason=\"timeout\"} 1"));
}

TEST(Limits, AHelloThatDoesNotCome) {
    TestServerOptions options;
    options.limits.hello_timeout = milliseconds(50);
    TestServer server(options);
    TestClient client(server.client());
    expect_ended(client, Reason::HELLO_EXPECTED);
}

TEST(Limits, AFrameThatStopsHalfWay) {
    TestServerOptions options;
    options.limits.frame_timeout = milliseconds(50);
    TestServer server(options);
    TestClient client(server.client());
    ASSERT_TRUE(client.hello().has_value());
    client.send_bytes(prefix(100) + std::string(99, 'x'));
    expect_ended(client, Reason::SLOW_PEER);
    EXPECT_THAT(server.turned_away.all(), ::testing::ElementsAre("connection slow_peer alice"));
}

TEST(Limits, AFrameThatArrivesByteByByteForEver) {
    TestServerOptions options;
    options.limits.frame_timeout = milliseconds(200);
    TestServer server(options);
    TestClient client(server.client());
    ASSERT_TRUE(client.hello().has_value());
    client.send_bytes(prefix(1'000'000));
    // Each byte is progress, and still the frame's time runs out.
    for (int i = 0; i < 50; ++i) {
        client.send_bytes("x");
        std::this_thread::sleep_for(milliseconds(10));
    }
    expect_ended(client, Reason::SLOW_PEER);
}

TEST(Limits, ARecordThatStopsHalfWayIsASlowFrameToo) {
    TestServerOptions options;
    options.limits.frame_timeout = milliseconds(50);
    TestServer server(options);
    TestClient client(server.client());
    ASSERT_TRUE(client.hello().has_value());
    client.send_raw(std::string("\x17\x03\x03\x01", 4));
    expect_ended(client, Reason::SLOW_PEER);
}

TEST(Limits, AnIdleConnection) {
    TestServerOptions options;
    options.limits.idle_timeout = milliseconds(50);
    TestServer server(options);
    TestClient client(server.client());
    ASSERT_TRUE(client.hello().has_value());
    const auto frame = client.read_frame();
    ASSERT_TRUE(frame.has_value());
    EXPECT_EQ(frame->connection_error().reason(), Reason::IDLE);
    EXPECT_TRUE(frame->connection_error().retryable());
    EXPECT_TRUE(server.turned_away.all().empty());
}

TEST(Limits, ARequestInFlightIsNotIdle) {
    TestServerOptions options;
    options.limits.idle_timeout = milliseconds(50);
    TestServer server(options);
    TestClient client(server.client());
    // In one piece: however slow this machine is, the connection is not idle in between.
    client.send_bytes(wire(hello_frame()) + wire(get_frame(1, "wait/long")));
    ASSERT_TRUE(client.read_frame()->has_hello_reply());
    wait_until([&] { return server.gate.waiting() == 1; });
    std::this_thread::sleep_for(milliseconds(150));
    server.gate.open();
    const auto answer = client.read_frame();
    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ(answer->response().id(), 1U);
}

TEST(Limits, BeyondTheRequestsInFlightNothingIsRead) {
    TestServerOptions options;
    options.limits.max_in_flight = 4;
    TestServer server(options);
    TestClient client(server.client());
    ASSERT_TRUE(client.hello().has_value());
    for (std::uint64_t id = 1; id <= 20; ++id) client.send_frame(get_frame(id, "wait/" + std::to_string(id)));
    wait_until([&] { return server.gate.waiting() == 4; });
    // A second connection is not held up by the first.
    TestClient other(server.client());
    ASSERT_TRUE(other.hello().has_value());
    other.send_frame(get_frame(1, "other"));
    ASSERT_TRUE(other.read_frame().has_value());
    EXPECT_EQ(server.gate.waiting(), 4U);
    server.gate.open();
    std::vector<bool> answered(21);
    for (int i = 0; i < 20; ++i) {
        const auto answer = client.read_frame();
        ASSERT_TRUE(answer.has_value());
        answered.at(answer->response().id()) = true;
    }
    EXPECT_EQ(std::count(answered.begin(), answered.end(), true), 20);
}

TEST(Limits, APeerThatIsHeldUpByUsIsNotSlow) {
    TestServerOptions options;
    options.limits.max_in_flight = 1;
    options.limits.frame_timeout = milliseconds(50);
    TestServer server(options);
    TestClient client(server.client());
    ASSERT_TRUE(client.hello().has_value());
    const std::string second = wire(get_frame(2, "second"));
    client.send_bytes(wire(get_frame(1, "wait/first")) + second.substr(0, 10));
    wait_until([&] { return server.gate.waiting() == 1; });
    std::this_thread::sleep_for(milliseconds(150));
    client.send_bytes(second.substr(10));
    server.gate.open();
    EXPECT_EQ(client.read_frame()->response().id(), 1U);
    EXPECT_EQ(client.read_frame()->response().id(), 2U);
}

TEST(Limits, APeerThatDoesNotReadIsCutOff) {
    TestServerOptions options;
    options.limits.write_timeout = milliseconds(200);
    TestServer server(options);
    ClientOptions small = server.client();
    small.receive_buffer_bytes = 4096;
    TestClient client(small);
    ASSERT_TRUE(client.hello().has_value());
    for (std::uint64_t id = 1; id <= 60; ++id) client.send_frame(get_frame(id, "big/900000"));
    server.wait_for_connections(0);
    EXPECT_THAT(server.metrics(), HasSubstr("reason=\"slow_peer\"} 1"));
    // With answers waiting, requests were not taken on: far fewer than asked for were worked on.
    EXPECT_LT(server.seen.all().size(), 60U);
}

TEST(Limits, DeadlinesAreKeptForAHandlerThatHangs) {
    TestServer server;
    TestClient client(server.client());
    ASSERT_TRUE(client.hello().has_value());
    client.send_frame(get_frame(1, "wait/hangs", 20));
    const auto answer = client.read_frame();
    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ(answer->response().id(), 1U);
    EXPECT_EQ(answer->response().error().code(), v1::DEADLINE_EXCEEDED);
    EXPECT_TRUE(answer->response().error().retryable());
    // What the handler says afterwards is nobody's business any more.
    server.gate.open();
    client.send_frame(get_frame(2, "next"));
    EXPECT_EQ(client.read_frame()->response().id(), 2U);
}

TEST(Limits, DeadlinesAreClamped) {
    TestServerOptions options;
    options.limits.default_deadline = std::chrono::seconds(100);
    options.limits.max_deadline = std::chrono::seconds(1000);
    TestServer server(options);
    TestClient client(server.client());
    ASSERT_TRUE(client.hello().has_value());
    const Deadline before = std::chrono::steady_clock::now();
    for (const std::uint32_t asked : {0U, 500'000U, 4'000'000'000U}) {
        client.send_frame(get_frame(1, "x", asked));
        ASSERT_TRUE(client.read_frame().has_value());
    }
    const Deadline after = std::chrono::steady_clock::now();
    const auto seen = server.seen.all();
    const std::array<std::chrono::seconds, 3> expected{std::chrono::seconds(100), std::chrono::seconds(500),
                                                       std::chrono::seconds(1000)};
    for (std::size_t i = 0; i < 3; ++i) {
        EXPECT_GE(seen.at(i).deadline, before + expected.at(i));
        EXPECT_LE(seen.at(i).deadline, after + expected.at(i));
    }
}

TEST(Limits, RequestsOfAPrincipalAreLimitedOverItsConnections) {
    TestServerOptions options;
    options.limits.requests_per_second_per_principal = 5;
    TestServer server(options);
    TestClient one(server.client());
    TestClient two(server.client());
    ASSERT_TRUE(one.hello().has_value());
    ASSERT_TRUE(two.hello().has_value());
    // 5 a second with a burst of 5: of 60 requests sent at once some pass and some do not.
    std::string requests;
    for (std::uint64_t id = 1; id <= 30; ++id) requests += wire(get_frame(id, "x"));
    one.send_bytes(requests);
    two.send_bytes(requests);
    std::size_t throttled = 0;
    std::size_t served = 0;
    for (TestClient* client : {&one, &two}) {
        for (int i = 0; i < 30; ++i) {
            const auto answer = client->read_frame();
            ASSERT_TRUE(answer.has_value());
            if (answer->response().has_get_secret_value()) {
                ++served;
                continue;
            }
            ++throttled;
            EXPECT_EQ(answer->response().error().code(), v1::THROTTLING);
            EXPECT_EQ(answer->response().error().message(), "Rate exceeded");
            EXPECT_TRUE(answer->response().error().retryable());
        }
    }
    EXPECT_GE(served, 5U);
    EXPECT_GT(throttled, 0U);
    EXPECT_THAT(server.metrics(), HasSubstr("ThrottlingException"));
    EXPECT_THAT(server.turned_away.all(), ::testing::Each("request ThrottlingException alice"));
    EXPECT_EQ(server.turned_away.all().size(), throttled);
    // Another principal has a bucket of its own.
    CertificateSpec spec;
    spec.common_names = {"bob"};
    const Identity bob = server.client_ca.issue(spec);
    TestClient other(server.client(bob));
    ASSERT_TRUE(other.hello().has_value());
    other.send_frame(get_frame(1, "x"));
    EXPECT_TRUE(other.read_frame()->response().has_get_secret_value());
}

TEST(Limits, ConnectionsOfAPrincipal) {
    TestServerOptions options;
    options.limits.connections_per_principal = 2;
    TestServer server(options);
    auto one = std::make_unique<TestClient>(server.client());
    TestClient two(server.client());
    ASSERT_TRUE(one->hello().has_value());
    ASSERT_TRUE(two.hello().has_value());
    TestClient three(server.client());
    const auto refusal = three.read_frame();
    ASSERT_TRUE(refusal.has_value());
    EXPECT_EQ(refusal->connection_error().reason(), Reason::TOO_MANY_CONNECTIONS);
    EXPECT_TRUE(refusal->connection_error().retryable());
    one.reset();
    server.wait_for_connections(2);  // two, and three that lingers until it is closed
    three.cut_off();
    server.wait_for_connections(1);
    TestClient four(server.client());
    EXPECT_TRUE(four.hello()->has_hello_reply());
}

TEST(Limits, ConnectionsOfAListener) {
    TestServerOptions options;
    options.listener_max_connections = 1;
    TestServer server(options);
    TestClient one(server.client());
    ASSERT_TRUE(one.hello().has_value());
    TestClient two(server.client());
    expect_ended(two, Reason::TOO_MANY_CONNECTIONS);
    one.send_frame(get_frame(1, "still served"));
    EXPECT_TRUE(one.read_frame().has_value());
}

TEST(Limits, ConnectionsASecondAreHeldBackNotRefused) {
    TestServerOptions options;
    options.limits.connections_per_second = 20;
    TestServer server(options);
    for (int i = 0; i < 30; ++i) {
        TestClient client(server.client());
        ASSERT_TRUE(client.hello().has_value());
    }
}

TEST(Drain, AnswersWhatIsInFlightAndSaysGoodbye) {
    TestServer server;
    TestClient busy(server.client());
    TestClient idle(server.client());
    ASSERT_TRUE(busy.hello().has_value());
    ASSERT_TRUE(idle.hello().has_value());
    busy.send_frame(get_frame(1, "wait/answer"));
    wait_until([&] { return server.gate.waiting() == 1; });
    auto drained = server.drain(std::chrono::seconds(60));
    const auto goodbye = idle.read_frame();
    ASSERT_TRUE(goodbye.has_value());
    EXPECT_EQ(goodbye->connection_error().reason(), Reason::SHUTTING_DOWN);
    EXPECT_TRUE(goodbye->connection_error().retryable());
    busy.send_frame(get_frame(2, "too late"));
    server.gate.open();
    const auto answer = busy.read_frame();
    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ(answer->response().id(), 1U);
    const auto last_word = busy.read_frame();
    ASSERT_TRUE(last_word.has_value());
    EXPECT_EQ(last_word->connection_error().reason(), Reason::SHUTTING_DOWN);
    drained.get();
    EXPECT_EQ(server.connections(), 0U);
    EXPECT_EQ(server.seen.all().size(), 1U);
    EXPECT_THROW((void)connect_to(server.port()), std::runtime_error);
}

TEST(Drain, DoesNotWaitForEver) {
    TestServer server;
    TestClient busy(server.client());
    ASSERT_TRUE(busy.hello().has_value());
    busy.send_frame(get_frame(1, "wait/for ever"));
    wait_until([&] { return server.gate.waiting() == 1; });
    server.drain(milliseconds(50)).get();
    EXPECT_FALSE(busy.read_frame().has_value());
}

}  // namespace
}  // namespace coffer::testing
