// What a client says when certificates are not accepted, by either side. In TLS 1.3 the client's handshake is
// complete before the server has seen its certificate, so refusals arrive with the first read.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/x509_vfy.h>

#include <filesystem>
#include <fstream>

#include "client/client.hpp"
#include "test_pki.hpp"
#include "test_server.hpp"

namespace coffer::client_test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

const Subject kServer{"server", "DNS:localhost,IP:127.0.0.1", "serverAuth"};
const Subject kClient{"client", "URI:spiffe://coffer.test/client"};

/// The message of the `Expected` that connecting throws.
template <class Expected>
std::string refusal(const client::Config& config) {
    client::Client client(config);
    try {
        const auto hello = client.hello();
    } catch (const Expected& error) {
        return error.what();
    } catch (const std::exception& error) {
        return "an error of another type: " + std::string(error.what());
    }
    return "no error";
}

class CertificatesTest : public testing::Test {
protected:
    TestServer& start(int verify_error = 0) {
        TestServer::Options options;
        options.handler = [](Session&, const v1::Request&) {};
        options.verify_error = verify_error;
        server = std::make_unique<TestServer>(pki, pki.issue(kServer), std::move(options));
        return *server;
    }

    TestPki pki;
    std::unique_ptr<TestServer> server;
};

TEST_F(CertificatesTest, AGoodOneIsAccepted) {
    start();
    client::Client client(pki.config(pki.issue(kClient), server->port()));
    EXPECT_EQ(client.hello().principal(), "tester");
}

TEST_F(CertificatesTest, AnExpiredOneIsCalledExpired) {
    start();
    auto subject = kClient;
    subject.begins_in_seconds = -7200;
    subject.ends_in_seconds = -3600;
    EXPECT_THAT(refusal<client::CertificateRefused>(pki.config(pki.issue(subject), server->port())),
                AllOf(HasSubstr("the server refused the client certificate"),
                      HasSubstr("certificate expired"), HasSubstr("client.crt")));
}

TEST_F(CertificatesTest, OneOfAForeignAuthorityIsCalledSo) {
    start();
    const TestPki other("other CA");
    auto config = pki.config(other.issue(kClient), server->port());
    EXPECT_THAT(refusal<client::CertificateRefused>(config),
                AllOf(HasSubstr("the server refused the client certificate"), HasSubstr("unknown CA")));
}

TEST_F(CertificatesTest, OneOfAnAuthorityWithTheSameNameIsRefused) {
    start();
    const TestPki impostor;
    EXPECT_THAT(refusal<client::CertificateRefused>(pki.config(impostor.issue(kClient), server->port())),
                HasSubstr("the server refused the client certificate"));
    auto config = pki.config(pki.issue(kClient), server->port());
    config.ca_file = impostor.ca_file();
    EXPECT_THAT(refusal<client::ServerNotTrusted>(config), HasSubstr("signature"));
}

TEST_F(CertificatesTest, ARevokedOneIsCalledRevoked) {
    start(X509_V_ERR_CERT_REVOKED);
    EXPECT_THAT(
        refusal<client::CertificateRefused>(pki.config(pki.issue(kClient), server->port())),
        AllOf(HasSubstr("the server refused the client certificate"), HasSubstr("certificate revoked")));
}

TEST_F(CertificatesTest, OneForServersIsRefused) {
    start();
    auto subject = kClient;
    subject.usage = "serverAuth";
    EXPECT_THAT(refusal<client::CertificateRefused>(pki.config(pki.issue(subject), server->port())),
                HasSubstr("the server refused the client certificate"));
}

TEST_F(CertificatesTest, ARefusalIsNotRepeated) {
    auto& running = start(X509_V_ERR_CERT_REVOKED);
    client::Client client(pki.config(pki.issue(kClient), server->port()));
    EXPECT_THROW(client.get_secret_value({}), client::CertificateRefused);
    EXPECT_EQ(running.connections(), 0);
}

TEST_F(CertificatesTest, AServerOfAForeignAuthorityIsNotTrusted) {
    start();
    const TestPki other("other CA");
    auto config = pki.config(pki.issue(kClient), server->port());
    config.ca_file = other.ca_file();
    EXPECT_THAT(refusal<client::ServerNotTrusted>(config), HasSubstr(other.ca_file().string()));
}

TEST_F(CertificatesTest, AServerOfAnotherNameIsNotTrusted) {
    start();
    auto config = pki.config(pki.issue(kClient), server->port());
    config.server_name = "coffer.example.org";
    EXPECT_THAT(refusal<client::ServerNotTrusted>(config),
                AllOf(HasSubstr("coffer.example.org"), HasSubstr("COFFER_SERVER_NAME")));
}

TEST_F(CertificatesTest, AnAddressIsCheckedAsAnAddress) {
    start();
    auto config = pki.config(pki.issue(kClient), server->port());
    config.server_name = "127.0.0.1";
    EXPECT_EQ(refusal<client::Error>(config), "no error");
    config.server_name = "127.0.0.2";
    EXPECT_THAT(refusal<client::ServerNotTrusted>(config), HasSubstr("127.0.0.2"));
}

TEST_F(CertificatesTest, AKeyThatOthersCanReadIsNotUsed) {
    start();
    const auto files = pki.issue(kClient);
    std::filesystem::permissions(files.key, std::filesystem::perms::group_read,
                                 std::filesystem::perm_options::add);
    EXPECT_THAT(refusal<client::ConfigError>(pki.config(files, server->port())),
                AllOf(HasSubstr(files.key.string()), HasSubstr("chmod 0600")));
}

TEST_F(CertificatesTest, CallsHearOfAWrongFileAtOnce) {
    start();
    auto config = pki.config(pki.issue(kClient), server->port());
    config.ca_file = pki.folder() / "none.crt";
    client::Client client(config);
    EXPECT_THROW(client.get_secret_value({}), client::ConfigError);
    EXPECT_THROW(client.get_secret_value({}), client::ConfigError);
}

TEST_F(CertificatesTest, FilesThatAreMissingOrWrongAreNamed) {
    start();
    const auto files = pki.issue(kClient);
    auto config = pki.config(files, server->port());
    config.cert_file = pki.folder() / "none.crt";
    EXPECT_THAT(refusal<client::ConfigError>(config),
                AllOf(HasSubstr("none.crt"), HasSubstr("No such file")));

    config = pki.config(files, server->port());
    config.ca_file = files.key;
    EXPECT_THAT(refusal<client::ConfigError>(config), HasSubstr("holds no certificate"));

    config = pki.config(files, server->port());
    config.key_file = pki.issue(kServer).key;
    EXPECT_THAT(refusal<client::ConfigError>(config), HasSubstr("does not belong to the client certificate"));
}

TEST_F(CertificatesTest, RenewedFilesAreUsedByTheNextConnection) {
    start();
    auto expired = kClient;
    expired.begins_in_seconds = -7200;
    expired.ends_in_seconds = -3600;
    client::Client client(pki.config(pki.issue(expired), server->port()));
    EXPECT_THROW(static_cast<void>(client.hello()), client::CertificateRefused);
    static_cast<void>(pki.issue(kClient));  // under the same names
    EXPECT_EQ(client.hello().principal(), "tester");
}

}  // namespace
}  // namespace coffer::client_test
