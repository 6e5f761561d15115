// What a listener lets through before anybody's rights are asked: networks, and its policy.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/asio/ip/address.hpp>

#include "daemon/server/allowed_networks.hpp"
#include "daemon/server/listener_policy.hpp"
#include "test_server.hpp"

namespace coffer::testing {
namespace {

using server::AllowedNetworks;
using server::load_listener_policy;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kReads =
    R"({"Version":"2012-10-17","Statement":{"Sid":"reads","Effect":"Allow","Principal":"*",)"
    R"("Action":"secretsmanager:Get*","Resource":"*"}})";
constexpr const char* kNothing =
    R"({"Version":"2012-10-17","Statement":{"Sid":"nothing","Effect":"Deny","Principal":"*",)"
    R"("Action":"*","Resource":"*"}})";

bool allows(const std::vector<std::string>& blocks, const char* address) {
    return AllowedNetworks(blocks).allows(boost::asio::ip::make_address(address));
}

TEST(AllowedNetworks, NoneAllowEverybody) {
    EXPECT_TRUE(allows({}, "192.0.2.1"));
    EXPECT_TRUE(allows({}, "2001:db8::1"));
}

TEST(AllowedNetworks, FirstAndLastAddressOfABlock) {
    // 10.1.0.0/20 is 10.1.0.0 to 10.1.15.255; 2001:db8:8000::/33 begins in the middle of 2001:db8::/32.
    EXPECT_FALSE(allows({"10.1.0.0/20"}, "10.0.255.255"));
    EXPECT_TRUE(allows({"10.1.0.0/20"}, "10.1.0.0"));
    EXPECT_TRUE(allows({"10.1.0.0/20"}, "10.1.15.255"));
    EXPECT_FALSE(allows({"10.1.0.0/20"}, "10.1.16.0"));
    EXPECT_FALSE(allows({"2001:db8:8000::/33"}, "2001:db8:7fff:ffff:ffff:ffff:ffff:ffff"));
    EXPECT_TRUE(allows({"2001:db8:8000::/33"}, "2001:db8:8000::"));
    EXPECT_TRUE(allows({"2001:db8:8000::/33"}, "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"));
    EXPECT_FALSE(allows({"2001:db8:8000::/33"}, "2001:db9::"));
}

TEST(AllowedNetworks, OneAddressAndSeveralBlocks) {
    EXPECT_TRUE(allows({"192.0.2.7"}, "192.0.2.7"));
    EXPECT_FALSE(allows({"192.0.2.7"}, "192.0.2.6"));
    EXPECT_TRUE(allows({"192.0.2.7", "10.0.0.0/8"}, "10.255.255.255"));
    EXPECT_TRUE(allows({"2001:db8::7"}, "2001:db8::7"));
    EXPECT_FALSE(allows({"2001:db8::7"}, "2001:db8::8"));
}

// RFC 4291, 2.5.5.2: ::ffff:a.b.c.d is the IPv4 address a.b.c.d.
TEST(AllowedNetworks, MappedAddressesAreIpv4) {
    EXPECT_TRUE(allows({"10.0.0.0/8"}, "::ffff:10.1.2.3"));
    EXPECT_FALSE(allows({"10.0.0.0/8"}, "::ffff:11.1.2.3"));
    EXPECT_TRUE(allows({"::ffff:10.0.0.0/104"}, "10.1.2.3"));
    EXPECT_TRUE(allows({"0.0.0.0/0"}, "::ffff:192.0.2.1"));
    EXPECT_FALSE(allows({"0.0.0.0/0"}, "2001:db8::1"));
    EXPECT_FALSE(allows({"::/0"}, "192.0.2.1"));
    EXPECT_FALSE(allows({"::/0"}, "::ffff:192.0.2.1"));
    EXPECT_TRUE(allows({"::/0"}, "2001:db8::1"));
}

TEST(AllowedNetworks, LinkLocalAddressesWithTheirInterface) {
    auto address = boost::asio::ip::make_address_v6("fe80::1");
    address.scope_id(3);
    EXPECT_TRUE(AllowedNetworks(std::vector<std::string>{"fe80::/10"}).allows(address));
}

TEST(Confinement, ACallerFromAnAllowedNetworkIsServed) {
    TestServerOptions options;
    options.allowed_networks = {"10.0.0.0/8", "127.0.0.0/8"};
    TestServer server(options);
    TestClient client(server.client());
    ASSERT_TRUE(client.hello().has_value());
    EXPECT_THAT(server.metrics(), Not(HasSubstr("coffer_connections_refused_total{")));
}

/// Reads to the end of a connection to which nothing was sent. True when not a byte came.
bool closed_in_silence(std::uint16_t port) {
    const int socket = connect_to(port);
    char byte = 0;
    const auto got = ::read(socket, &byte, 1);
    ::close(socket);
    return got <= 0;
}

TEST(Confinement, ACallerFromElsewhereIsClosedBeforeTls) {
    TestServerOptions options;
    options.allowed_networks = {"10.0.0.0/8", "::/0"};
    TestServer server(options);
    // The handshake's own time-out is ten seconds, so whoever closes now does not wait for it.
    EXPECT_TRUE(closed_in_silence(server.port()));
    EXPECT_TRUE(closed_in_silence(server.port()));
    wait_until([&] {
        return server.metrics().find(
                   R"(coffer_connections_refused_total{listener="inner",reason="network"} 2)") !=
               std::string::npos;
    });
    EXPECT_EQ(server.connections(), 0U);
    EXPECT_TRUE(server.seen.all().empty());
    EXPECT_THAT(server.turned_away.all(),
                ::testing::ElementsAre("connection network ", "connection network "));
}

TEST(Confinement, StrangersDoNotUseUpTheRateOfOthers) {
    TestServerOptions options;
    options.allowed_networks = {"10.0.0.0/8"};
    options.limits.connections_per_second = 1;
    TestServer server(options);
    for (int i = 0; i < 20; ++i) EXPECT_TRUE(closed_in_silence(server.port()));
    wait_until([&] { return server.metrics().find(R"(reason="network"} 20)") != std::string::npos; });
}

TEST(Confinement, ADualStackListenerSeesIpv4Callers) {
    TestServerOptions options;
    options.address = "::";
    options.allowed_networks = {"127.0.0.1"};
    std::unique_ptr<TestServer> server;
    try {
        server = std::make_unique<TestServer>(options);
    } catch (const server::ListenError& error) {
        GTEST_SKIP() << error.what();  // no IPv6 here
    }
    TestClient client(server->client());
    ASSERT_TRUE(client.hello().has_value());
    client.send_frame(get_frame(1, "a"));
    ASSERT_TRUE(client.read_frame().has_value());
    EXPECT_EQ(server->seen.all().back().caller.source_address, "127.0.0.1");
}

std::string sid_in_force(TestServer& server, TestClient& client) {
    client.send_frame(get_frame(1, "a"));
    if (!client.read_frame().has_value()) return "no answer";
    const auto policy = server.seen.all().back().caller.listener_policy;
    return policy ? policy->statements().front().label() : "none";
}

TEST(Confinement, RequestsCarryTheListenersPolicy) {
    TestServer without;
    TestClient plain(without.client());
    ASSERT_TRUE(plain.hello().has_value());
    EXPECT_EQ(sid_in_force(without, plain), "none");

    TestServerOptions options;
    options.policy = kReads;
    TestServer server(options);
    TestClient client(server.client());
    ASSERT_TRUE(client.hello().has_value());
    EXPECT_THAT(sid_in_force(server, client), HasSubstr("reads"));
    EXPECT_EQ(server.seen.all().back().caller.listener_policy->name(),
              "arn:aws:coffer:eu-test-1:111122223333:listener/inner");
    EXPECT_EQ(server.seen.all().back().caller.protocol, access::Protocol::native);
}

TEST(Confinement, AReloadedPolicyIsInForceOnOpenConnections) {
    TestServerOptions options;
    options.policy = kReads;
    TestServer server(options);
    TestClient client(server.client());
    ASSERT_TRUE(client.hello().has_value());
    write_private(server.folder.path() / "policy.json", kNothing);
    EXPECT_THAT(sid_in_force(server, client), HasSubstr("reads"));
    EXPECT_TRUE(server.reload());
    EXPECT_THAT(sid_in_force(server, client), HasSubstr("nothing"));
    EXPECT_THAT(server.metrics(), HasSubstr(R"(coffer_tls_reloads_total{result="done"} 1)"));
}

TEST(Confinement, AMalformedPolicyKeepsTheOldInForce) {
    TestServerOptions options;
    options.policy = kNothing;
    TestServer server(options);
    TestClient client(server.client());
    ASSERT_TRUE(client.hello().has_value());
    write_private(server.folder.path() / "policy.json", R"({"Version":"2012-10-17")");
    EXPECT_FALSE(server.reload());
    EXPECT_THAT(sid_in_force(server, client), HasSubstr("nothing"));
    std::filesystem::remove(server.folder.path() / "policy.json");
    EXPECT_FALSE(server.reload());
    EXPECT_THAT(sid_in_force(server, client), HasSubstr("nothing"));
    EXPECT_THAT(server.metrics(), HasSubstr(R"(coffer_tls_reloads_total{result="failed"} 2)"));
}

TEST(Confinement, AMalformedPolicyAtTheStart) {
    TestServerOptions options;
    options.policy = "{\n  \"Statement\": {\"Effect\": \"allow\"}\n}";
    try {
        TestServer server(options);
        FAIL() << "it started";
    } catch (const server::ListenerPolicyError& error) {
        EXPECT_THAT(error.what(), HasSubstr("policy.json"));
        EXPECT_THAT(error.what(), HasSubstr("(line 2, column "));
    }
}

TEST(Confinement, AFileThatIsNoPolicy) {
    const TemporaryFolder folder;
    EXPECT_THROW(static_cast<void>(load_listener_policy(folder.path() / "absent.json", "x")),
                 server::ListenerPolicyError);
    EXPECT_THROW(static_cast<void>(load_listener_policy(folder.path(), "x")), server::ListenerPolicyError);
    // An identity policy names no principal; a listener's must.
    write_private(folder.path() / "identity.json",
                  R"({"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}})");
    EXPECT_THROW(static_cast<void>(load_listener_policy(folder.path() / "identity.json", "x")),
                 server::ListenerPolicyError);
    // 131,072 bytes are as much as any document may have (docs/policies.md).
    write_private(folder.path() / "huge.json", std::string(131'073, ' '));
    EXPECT_THROW(static_cast<void>(load_listener_policy(folder.path() / "huge.json", "x")),
                 server::ListenerPolicyError);
}

}  // namespace
}  // namespace coffer::testing
