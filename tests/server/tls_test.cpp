// Who gets in: the handshake, the client's certificate, revocation, reload.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "test_server.hpp"

namespace coffer::testing {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// RFC 8446, 6.2: the alerts that are looked for below.
constexpr const char* kBadCertificate = "alert 42";
constexpr const char* kUnsupportedCertificate = "alert 43";
constexpr const char* kCertificateRevoked = "alert 44";
constexpr const char* kCertificateExpired = "alert 45";
constexpr const char* kUnknownCa = "alert 48";
constexpr const char* kInternalError = "alert 80";
constexpr const char* kCertificateRequired = "alert 116";

/// Sends a whole request in the same flight as the handshake's end, and tells how the server ended it.
std::string refused(TestServer& server, const ClientOptions& options) {
    TestClient client(options);
    client.send_bytes(wire(hello_frame()) + wire(get_frame(1, "must-not-run")));
    const auto frame = client.read_frame();
    EXPECT_FALSE(frame.has_value());
    EXPECT_TRUE(server.seen.all().empty());
    return client.end();
}

TEST(Tls, AClientWithAGoodCertificateIsServed) {
    TestServer server;
    TestClient client(server.client());
    const auto reply = client.hello();
    ASSERT_TRUE(reply.has_value());
    EXPECT_EQ(reply->hello_reply().version(), 1U);
    EXPECT_EQ(reply->hello_reply().server(), "cofferd/test");
    EXPECT_EQ(reply->hello_reply().max_frame_bytes(), 1048576U);
    EXPECT_EQ(reply->hello_reply().max_in_flight(), 128U);
    EXPECT_EQ(reply->hello_reply().principal(), "alice");
    EXPECT_EQ(reply->hello_reply().account(), "111122223333");
    EXPECT_EQ(reply->hello_reply().region(), "eu-test-1");
    EXPECT_EQ(reply->hello_reply().listener(), "inner");
    client.send_frame(get_frame(7, "app/db"));
    const auto answer = client.read_frame();
    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ(answer->response().id(), 7U);
    EXPECT_EQ(answer->response().get_secret_value().name(), "app/db");
    EXPECT_EQ(answer->response().request_id().size(), 36U);
    EXPECT_STREQ(SSL_get_version(client.ssl()), "TLSv1.3");
    ASSERT_EQ(server.seen.all().size(), 1U);
    EXPECT_EQ(server.seen.all().front().caller.principal, "alice");
    EXPECT_EQ(server.seen.all().front().caller.listener, "inner");
    EXPECT_EQ(server.seen.all().front().caller.source_address, "127.0.0.1");
}

TEST(Tls, WithoutACertificateNothingIsProcessed) {
    TestServer server;
    ClientOptions options = server.client();
    options.identity = nullptr;
    EXPECT_EQ(refused(server, options), kCertificateRequired);
    wait_until([&] { return server.metrics().find("reason=\"no_certificate\"} 1") != std::string::npos; });
}

TEST(Tls, AnExpiredCertificateIsRefused) {
    TestServer server;
    CertificateSpec spec;
    spec.valid_from_s = -7200;
    spec.valid_until_s = -3600;
    const Identity expired = server.client_ca.issue(spec);
    EXPECT_EQ(refused(server, server.client(expired)), kCertificateExpired);
    wait_until([&] { return server.metrics().find("reason=\"expired\"} 1") != std::string::npos; });
    wait_until([&] { return !server.turned_away.all().empty(); });
    EXPECT_THAT(server.turned_away.all(), ::testing::ElementsAre("handshake expired "));
}

TEST(Tls, ACertificateOfTomorrowIsRefused) {
    TestServer server;
    CertificateSpec spec;
    spec.valid_from_s = 3600;
    const Identity early = server.client_ca.issue(spec);
    EXPECT_EQ(refused(server, server.client(early)), kBadCertificate);
}

TEST(Tls, ACertificateOfAnotherAuthorityIsRefused) {
    TestServer server;
    const TestCa other("client CA");  // of the same name, on purpose
    const Identity foreign = other.issue({});
    EXPECT_THAT(refused(server, server.client(foreign)), AnyOf(kUnknownCa, kBadCertificate, "alert 51"));
}

TEST(Tls, ACertificateOfAnUnknownAuthorityIsRefused) {
    TestServer server;
    const TestCa unknown("somebody's own CA");
    const Identity foreign = unknown.issue({});
    EXPECT_EQ(refused(server, server.client(foreign)), kUnknownCa);
}

TEST(Tls, ACertificateForServersOnlyIsRefused) {
    TestServer server;
    CertificateSpec spec;
    spec.extended_key_usage = "serverAuth";
    const Identity wrong = server.client_ca.issue(spec);
    EXPECT_EQ(refused(server, server.client(wrong)), kUnsupportedCertificate);
    wait_until([&] { return server.metrics().find("reason=\"wrong_purpose\"} 1") != std::string::npos; });
}

TEST(Tls, ACertificateWithoutAnyExtendedUsageIsAccepted) {
    // RFC 5280, 4.2.1.12: without the extension every use is allowed.
    TestServer server;
    CertificateSpec spec;
    spec.extended_key_usage.clear();
    const Identity plain = server.client_ca.issue(spec);
    TestClient client(server.client(plain));
    EXPECT_TRUE(client.hello().has_value());
}

TEST(Tls, ACertificateThatNamesNobodyIsToldSo) {
    TestServer server;
    CertificateSpec spec;
    spec.common_names.clear();
    const Identity nameless = server.client_ca.issue(spec);
    TestClient client(server.client(nameless));
    client.send_bytes(wire(hello_frame()) + wire(get_frame(1, "must-not-run")));
    const auto frame = client.read_frame();
    ASSERT_TRUE(frame.has_value());
    EXPECT_EQ(frame->connection_error().reason(), v1::ConnectionError::ACCESS_DENIED);
    EXPECT_THAT(frame->connection_error().message(), HasSubstr("names nobody"));
    EXPECT_FALSE(client.read_frame().has_value());
    EXPECT_EQ(client.end(), "close_notify");
    EXPECT_TRUE(server.seen.all().empty());
}

TEST(Tls, Tls12IsRefused) {
    TestServer server;
    ClientOptions options = server.client();
    options.max_version = TLS1_2_VERSION;
    const TestClient client(options);
    EXPECT_FALSE(client.shaken());
    wait_until([&] { return server.metrics().find("reason=\"protocol_version\"} 1") != std::string::npos; });
}

TEST(Tls, NoTicketIsGivenAndNoEarlyDataTaken) {
    TestServer server;
    TestClient client(server.client());
    ASSERT_TRUE(client.hello().has_value());
    EXPECT_EQ(SSL_SESSION_is_resumable(SSL_get0_session(client.ssl())), 0);
    EXPECT_EQ(SSL_get_early_data_status(client.ssl()), SSL_EARLY_DATA_NOT_SENT);
}

TEST(Tls, ARevokedCertificateIsRefused) {
    TestServerOptions options;
    options.with_crl = true;
    TestServer server(options);
    CertificateSpec spec;
    spec.common_names = {"bob"};
    const Identity bob = server.client_ca.issue(spec);
    EXPECT_TRUE(server.revoke({bob.certificate.get()}));
    EXPECT_EQ(refused(server, server.client(bob)), kCertificateRevoked);
    TestClient client(server.client());
    EXPECT_TRUE(client.hello().has_value());
}

TEST(Tls, ARevocationEndsTheConnectionsThatStand) {
    TestServerOptions options;
    options.with_crl = true;
    TestServer server(options);
    CertificateSpec spec;
    spec.common_names = {"bob"};
    const Identity bob = server.client_ca.issue(spec);
    TestClient of_alice(server.client());
    TestClient of_bob(server.client(bob));
    ASSERT_TRUE(of_alice.hello().has_value());
    ASSERT_TRUE(of_bob.hello().has_value());
    EXPECT_TRUE(server.revoke({bob.certificate.get()}));
    const auto last_word = of_bob.read_frame();
    ASSERT_TRUE(last_word.has_value());
    EXPECT_EQ(last_word->connection_error().reason(), v1::ConnectionError::CERTIFICATE_REVOKED);
    EXPECT_FALSE(of_bob.read_frame().has_value());
    of_alice.send_frame(get_frame(1, "still"));
    const auto answer = of_alice.read_frame();
    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ(answer->response().get_secret_value().name(), "still");
}

/// What bob is told who began his handshake before he was revoked and ends it after, having sent all but
/// `withheld` before.
std::optional<v1::Frame> told_after_a_revocation_meanwhile(Withheld withheld) {
    TestServerOptions options;
    options.with_crl = true;
    TestServer server(options);
    CertificateSpec spec;
    spec.common_names = {"bob"};
    const Identity bob = server.client_ca.issue(spec);
    ClientOptions slow = server.client(bob);
    slow.withheld = withheld;
    TestClient client(slow);
    EXPECT_TRUE(server.revoke({bob.certificate.get()}));
    client.release();
    client.send_bytes(wire(hello_frame()) + wire(get_frame(1, "must-not-run")));
    auto last_word = client.read_frame();
    EXPECT_FALSE(client.read_frame().has_value());
    EXPECT_TRUE(server.seen.all().empty());
    EXPECT_THAT(server.turned_away.all(), ::testing::ElementsAre("connection certificate_revoked bob"));
    return last_word;
}

TEST(Tls, ARevocationEndsTheConnectionsWhoseHandshakeIsUnderWay) {
    for (const auto withheld : {Withheld::flight, Withheld::last_record}) {
        SCOPED_TRACE(static_cast<int>(withheld));
        const auto last_word = told_after_a_revocation_meanwhile(withheld);
        ASSERT_TRUE(last_word.has_value());
        EXPECT_EQ(last_word->connection_error().reason(), v1::ConnectionError::CERTIFICATE_REVOKED);
        EXPECT_FALSE(last_word->connection_error().retryable());
    }
}

TEST(Tls, AReloadDuringTheHandshakeKeepsWhoeverIsStillGood) {
    TestServerOptions options;
    options.with_crl = true;
    TestServer server(options);
    CertificateSpec spec;
    spec.common_names = {"bob"};
    const Identity bob = server.client_ca.issue(spec);
    ClientOptions slow = server.client();
    slow.withheld = Withheld::flight;
    TestClient of_alice(slow);
    EXPECT_TRUE(server.revoke({bob.certificate.get()}));
    of_alice.release();
    const auto reply = of_alice.hello();
    ASSERT_TRUE(reply.has_value());
    EXPECT_EQ(reply->hello_reply().principal(), "alice");
}

TEST(Tls, AConnectionThatSaidNothingYetGetsTheFilesOfAReload) {
    TestServerOptions options;
    options.with_crl = true;
    TestServer server(options);
    const int silent = connect_to(server.port());
    server.wait_for_connections(1);
    const Identity renewed = server.server_ca.issue({{"localhost"}, {{GEN_DNS, "localhost"}}, "serverAuth"});
    write_private(server.folder.path() / "server.pem", pem_of(renewed.certificate.get()));
    write_private(server.folder.path() / "server.key", pem_of(renewed.key.get()));
    EXPECT_TRUE(server.reload());
    const std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> context(SSL_CTX_new(TLS_client_method()),
                                                               SSL_CTX_free);
    const std::unique_ptr<SSL, void (*)(SSL*)> ssl(SSL_new(context.get()), SSL_free);
    SSL_set_fd(ssl.get(), silent);
    EXPECT_EQ(SSL_connect(ssl.get()), 1);
    EXPECT_EQ(X509_cmp(SSL_get0_peer_certificate(ssl.get()), renewed.certificate.get()), 0);
    ::close(silent);
}

// Whose fault it is, is said on both sides: the client's own certificate is good.
TEST(Tls, AnOutdatedCrlRefusesEverybodyOfItsAuthority) {
    TestServerOptions options;
    options.with_crl = true;
    options.crl_valid_until_s = -1;
    TestServer server(options);
    EXPECT_THAT(refused(server, server.client()), StartsWith(kInternalError));
    wait_until([&] { return server.metrics().find("reason=\"crl\"} 1") != std::string::npos; });
    // Nothing is lost by taking another that is no better, and the rest of the files counts.
    write_private(server.folder.path() / "clients.crl", server.client_ca.crl({}, -60));
    EXPECT_TRUE(server.reload());
    EXPECT_THAT(refused(server, server.client()), StartsWith(kInternalError));
}

TEST(Tls, AnOutdatedCrlDoesNotTakeThePlaceOfAGoodOne) {
    TestServerOptions options;
    options.with_crl = true;
    TestServer server(options);
    TestClient standing(server.client());
    ASSERT_TRUE(standing.hello().has_value());
    write_private(server.folder.path() / "clients.crl", server.client_ca.crl({}, -60));
    EXPECT_FALSE(server.reload());
    EXPECT_NE(server.metrics().find("coffer_tls_reloads_total{result=\"failed\"} 1"), std::string::npos);
    TestClient client(server.client());
    EXPECT_TRUE(client.hello().has_value());
    standing.send_frame(get_frame(1, "still"));
    EXPECT_TRUE(standing.read_frame().has_value());
    // Beside a good one of the same authority it does no harm: OpenSSL takes the good one.
    write_private(server.folder.path() / "clients.crl",
                  server.client_ca.crl({}, -60) + server.client_ca.crl({}));
    EXPECT_TRUE(server.reload());
    TestClient again(server.client());
    EXPECT_TRUE(again.hello().has_value());
}

TEST(Tls, AnOutdatedCrlIsNamedWithItsFileAndTime) {
    TestServerOptions options;
    options.with_crl = true;
    TestServer server(options);
    const auto file = server.folder.path() / "clients.crl";
    const server::TlsFiles files{server.folder.path() / "server.pem",
                                 (server.folder.path() / "server.key").string(),
                                 {server.folder.path() / "clients.pem"},
                                 {file}};
    const auto load = [&] {
        return server::TlsContext::load(files, load_test_key, server::ListenerProtocol::native);
    };
    const auto good = load();
    const auto now = std::chrono::system_clock::now();
    EXPECT_TRUE(good->outdated_lists(now).empty());
    const auto in_a_year = good->outdated_lists(now + std::chrono::hours(24 * 366));
    ASSERT_EQ(in_a_year.size(), 1U);
    EXPECT_THAT(in_a_year.front(),
                ::testing::AllOf(::testing::HasSubstr(file.string()), ::testing::HasSubstr("client CA"),
                                 ::testing::ContainsRegex("until 20..-..-..T..:..:..Z")));
    EXPECT_EQ(good->outdated_lists(now - std::chrono::hours(48)).size(), 1U) << "not good yet";
    EXPECT_TRUE(good->lists_lost(now + std::chrono::hours(24 * 366), *good).empty()) << "nothing is lost";
    EXPECT_TRUE(good->lists_lost(now, *good).empty());

    write_private(file, server.client_ca.crl({}, 3600, -7200));
    EXPECT_THAT(load()->lists_lost(now, *good),
                ::testing::ElementsAre(::testing::HasSubstr("before the one in use")));
    EXPECT_TRUE(good->lists_lost(now, *load()).empty()) << "a newer one";

    const TestCa other("other CA");
    write_private(file, other.crl({}));
    write_private(server.folder.path() / "clients.pem",
                  pem_of(server.client_ca.certificate()) + pem_of(other.certificate()));
    EXPECT_THAT(
        load()->lists_lost(now, *good),
        ::testing::ElementsAre(::testing::HasSubstr("no file has a revocation list of CN=client CA")));
    write_private(server.folder.path() / "clients.pem", pem_of(other.certificate()));
    EXPECT_TRUE(load()->lists_lost(now, *good).empty()) << "a CA that is not trusted any more needs none";
}

TEST(Tls, EveryAuthorityOfTheChainNeedsACrl) {
    TestServerOptions options;
    options.with_crl = true;
    TestServer server(options);
    const TestCa middle("middle CA", &server.client_ca);
    const Identity deep = middle.issue({});
    ClientOptions client = server.client(deep);
    client.intermediate = middle.certificate();
    EXPECT_THAT(refused(server, client), StartsWith("alert"));
    // With the list of the middle one as well, the client is let in.
    write_private(server.folder.path() / "clients.crl", server.client_ca.crl({}) + middle.crl({}));
    EXPECT_TRUE(server.reload());
    TestClient again(client);
    EXPECT_TRUE(again.hello().has_value());
    // And an authority in the middle can be revoked, which a standing connection feels.
    write_private(server.folder.path() / "clients.crl",
                  server.client_ca.crl({middle.certificate()}) + middle.crl({}));
    EXPECT_TRUE(server.reload());
    const auto last_word = again.read_frame();
    ASSERT_TRUE(last_word.has_value());
    EXPECT_EQ(last_word->connection_error().reason(), v1::ConnectionError::CERTIFICATE_REVOKED);
}

TEST(Tls, BadNewFilesLeaveTheOldOnesInUse) {
    TestServerOptions options;
    options.with_crl = true;
    TestServer server(options);
    write_private(server.folder.path() / "clients.crl",
                  "-----BEGIN X509 CRL-----\nMIIB\n-----END X509 CRL-----\n");
    EXPECT_FALSE(server.reload());
    write_private(server.folder.path() / "clients.crl", "");
    EXPECT_FALSE(server.reload());
    const TestCa impostor("client CA");
    write_private(server.folder.path() / "clients.crl", impostor.crl({}));
    EXPECT_FALSE(server.reload());
    write_private(server.folder.path() / "clients.crl", server.client_ca.crl({}));
    write_private(server.folder.path() / "server.pem", "not a certificate");
    EXPECT_FALSE(server.reload());
    write_private(server.folder.path() / "server.pem", pem_of(server.alice.certificate.get()));
    EXPECT_FALSE(server.reload());  // does not belong to the key
    TestClient client(server.client());
    EXPECT_TRUE(client.hello().has_value());
}

TEST(Tls, AReloadTakesANewCertificateAndANewAuthority) {
    TestServer server;
    TestClient old_client(server.client());
    ASSERT_TRUE(old_client.hello().has_value());
    const TestCa new_ca("new client CA");
    const Identity newcomer = new_ca.issue({});
    const Identity renewed = server.server_ca.issue({{"localhost"}, {{GEN_DNS, "localhost"}}, "serverAuth"});
    write_private(server.folder.path() / "server.pem", pem_of(renewed.certificate.get()));
    write_private(server.folder.path() / "server.key", pem_of(renewed.key.get()));
    write_private(server.folder.path() / "clients.pem", pem_of(new_ca.certificate()));
    EXPECT_TRUE(server.reload());
    TestClient client(server.client(newcomer));
    EXPECT_TRUE(client.hello().has_value());
    EXPECT_EQ(X509_cmp(SSL_get0_peer_certificate(client.ssl()), renewed.certificate.get()), 0);
    // The old authority is gone, and with it those who came by it.
    const auto last_word = old_client.read_frame();
    ASSERT_TRUE(last_word.has_value());
    EXPECT_EQ(last_word->connection_error().reason(), v1::ConnectionError::CERTIFICATE_REVOKED);
}

TEST(Tls, PlainTextAndHalfHandshakesEndQuietly) {
    TestServer server;
    const int http = connect_to(server.port());
    ASSERT_GT(::write(http, "GET / HTTP/1.1\r\n\r\n", 18), 0);
    char byte = 0;
    while (::read(http, &byte, 1) > 0) {
    }
    ::close(http);
    const int silent = connect_to(server.port());
    ::close(silent);
    server.wait_for_connections(0);
    EXPECT_THAT(server.metrics(), HasSubstr("reason=\"not_tls\"} 1"));
}

}  // namespace
}  // namespace coffer::testing
