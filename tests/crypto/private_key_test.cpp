// The daemon's TLS key in the token: real handshakes, before, during and after failures of the token.

#include "crypto/private_key.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <memory>
#include <thread>
#include <vector>

#include "crypto/attributes.hpp"
#include "crypto/hsm_impl.hpp"
#include "crypto/key_names.hpp"
#include "crypto/key_ring.hpp"
#include "daemon/base/free_with.hpp"
#include "tests/crypto/shim_test.hpp"

namespace coffer::crypto {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::TestHsm;

using X509Ptr = std::unique_ptr<X509, FreeWith<X509_free>>;
using ContextPtr = std::unique_ptr<SSL_CTX, FreeWith<SSL_CTX_free>>;
using SslPtr = std::unique_ptr<SSL, FreeWith<SSL_free>>;

constexpr auto kKeyUriEnd = ";object=coffer%2Faudit%2F1";

/// The public half of the token's EC key, read from its CKA_EC_POINT (an OCTET STRING around the point).
EvpPkeyPtr public_key(const Session& session) {
    const auto keys = find_keys(session);
    auto point = read_attribute(session, keys.audit_key()->public_key.value(), CKA_EC_POINT).value();
    if (point.size() == 67) point.erase(point.begin(), point.begin() + 2);
    EvpPkeyPtr key(EVP_PKEY_new());
    std::unique_ptr<EVP_PKEY_CTX, FreeWith<EVP_PKEY_CTX_free>> context(
        EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
    std::string group = "prime256v1";
    const std::array params = {OSSL_PARAM_construct_utf8_string("group", group.data(), 0),
                               OSSL_PARAM_construct_octet_string("pub", point.data(), point.size()),
                               OSSL_PARAM_construct_end()};
    auto* raw = key.release();
    EXPECT_EQ(EVP_PKEY_fromdata_init(context.get()), 1);
    EXPECT_EQ(
        EVP_PKEY_fromdata(context.get(), &raw, EVP_PKEY_PUBLIC_KEY, const_cast<OSSL_PARAM*>(params.data())),
        1);
    key.reset(raw);
    return key;
}

/// A certificate for `key`, signed by a key made for the purpose.
X509Ptr certificate_for(EVP_PKEY* key) {
    const EvpPkeyPtr issuer(EVP_EC_gen("P-256"));
    X509Ptr certificate(X509_new());
    X509_set_version(certificate.get(), 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -60);
    X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
    EXPECT_EQ(X509_set_pubkey(certificate.get(), key), 1);
    EXPECT_GT(X509_sign(certificate.get(), issuer.get(), EVP_sha256()), 0);
    return certificate;
}

/// Whether a TLS 1.3 handshake with `server` comes about, over memory.
bool handshake(SSL_CTX* server_context) {
    const ContextPtr client_context(SSL_CTX_new(TLS_client_method()));
    const SslPtr server(SSL_new(server_context));
    const SslPtr client(SSL_new(client_context.get()));
    BIO* a = nullptr;
    BIO* b = nullptr;
    BIO_new_bio_pair(&a, 0, &b, 0);
    SSL_set_bio(server.get(), a, a);
    SSL_set_bio(client.get(), b, b);
    SSL_set_accept_state(server.get());
    SSL_set_connect_state(client.get());
    for (int i = 0; i < 10; ++i) {
        const int c = SSL_do_handshake(client.get());
        const int s = SSL_do_handshake(server.get());
        if (c == 1 && s == 1) return true;
    }
    return false;
}

class PrivateKeyTest : public testing::ShimTest {
protected:
    [[nodiscard]] static std::string key_uri() { return token().uri() + kKeyUriEnd; }

    /// A certificate for the token's key.
    [[nodiscard]] static X509Ptr certificate(TestHsm& hsm) {
        const auto key = wait_for<std::shared_ptr<EVP_PKEY>>([&](Completion<std::shared_ptr<EVP_PKEY>> done) {
            hsm.hsm().impl().submit<std::shared_ptr<EVP_PKEY>>({}, std::move(done), [](HsmContext& context) {
                return std::shared_ptr<EVP_PKEY>(public_key(context.session()));
            });
        });
        return certificate_for(key.get());
    }

    [[nodiscard]] static ContextPtr server_context(TestHsm& hsm) {
        const auto own = certificate(hsm);
        const auto key = private_key_from_token(hsm.hsm(), key_uri(), own.get(), KeyPurpose::tls);
        ContextPtr context(SSL_CTX_new(TLS_server_method()));
        SSL_CTX_set_min_proto_version(context.get(), TLS1_3_VERSION);
        EXPECT_EQ(SSL_CTX_use_certificate(context.get(), own.get()), 1);
        EXPECT_EQ(SSL_CTX_use_PrivateKey(context.get(), key.get()), 1);
        return context;
    }
};

TEST_F(PrivateKeyTest, ServesHandshakes) {
    TestHsm hsm(config());
    const auto context = server_context(hsm);
    for (int i = 0; i < 5; ++i) EXPECT_TRUE(handshake(context.get()));
    EXPECT_TRUE(hsm.observer().recoveries().empty());
}

TEST_F(PrivateKeyTest, OutlivesEveryRecovery) {
    TestHsm hsm(config());
    const auto context = server_context(hsm);
    for (const auto* how : {"", "until-initialize", "", "until-initialize"}) {
        EXPECT_TRUE(handshake(context.get()));
        shim().power_cycle(how);
        EXPECT_TRUE(handshake(context.get())) << how;  // the handshake is the first to notice
        shim().power_cycle(how);
        EXPECT_TRUE(hsm.hsm().seals().check({1}, hsm.hsm().seals().make({1}, {}), {}));
        EXPECT_TRUE(handshake(context.get())) << how;  // the executor was
    }
    EXPECT_TRUE(hsm.hsm().status().ready);
}

TEST_F(PrivateKeyTest, SeveralThreadsWhileTheTokenIsPowerCycled) {
    TestHsm hsm(config_with_threads(2));
    const auto context = server_context(hsm);
    std::atomic<int> good = 0;
    std::vector<std::thread> clients;
    for (int t = 0; t < 3; ++t) {
        clients.emplace_back([&] {
            for (int i = 0; i < 20; ++i) good += handshake(context.get()) ? 1 : 0;
        });
    }
    for (int i = 0; i < 5; ++i) {
        shim().power_cycle(i % 2 == 0 ? "" : "until-initialize");
        (void)hsm.hsm().seals().make({1}, {});
    }
    for (auto& client : clients) client.join();
    EXPECT_GT(good, 0);
    EXPECT_TRUE(handshake(context.get()));
}

TEST_F(PrivateKeyTest, FailsCleanlyWhenTheTokenIsAwayOrClosed) {
    auto impatient = config();
    impatient.signing_patience = std::chrono::milliseconds(500);
    TestHsm hsm(impatient);
    const auto context = server_context(hsm);
    shim().set("fail * CKR_DEVICE_ERROR");
    EXPECT_FALSE(handshake(context.get()));
    shim().set("");
    testing::wait_until([&] { return hsm.hsm().status().ready; });
    EXPECT_TRUE(handshake(context.get()));
    hsm.hsm().close();
    EXPECT_FALSE(handshake(context.get()));
}

TEST_F(PrivateKeyTest, RefusesAKeyThatIsNotTheCertificates) {
    TestHsm hsm(config());
    const EvpPkeyPtr other(EVP_EC_gen("P-256"));
    const auto foreign = certificate_for(other.get());
    const auto message_of = [&](const std::string& uri) -> std::string {
        try {
            (void)private_key_from_token(hsm.hsm(), uri, foreign.get(), KeyPurpose::tls);
        } catch (const Error& e) {
            return e.what();
        }
        return "";
    };
    EXPECT_THAT(message_of(key_uri()), HasSubstr("is not that of the key"));
    EXPECT_THAT(message_of(token().uri() + ";object=nothing"), HasSubstr("0 private keys"));
    EXPECT_THAT(message_of(token().uri()), HasSubstr("object="));
}

TEST_F(PrivateKeyTest, RefusesAKeyThatTheTokenCannotSignWith) {
    TestHsm hsm(config());
    const auto own = certificate(hsm);
    const auto refusal = [&](KeyPurpose purpose) -> std::string {
        try {
            (void)private_key_from_token(hsm.hsm(), key_uri(), own.get(), purpose);
        } catch (const Error& e) {
            return e.what();
        }
        return "";
    };
    EXPECT_EQ(refusal(KeyPurpose::tls), "");
    EXPECT_EQ(refusal(KeyPurpose::certificates), "");
    shim().set("hide-mechanism CKM_ECDSA");
    EXPECT_THAT(refusal(KeyPurpose::tls), AllOf(HasSubstr("CKM_ECDSA"), HasSubstr("TLS handshakes")));
    EXPECT_THAT(refusal(KeyPurpose::certificates),
                AllOf(HasSubstr("CKM_ECDSA"), HasSubstr("revocation lists"), HasSubstr("use another token")));
    // One that is listed and does not work.
    shim().set("fail C_SignInit CKR_KEY_FUNCTION_NOT_PERMITTED");
    EXPECT_THAT(refusal(KeyPurpose::tls), HasSubstr("does not sign"));
    shim().set("");
    testing::wait_until([&] { return hsm.hsm().status().ready; });
    EXPECT_EQ(refusal(KeyPurpose::tls), "");
}

TEST_F(PrivateKeyTest, PemFilesMustBePrivate) {
    const auto file = token().dir() / "key.pem";
    const EvpPkeyPtr key(EVP_EC_gen("P-256"));
    std::unique_ptr<BIO, FreeWith<BIO_free>> out(BIO_new_file(file.c_str(), "w"));
    ASSERT_EQ(PEM_write_bio_PrivateKey(out.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr), 1);
    out.reset();
    using std::filesystem::perms;
    std::filesystem::permissions(file, perms::owner_read | perms::owner_write);
    EXPECT_EQ(EVP_PKEY_eq(private_key_from_pem(file).get(), key.get()), 1);
    std::filesystem::permissions(file, perms::owner_read | perms::owner_write | perms::group_read);
    EXPECT_THROW((void)private_key_from_pem(file), Error);
    std::filesystem::permissions(file, perms::owner_read | perms::owner_write);
    std::ofstream(file, std::ios::trunc) << "no key";
    EXPECT_THROW((void)private_key_from_pem(file), Error);
    EXPECT_THROW((void)private_key_from_pem(token().dir() / "absent.pem"), Error);
}

}  // namespace
}  // namespace coffer::crypto
