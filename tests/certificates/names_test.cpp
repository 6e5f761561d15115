// Names of certificates: which are names at all, and which a function may have certified.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/certificates/allowed_names.hpp"
#include "daemon/certificates/distinguished_name.hpp"
#include "daemon/certificates/subject_names.hpp"

namespace coffer::certificates {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// The message of what `f` throws; "(none)" when it throws nothing.
template <class F>
std::string message_of(const F& f) {
    try {
        f();
    } catch (const CertificateError& error) {
        return error.what();
    }
    return "(none)";
}

bool is_allowed(const std::vector<std::string>& patterns, SubjectNames names, bool wildcards = false) {
    return message_of([&] { AllowedNames(patterns, wildcards).require(checked(std::move(names))); }) ==
           "(none)";
}
bool dns_allowed(const std::string& pattern, const std::string& name, bool wildcards = false) {
    return is_allowed({pattern}, {.dns = {name}}, wildcards);
}
bool uri_allowed(const std::string& pattern, const std::string& uri) {
    return is_allowed({pattern}, {.uris = {uri}});
}
bool ip_allowed(const std::string& pattern, const std::string& ip) {
    return is_allowed({pattern}, {.ips = {ip}});
}

TEST(SubjectNames, AreBroughtIntoOneForm) {
    const auto names = checked({.common_name = "App",
                                .dns = {"B.Example.com", "a.example.com", "b.example.com"},
                                .ips = {"::0001", "10.0.0.1"},
                                .emails = {"Ops@Example.com"}});
    EXPECT_THAT(names.dns, ElementsAre("a.example.com", "b.example.com"));
    EXPECT_THAT(names.ips, ElementsAre("10.0.0.1", "::1"));
    EXPECT_THAT(names.emails, ElementsAre("Ops@example.com"));
    EXPECT_EQ(names.common_name, "App");
}

TEST(SubjectNames, WhatIsNoNameIsRefused) {
    using namespace std::string_literals;
    for (const auto& name : {""s, "."s, "a..b"s, "a.example.com."s, "-a.example.com"s, "a-.example.com"s,
                             "a_b.example.com"s, "a b.example.com"s, "a.example.com\0.evil.org"s,
                             "\xC3\xA4.example.com"s, "a.*.example.com"s, "a*.example.com"s, "*.com"s, "*"s,
                             std::string(64, 'a') + ".example.com", std::string(250, 'a') + ".com"}) {
        EXPECT_NE(message_of([&] { (void)checked({.dns = {name}}); }), "(none)") << name;
    }
    for (const auto& ip : {"10.0.0"s, "10.0.0.256"s, "10.0.0.1/8"s, "::g"s, "10.0.0.1\0x"s}) {
        EXPECT_NE(message_of([&] { (void)checked({.ips = {ip}}); }), "(none)") << ip;
    }
    for (const auto& uri :
         {"example.com/a"s, "://example.com"s, "spiffe://example.com/a/../b"s, "spiffe://example.com/%61"s,
          "https://user@example.com/"s, "https://example.com/?a=b"s, "https://example.com/#a"s, "https:///a"s,
          "https://example.com:/a"s, "HTTPS://example.com"s}) {
        EXPECT_NE(message_of([&] { (void)checked({.uris = {uri}}); }), "(none)") << uri;
    }
    for (const auto& email :
         {"a"s, "@example.com"s, "a@"s, "a b@example.com"s, "\"a\"@example.com"s, "a@b@example.com"s}) {
        EXPECT_NE(message_of([&] { (void)checked({.emails = {email}}); }), "(none)") << email;
    }
    EXPECT_THAT(message_of([] { (void)checked({}); }), HasSubstr("there is no name"));
    EXPECT_THAT(message_of([] { (void)checked({.common_name = std::string(65, 'a')}); }), HasSubstr("64"));
    EXPECT_THAT(message_of([] { (void)checked({.dns = std::vector<std::string>(101, "a.example.com")}); }),
                HasSubstr("100"));
}

TEST(SubjectNames, AreReadBackFromACertificate) {
    const auto names = checked({.common_name = "app",
                                .dns = {"a.example.com"},
                                .ips = {"10.0.0.1", "2001:db8::1"},
                                .uris = {"spiffe://example.com/app"},
                                .emails = {"ops@example.com"}});
    const CertificatePtr certificate(X509_new());
    ASSERT_EQ(X509_set_subject_name(certificate.get(), subject_of(names).get()), 1);
    ASSERT_EQ(X509_add_ext(certificate.get(), alternative_names(names).get(), -1), 1);
    EXPECT_EQ(names_of(certificate.get()), names);
    // Somebody who is more than was asked for.
    const auto more = parse_distinguished_name("O=system:masters,CN=app");
    ASSERT_EQ(X509_set_subject_name(certificate.get(), more.get()), 1);
    EXPECT_THROW((void)names_of(certificate.get()), CertificateError);
}

TEST(AllowedNames, HostNamesAreComparedLabelByLabel) {
    EXPECT_TRUE(dns_allowed("app.example.com", "app.example.com"));
    EXPECT_TRUE(dns_allowed("app.example.com", "APP.Example.COM"));
    EXPECT_FALSE(dns_allowed("app.example.com", "x.app.example.com"));
    EXPECT_TRUE(dns_allowed("*.example.com", "a.example.com"));
    EXPECT_FALSE(dns_allowed("*.example.com", "a.b.example.com"));
    EXPECT_FALSE(dns_allowed("*.example.com", "example.com"));
    EXPECT_TRUE(dns_allowed("**.example.com", "a.b.example.com"));
    EXPECT_FALSE(dns_allowed("**.example.com", "example.com"));
    // What merely looks alike.
    for (const auto* pattern : {"*.example.com", "**.example.com", "example.com"}) {
        for (const auto* name : {"evilexample.com", "x.evilexample.com", "a.example.com.evil.org",
                                 "a.examplescom.org", "a.example.co", "xn--example-abc.com"}) {
            EXPECT_FALSE(dns_allowed(pattern, name)) << pattern << " " << name;
        }
    }
}

TEST(AllowedNames, WildcardsHaveToBeAllowed) {
    EXPECT_FALSE(dns_allowed("*.example.com", "*.example.com"));
    EXPECT_TRUE(dns_allowed("*.example.com", "*.example.com", true));
    EXPECT_TRUE(dns_allowed("**.example.com", "*.example.com", true));
    EXPECT_TRUE(dns_allowed("**.example.com", "*.a.example.com", true));
    EXPECT_FALSE(dns_allowed("*.example.com", "*.a.example.com", true));
    EXPECT_FALSE(dns_allowed("a.example.com", "*.example.com", true));
    EXPECT_FALSE(dns_allowed("**.example.com", "*.evilexample.com", true));
}

TEST(AllowedNames, AddressesBelongToNetworks) {
    EXPECT_TRUE(ip_allowed("10.1.2.3", "10.1.2.3"));
    EXPECT_FALSE(ip_allowed("10.1.2.3", "10.1.2.4"));
    EXPECT_TRUE(ip_allowed("10.1.0.0/20", "10.1.15.255"));
    EXPECT_FALSE(ip_allowed("10.1.0.0/20", "10.1.16.0"));
    EXPECT_TRUE(ip_allowed("2001:db8::/33", "2001:db8:7fff::1"));
    EXPECT_FALSE(ip_allowed("2001:db8::/33", "2001:db8:8000::1"));
    EXPECT_FALSE(ip_allowed("0.0.0.0/0", "::1"));
    EXPECT_FALSE(ip_allowed("0.0.0.0/0", "::ffff:10.0.0.1"));
}

TEST(AllowedNames, UrisAreComparedSegmentBySegment) {
    EXPECT_TRUE(uri_allowed("spiffe://example.com/app/*", "spiffe://example.com/app/reader"));
    EXPECT_FALSE(uri_allowed("spiffe://example.com/app/*", "spiffe://example.com/app/reader/x"));
    EXPECT_FALSE(uri_allowed("spiffe://example.com/app/*", "spiffe://example.com/app/"));
    EXPECT_FALSE(uri_allowed("spiffe://example.com/app/*", "spiffe://example.com/application"));
    EXPECT_TRUE(uri_allowed("spiffe://example.com/app/**", "spiffe://example.com/app/a/b"));
    EXPECT_FALSE(uri_allowed("spiffe://example.com/app/**", "spiffe://example.com/app"));
    EXPECT_FALSE(uri_allowed("spiffe://example.com/app/*", "https://example.com/app/a"));
    EXPECT_FALSE(uri_allowed("spiffe://example.com/app/*", "spiffe://evil.example.com/app/a"));
    EXPECT_TRUE(uri_allowed("https://*.example.com/", "https://a.example.com/"));
    EXPECT_FALSE(uri_allowed("https://a.example.com/", "https://a.example.com:8443/"));
}

TEST(AllowedNames, MailboxesAndCommonNames) {
    EXPECT_TRUE(is_allowed({"*@example.com"}, {.emails = {"ops@example.com"}}));
    EXPECT_FALSE(is_allowed({"*@example.com"}, {.emails = {"ops@x.example.com"}}));
    EXPECT_FALSE(is_allowed({"ops@example.com"}, {.emails = {"dev@example.com"}}));
    // A host name is no permission for a mailbox there, nor the other way.
    EXPECT_FALSE(is_allowed({"**.example.com"}, {.emails = {"ops@a.example.com"}}));
    EXPECT_TRUE(is_allowed({"CN=app-*"}, {.common_name = "app-reader"}));
    EXPECT_FALSE(is_allowed({"CN=app-*"}, {.common_name = "admin"}));
    EXPECT_FALSE(is_allowed({"CN=app-*"}, {.common_name = "an app-reader"}));
    for (const auto* name : {"app-x.example.com", "app-x,O=Example", "app-a/b", "app-a=b"}) {
        EXPECT_FALSE(is_allowed({"CN=app-*"}, {.common_name = name})) << name;
    }
    EXPECT_TRUE(is_allowed({"CN=*-reader-*"}, {.common_name = "app-reader-reader-1"}));
    // What is a host's name is looked at as one.
    EXPECT_FALSE(is_allowed({"CN=www.example.com"}, {.common_name = "www.example.com"}));
    EXPECT_FALSE(is_allowed({"CN=*.*.*"}, {.common_name = "WWW.example.com"}));
    EXPECT_TRUE(is_allowed({"CN=*.example.com", "*.example.com"}, {.common_name = "www.example.com"}));
    EXPECT_FALSE(is_allowed({"CN=*.*.*.*"}, {.common_name = "10.0.0.1"}));
    EXPECT_TRUE(is_allowed({"CN=*.*.*.*", "10.0.0.0/8"}, {.common_name = "10.0.0.1"}));
    for (const auto* pattern : {"CN=", "10.1.2.3/8", "::1/64", "a*@example.com"}) {
        EXPECT_THROW((void)AllowedNames({pattern}), CertificateError) << pattern;
    }
    EXPECT_FALSE(is_allowed({"*.example.com"}, {.common_name = "a.example.com"}));
    EXPECT_TRUE(is_allowed({"*.example.com"}, {.common_name = "a.example.com", .dns = {"a.example.com"}}));
    // Each name has to be allowed.
    EXPECT_FALSE(is_allowed({"*.example.com"}, {.dns = {"a.example.com", "www.example.org"}}));
}

TEST(AllowedNames, PatternsThatAreNoneAreRefused) {
    for (const auto* pattern : {"", "*", "*.", "a.*.example.com", "app*.example.com", "A.example.com",
                                "10.0.0.0/33", "10.0.0/8", "x/8", "spiffe://example.com/a*",
                                "spiffe://example.com/**/a", "://example.com", "@example.com", "*@*"}) {
        EXPECT_THROW((void)AllowedNames({pattern}), CertificateError) << pattern;
    }
}

TEST(DistinguishedName, IsReadInItsOrder) {
    EXPECT_EQ(text_of(parse_distinguished_name("O=Example, CN=Issuing\\, CA").get()),
              "O=Example,CN=Issuing\\, CA");
    for (const auto* text : {"", "Example", "CN=", "XYZ=a", "CN=a\\", "C=too long"}) {
        EXPECT_THROW((void)parse_distinguished_name(text), CertificateError) << text;
    }
}

}  // namespace
}  // namespace coffer::certificates
