// Certificates as an authority issues them, looked at with OpenSSL's own eyes.

#include "daemon/certificates/issuing.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/certificates/distinguished_name.hpp"
#include "daemon/certificates/key_pair.hpp"
#include "daemon/certificates/requests.hpp"
#include "daemon/certificates/verification.hpp"

namespace coffer::certificates {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using ::testing::HasSubstr;

/// 2026-11-30T12:00:00Z.
const Timestamp kNow = Timestamp::from_millis(1'796'040'000'000);

Bytes random_bytes(std::uint8_t first) {
    Bytes bytes(kSerialBytes, 0x11);
    bytes.front() = first;
    return bytes;
}

struct TestAuthority {
    KeyPtr key = make_key_pair(KeyType::ec_p384);
    CertificatePtr certificate;

    explicit TestAuthority(std::chrono::hours life = hours(24 * 365),
                           const char* subject = "O=Example,CN=Test CA") {
        certificate = self_signed_authority(parse_distinguished_name(subject).get(), key.get(),
                                            {kNow - hours(1), kNow + life}, serial_from(random_bytes(1)));
    }
    [[nodiscard]] CertificatePtr issue(const SubjectNames& names, const EVP_PKEY* subject_key,
                                       std::int64_t days = 30) const {
        return certificates::issue({.names = names,
                                    .validity = validity_under(certificate.get(), kNow, days),
                                    .serial = serial_from(random_bytes(0xFF)),
                                    .crl_url = "http://crl.example.com/crl/a,b.crl"},
                                   subject_key, certificate.get(), key.get());
    }
    [[nodiscard]] Chain chain() const {
        Chain chain;
        X509_up_ref(certificate.get());
        chain.emplace_back(certificate.get());
        return chain;
    }
};

const SubjectNames kAppNames = checked({.common_name = "app", .dns = {"app.example.com"}});

std::string why_not(const X509* certificate, const EVP_PKEY* key, const TestAuthority& authority,
                    Expectation expected) {
    try {
        require_as_expected(certificate, key, authority.chain(), authority.chain(), expected);
    } catch (const CertificateError& error) {
        return error.what();
    }
    return "";
}

TEST(Issuing, SerialNumbersArePositiveAndOf159Bits) {
    const auto serial = serial_from(random_bytes(0xFF));
    EXPECT_EQ(serial.size(), 20U);
    EXPECT_EQ(serial.front(), 0x7F);
    EXPECT_THROW((void)serial_from(Bytes(20, 0)), CertificateError);
    EXPECT_THROW((void)serial_from(Bytes(19, 1)), CertificateError);
}

TEST(Issuing, NeverOutlivesTheAuthority) {
    const TestAuthority authority(hours(24 * 10));
    const auto within = validity_under(authority.certificate.get(), kNow, 5);
    EXPECT_EQ(within.not_before, kNow - minutes(5));
    EXPECT_EQ(within.not_after, kNow + hours(24 * 5));
    EXPECT_EQ(validity_under(authority.certificate.get(), kNow, 30).not_after, kNow + hours(24 * 10));
    EXPECT_THROW((void)validity_under(authority.certificate.get(), kNow + hours(24 * 10) - minutes(59), 5),
                 CertificateError);
    // Nor begins before it.
    EXPECT_EQ(validity_under(authority.certificate.get(), kNow - minutes(58), 5).not_before, kNow - hours(1));
}

TEST(Issuing, HasWhatRfc5280Asks) {
    const TestAuthority authority;
    const auto key = make_key_pair(KeyType::rsa_2048);
    const auto made = authority.issue(kAppNames, key.get());
    auto* certificate = made.get();
    EXPECT_EQ(X509_get_version(certificate), X509_VERSION_3);
    EXPECT_EQ(X509_check_ca(certificate), 0);
    EXPECT_EQ(X509_verify(certificate, authority.key.get()), 1);
    EXPECT_EQ(X509_get_signature_nid(certificate), NID_ecdsa_with_SHA384);
    EXPECT_EQ(X509_check_issued(authority.certificate.get(), certificate), X509_V_OK);
    EXPECT_EQ(X509_check_host(certificate, "app.example.com", 0, 0, nullptr), 1);
    EXPECT_EQ(X509_check_host(certificate, "example.com", 0, 0, nullptr), 0);
    EXPECT_EQ(X509_get_key_usage(certificate), std::uint32_t{KU_DIGITAL_SIGNATURE | KU_KEY_ENCIPHERMENT});
    EXPECT_EQ(X509_get_extended_key_usage(certificate), std::uint32_t{XKU_SSL_SERVER | XKU_SSL_CLIENT});
    EXPECT_EQ(ASN1_OCTET_STRING_cmp(X509_get0_authority_key_id(certificate),
                                    X509_get0_subject_key_id(authority.certificate.get())),
              0);
    EXPECT_NE(X509_get0_subject_key_id(certificate), nullptr);
    // A comma in an address is part of it.
    const std::unique_ptr<CRL_DIST_POINTS, FreeWith<CRL_DIST_POINTS_free>> points(
        static_cast<CRL_DIST_POINTS*>(
            X509_get_ext_d2i(certificate, NID_crl_distribution_points, nullptr, nullptr)));
    ASSERT_TRUE(points);
    ASSERT_EQ(sk_DIST_POINT_num(points.get()), 1);
    const auto* names = sk_DIST_POINT_value(points.get(), 0)->distpoint->name.fullname;
    ASSERT_EQ(sk_GENERAL_NAME_num(names), 1);
    const auto* url = sk_GENERAL_NAME_value(names, 0)->d.uniformResourceIdentifier;
    EXPECT_EQ(std::string(reinterpret_cast<const char*>(ASN1_STRING_get0_data(url))),
              "http://crl.example.com/crl/a,b.crl");
}

TEST(Issuing, NamesOfAnEmptySubjectAreCritical) {
    const TestAuthority authority;
    const auto key = make_key_pair(KeyType::ec_p256);
    const auto critical = [&](const SubjectNames& names) {
        const auto made = authority.issue(names, key.get());
        const int at = X509_get_ext_by_NID(made.get(), NID_subject_alt_name, -1);
        return X509_EXTENSION_get_critical(X509_get_ext(made.get(), at));
    };
    EXPECT_EQ(critical(checked({.dns = {"app.example.com"}})), 1);
    EXPECT_EQ(critical(kAppNames), 0);
}

TEST(Issuing, AnAuthorityIsOneToIssueWith) {
    const TestAuthority authority;
    EXPECT_NO_THROW(require_authority(authority.certificate.get()));
    EXPECT_EQ(X509_check_ca(authority.certificate.get()), 1);
    const auto key = make_key_pair(KeyType::ec_p256);
    EXPECT_THROW(require_authority(authority.issue(kAppNames, key.get()).get()), CertificateError);
}

TEST(Issuing, AnAuthoritysRsaKeyIsLongEnough) {
    const auto authority_of = [](unsigned bits) {
        const KeyPtr key(EVP_RSA_gen(bits));
        return self_signed_authority(parse_distinguished_name("CN=RSA").get(), key.get(),
                                     {kNow - hours(1), kNow + hours(24)}, Bytes{1});
    };
    EXPECT_THROW(require_authority(authority_of(1024).get()), CertificateError);
    EXPECT_NO_THROW(require_authority(authority_of(2048).get()));
}

TEST(Verification, UsesAreExactlyThoseAskedFor) {
    const TestAuthority authority;
    const auto key = make_key_pair(KeyType::ec_p256);
    const auto with_uses = [&](const Usages& usages) {
        return certificates::issue({.names = kAppNames,
                                    .usages = usages,
                                    .validity = validity_under(authority.certificate.get(), kNow, 30),
                                    .serial = serial_from(random_bytes(0x7E))},
                                   key.get(), authority.certificate.get(), authority.key.get());
    };
    const Usages kinds[] = {{.server = true, .client = true},
                            {.server = true, .client = false},
                            {.server = false, .client = true}};
    for (const auto& issued : kinds) {
        for (const auto& asked : kinds) {
            const Expectation expected{.names = kAppNames, .usages = asked, .now = kNow};
            const bool same = issued.server == asked.server && issued.client == asked.client;
            EXPECT_EQ(why_not(with_uses(issued).get(), key.get(), authority, expected).empty(), same);
        }
    }
}

TEST(Verification, TakesWhatWasAskedForAlone) {
    const TestAuthority authority;
    const auto key = make_key_pair(KeyType::ec_p256);
    const auto made = authority.issue(kAppNames, key.get());
    const Expectation expected{.names = kAppNames, .now = kNow};
    EXPECT_EQ(why_not(made.get(), key.get(), authority, expected), "");
    EXPECT_THAT(why_not(made.get(), make_key_pair(KeyType::ec_p256).get(), authority, expected),
                HasSubstr("private key"));
    const TestAuthority other(hours(24 * 365), "O=Example,CN=Other CA");
    EXPECT_THAT(why_not(made.get(), key.get(), other, expected), HasSubstr("does not lead"));
    // Of the same name, with another key.
    EXPECT_THAT(why_not(made.get(), key.get(), TestAuthority(), expected), HasSubstr("does not lead"));
    auto changed = expected;
    changed.names = checked({.common_name = "app", .dns = {"app.example.com", "b.example.com"}});
    EXPECT_THAT(why_not(made.get(), key.get(), authority, changed), HasSubstr("other names"));
    changed = expected;
    changed.now = kNow + hours(24 * 31);
    EXPECT_THAT(why_not(made.get(), key.get(), authority, changed), HasSubstr("not now"));
    changed = expected;
    changed.latest_end = kNow + hours(24 * 29);
    EXPECT_THAT(why_not(made.get(), key.get(), authority, changed), HasSubstr("too late"));
    EXPECT_THAT(why_not(authority.certificate.get(), authority.key.get(), authority, expected),
                HasSubstr("is a CA's"));
}

TEST(KeyPairs, GoToPemAndBack) {
    for (const auto& each : kKeyTypes) {
        if (each.type == KeyType::rsa_4096) continue;  // takes seconds
        const auto key = make_key_pair(each.type);
        EXPECT_TRUE(is_of(key.get(), each.type)) << each.name;
        const auto pem = private_key_pem(key.get());
        EXPECT_TRUE(pem.text().starts_with("-----BEGIN PRIVATE KEY-----\n")) << each.name;
        EXPECT_EQ(EVP_PKEY_eq(parse_private_key(pem.text()).get(), key.get()), 1) << each.name;
    }
    EXPECT_FALSE(is_of(make_key_pair(KeyType::ec_p384).get(), KeyType::ec_p256));
    EXPECT_THROW((void)parse_private_key("no key"), CertificateError);
}

TEST(Requests, AskForTheNames) {
    const auto key = make_key_pair(KeyType::ec_p256);
    const auto request = make_request(key.get(), kAppNames, {});
    EXPECT_EQ(X509_REQ_verify(request.get(), key.get()), 1);
    const auto pem = pem_of(request.get());
    EXPECT_THAT(pem, HasSubstr("-----BEGIN CERTIFICATE REQUEST-----"));
}

TEST(Pem, SeveralCertificatesAndWhatIsNone) {
    const TestAuthority authority;
    const auto text = pem_of(authority.certificate.get());
    EXPECT_EQ(parse_certificates("a comment\n" + text + "another\n" + text).size(), 2U);
    EXPECT_THROW((void)parse_certificates(""), CertificateError);
    EXPECT_THROW((void)parse_certificates(text.substr(0, text.size() / 2)), CertificateError);
    std::string many;
    for (int i = 0; i < 17; ++i) many += text;
    EXPECT_THROW((void)parse_certificates(many), CertificateError);
}

}  // namespace
}  // namespace coffer::certificates
