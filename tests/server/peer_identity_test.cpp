// From certificates, the odd ones included, to principals.

#include "daemon/server/peer_identity.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pki.hpp"

namespace coffer::testing {
namespace {

using ::testing::HasSubstr;
using Names = std::vector<std::pair<int, std::string>>;

const TestCa& authority() {
    static const TestCa ca("CA");
    return ca;
}

/// The principal, or "refused: why".
std::string principal(std::vector<std::string> common_names, Names names = {}) {
    CertificateSpec spec;
    spec.common_names = std::move(common_names);
    spec.alternative_names = std::move(names);
    const Identity identity = authority().issue(spec);
    try {
        return server::identity_of(identity.certificate.get()).name;
    } catch (const server::NoIdentity& refusal) {
        return std::string("refused: ") + refusal.what();
    }
}

std::string with_nul(std::string_view a, std::string_view b) {
    return std::string(a) + '\0' + std::string(b);
}

TEST(PeerIdentity, TheSpiffeIdComesFirst) {
    EXPECT_EQ(principal({"alice"}, {{GEN_DNS, "app.bank.example"},
                                    {GEN_EMAIL, "a@bank.example"},
                                    {GEN_URI, "https://bank.example/"},
                                    {GEN_URI, "spiffe://bank.example/app/payments"}}),
              "spiffe://bank.example/app/payments");
}

TEST(PeerIdentity, ThenDnsThenEmailThenTheCommonName) {
    EXPECT_EQ(principal({"alice"}, {{GEN_EMAIL, "a@bank.example"}, {GEN_DNS, "app.bank.example"}}),
              "app.bank.example");
    EXPECT_EQ(principal({"alice"}, {{GEN_EMAIL, "a@bank.example"}}), "a@bank.example");
    EXPECT_EQ(principal({"alice"}, {{GEN_URI, "https://bank.example/"}}), "alice");
    EXPECT_EQ(principal({"alice"}), "alice");
}

TEST(PeerIdentity, OfSeveralDnsOrEmailNamesTheFirst) {
    EXPECT_EQ(principal({"x"}, {{GEN_DNS, "one.example"}, {GEN_DNS, "two.example"}}), "one.example");
    EXPECT_EQ(principal({"x"}, {{GEN_EMAIL, "one@x.example"}, {GEN_EMAIL, "two@x.example"}}),
              "one@x.example");
}

TEST(PeerIdentity, SeveralSpiffeIdsAreRefused) {
    EXPECT_THAT(principal({"x"}, {{GEN_URI, "spiffe://a/x"}, {GEN_URI, "spiffe://a/y"}}),
                HasSubstr("several SPIFFE IDs"));
}

TEST(PeerIdentity, WhatIsNoSpiffeIdIsRefusedAndNotPassedOver) {
    for (const auto& uri :
         {std::string("spiffe:"), std::string("spiffe://"), std::string("spiffe:///path"),
          std::string("spiffe://a//b"), std::string("spiffe://a/b/"), std::string("spiffe://a/../b"),
          std::string("spiffe://a/./b"), std::string("spiffe://A/b"), std::string("spiffe://a/b?c"),
          std::string("spiffe://a/b#c"), std::string("spiffe://a:1/b"), std::string("spiffe://u@a/b"),
          std::string("spiffe://a/%41"), std::string("SPIFFE://a/b"), std::string("spiffe://a/b c"),
          with_nul("spiffe://a/b", "c"), "spiffe://a/" + std::string(2048, 'x')}) {
        EXPECT_THAT(principal({"alice"}, {{GEN_URI, uri}, {GEN_DNS, "app.example"}}), HasSubstr("refused"))
            << uri;
    }
    EXPECT_EQ(principal({"alice"}, {{GEN_URI, "spiffe://bank.example"}}), "spiffe://bank.example");
}

TEST(PeerIdentity, OddDnsNamesAreRefused) {
    for (const auto& name : {std::string(), with_nul("admin", ".evil.example"), std::string("a b"),
                             std::string("a\n"), std::string("a/b"), std::string("spiffe://a/b"),
                             std::string("\xc3\xbc.example"), std::string(2049, 'a')}) {
        EXPECT_THAT(principal({"alice"}, {{GEN_DNS, name}}), HasSubstr("refused"));
    }
}

TEST(PeerIdentity, OddEmailNamesAreRefused) {
    for (const auto& name : {std::string(), std::string("nobody"), std::string("a@b@c"), with_nul("a@b", ""),
                             std::string("a @b"), std::string("a@b\x7f")}) {
        EXPECT_THAT(principal({"alice"}, {{GEN_EMAIL, name}}), HasSubstr("refused"));
    }
}

TEST(PeerIdentity, OddCommonNamesAreRefused) {
    EXPECT_THAT(principal({}), HasSubstr("names nobody"));
    EXPECT_THAT(principal({"alice", "bob"}), HasSubstr("several common names"));
    for (const auto& name :
         {with_nul("alice", "bob"), std::string("alice\n"), std::string(" alice"), std::string("alice "),
          std::string("al\x1bice"), std::string("al\xe2\x80\x8bice"), std::string("al\xe2\x80\xaeice"),
          std::string("al\xc2\x85ice"),
          std::string("\xef\xbb\xbf"
                      "alice"),
          std::string("spiffe://bank/ops"), std::string("https://x")}) {
        EXPECT_THAT(principal({name}), HasSubstr("refused")) << name;
    }
}

TEST(PeerIdentity, CommonNamesMayBeOfAnyLanguage) {
    EXPECT_EQ(principal({"M\xc3\xbcller, Zahlungsverkehr"}), "M\xc3\xbcller, Zahlungsverkehr");
    EXPECT_EQ(principal({"\xe6\x94\xaf\xe6\x89\x95"}), "\xe6\x94\xaf\xe6\x89\x95");
}

// RFC 2253: the last part first (2.1), separators escaped (2.4).
TEST(PeerIdentity, SubjectAndIssuerAreAsRfc2253WritesThem) {
    CertificateSpec spec;
    spec.common_names = {"first", "x,O=Bank"};
    spec.alternative_names = {{GEN_DNS, "app.bank.example"}};
    const Identity identity = authority().issue(spec);
    const auto found = server::identity_of(identity.certificate.get());
    EXPECT_EQ(found.kind, access::NameKind::dns);
    EXPECT_EQ(found.name, "app.bank.example");
    EXPECT_EQ(found.subject, "CN=x\\,O=Bank,CN=first");
    EXPECT_EQ(found.issuer, "CN=CA");
}

}  // namespace
}  // namespace coffer::testing
