// Authorities whose keys are in a real token, and their revocation lists in a real database.

#include "daemon/certificates/authority.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <fstream>
#include <pqxx/pqxx>

#include "authority_fixture.hpp"
#include "crypto/authority_key.hpp"
#include "crypto/hsm_impl.hpp"
#include "crypto/key_names.hpp"
#include "crypto/objects.hpp"
#include "crypto/pkcs11_error.hpp"
#include "daemon/certificates/distinguished_name.hpp"
#include "daemon/certificates/key_pair.hpp"
#include "daemon/certificates/pem.hpp"
#include "daemon/certificates/revocation_lists.hpp"
#include "daemon/certificates/verification.hpp"

namespace coffer::certificates {
namespace {

using std::chrono::hours;
using ::testing::HasSubstr;

constexpr std::array kNames = {"p256", "p384", "rsa"};

void require_hidden(const crypto::Session& session, const std::string& name) {
    const auto label = crypto::authority_key_label(name);
    crypto::Template wanted;
    wanted.number(CKA_CLASS, CKO_PRIVATE_KEY).text(CKA_LABEL, label);
    const auto found = crypto::find_objects(session, wanted);
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(crypto::read_boolean(session, found[0], CKA_SENSITIVE), true);
    EXPECT_EQ(crypto::read_boolean(session, found[0], CKA_EXTRACTABLE), false);
    const auto secret = name == "rsa" ? CKA_PRIVATE_EXPONENT : CKA_VALUE;
    EXPECT_FALSE(crypto::read_attribute(session, found[0], secret).has_value());
}

/// Keys of three authorities in the token, with their certificates beside it.
void bring_authorities(const crypto::Session& session, const testing::TestToken& token) {
    const std::array types = {KeyType::ec_p256, KeyType::ec_p384, KeyType::rsa_3072};
    const auto now = secrets::TestClock().now();
    for (std::size_t i = 0; i < kNames.size(); ++i) {
        const std::string name = kNames[i];
        const auto key = make_key_pair(types[i]);
        const auto subject = parse_distinguished_name("O=Example,CN=" + name);
        const auto made = self_signed_authority(subject.get(), key.get(),
                                                {now - hours(1), now + hours(24 * 365)}, Bytes{1});
        std::ofstream(token.dir() / (name + ".pem")) << pem_of(made.get());
        crypto::import_authority_key(session, name, key.get(), [] {});
        require_hidden(session, name);
        EXPECT_THROW(crypto::import_authority_key(session, name, key.get(), [] {}), Error)
            << "never made over";
    }
    // Nothing is left of a key that was not to be kept.
    EXPECT_THROW(crypto::make_authority_key(session, "gone", crypto::AuthorityKeyType::ec_p256,
                                            [] { throw Error("no"); }),
                 Error);
    EXPECT_NO_THROW(crypto::make_authority_key(session, "gone", crypto::AuthorityKeyType::ec_p256, [] {}));
}

const bool kPrepared = (secrets::Environment::prepare_token = bring_authorities, true);

TEST_F(AuthorityTest, IssuesWithEachKindOfKey) {
    const auto names = checked({.dns = {"app.example.com"}});
    for (const auto* name : kNames) {
        const auto issuer = authority(name);
        const auto key = make_key_pair(KeyType::ec_p256);
        const auto made = issuer->issue(names, {}, key.get(), now(), 30, Bytes(kSerialBytes, 0x55));
        EXPECT_NO_THROW(
            require_as_expected(made.get(), key.get(), {}, issuer->chain(), {.names = names, .now = now()}))
            << name;
        const auto list = issuer->next_list(nullptr, {}, now(), [](const Bytes&) { return std::nullopt; });
        EXPECT_NO_THROW(require_list_of(list.get(), issuer->certificate())) << name;
    }
}

TEST_F(AuthorityTest, SignsThroughRecoveries) {
    const auto issuer = authority("p256");
    const auto names = checked({.dns = {"app.example.com"}});
    const auto key = make_key_pair(KeyType::ec_p256);
    for (const CK_RV code : {CKR_SESSION_HANDLE_INVALID, CKR_USER_NOT_LOGGED_IN, CKR_DEVICE_REMOVED}) {
        const auto epoch = hsm().status().epoch;
        const auto failures = std::make_shared<int>(2);
        const JobOptions options{Priority::read, std::chrono::steady_clock::now() + std::chrono::seconds(30)};
        (void)wait_for<Done>([&](Completion<Done> done) {
            hsm().impl().submit<Done>(options, std::move(done), [failures, code](crypto::HsmContext&) {
                if ((*failures)-- > 0) throw crypto::Pkcs11Error("C_Sign", code);
                return Done{};
            });
        });
        EXPECT_GT(hsm().status().epoch, epoch);
        const auto made = issuer->issue(names, {}, key.get(), now(), 30, Bytes(kSerialBytes, 0x55));
        EXPECT_EQ(X509_verify(made.get(), X509_get0_pubkey(issuer->certificate())), 1)
            << crypto::code_name(code);
    }
}

TEST_F(AuthorityTest, TheCertificateMustBeTheKeys) {
    AuthoritySettings settings;
    settings.name = "p256";
    settings.certificate = file("p384.pem");
    try {
        (void)Authority(settings, hsm());
        FAIL() << "should have been refused";
    } catch (const Error& error) {
        EXPECT_THAT(error.what(), HasSubstr("\"p256\""));
        EXPECT_THAT(error.what(), HasSubstr("not that of the key"));
    }
    settings.name = "absent";
    EXPECT_THROW((void)Authority(settings, hsm()), Error);
    settings.certificate = file("absent.pem");
    EXPECT_THROW((void)Authority(settings, hsm()), Error);
}

TEST_F(AuthorityTest, ListsGrowAndForgetNothing) {
    const auto issuer = authority("p256");
    RevocationLists lists({issuer}, kAnyTime);
    EXPECT_FALSE(lists.newest("p256"));
    EXPECT_TRUE(lists.adopt(*issuer, next(lists, *issuer, {revoked(2)}).list));
    const auto first = *lists.newest("p256");
    EXPECT_EQ(revoked_in(first), "02");
    EXPECT_TRUE(lists.adopt(*issuer, next(lists, *issuer, {revoked(3)}).list));
    // An older one is not gone back to.
    EXPECT_TRUE(lists.adopt(*issuer, first));
    EXPECT_EQ(revoked_in(*lists.newest("p256")), "02 03");
    // Put back in the database, or gone there: this node goes on from what it has seen.
    execute("UPDATE certificate_revocation_lists SET list = decode('" + to_hex(first) + "', 'hex')");
    EXPECT_EQ(revoked_in(next(lists, *issuer, {}).list), "02 03");
    execute("TRUNCATE certificate_revocation_lists");
    EXPECT_EQ(revoked_in(next(lists, *issuer, {revoked(4)}).list), "02 03 04");
    // So does one that starts, where there is a file.
    const auto with_file = authority("p256", "p256.crl");
    const auto newest = *lists.newest("p256");
    std::ofstream(file("p256.crl"), std::ios::binary)
        .write(reinterpret_cast<const char*>(newest.data()), static_cast<std::streamsize>(newest.size()));
    execute("TRUNCATE certificate_revocation_lists");
    const RevocationLists later({with_file}, kAnyTime);
    EXPECT_EQ(revoked_in(next(later, *with_file, {}).list), "02 03");
}

TEST_F(AuthorityTest, AListOfSomebodyElsesIsNotBelieved) {
    const auto issuer = authority("p256");
    const auto other = authority("p384");
    RevocationLists lists({issuer, other}, kAnyTime);
    const auto theirs = next(lists, *other, {revoked(9)}).list;
    EXPECT_FALSE(lists.adopt(*issuer, theirs));
    static_cast<void>(next(lists, *issuer, {revoked(2)}));
    execute("UPDATE certificate_revocation_lists SET list = decode('" + to_hex(theirs) +
            "', 'hex') WHERE authority = 'p256'");
    EXPECT_THROW((void)next(lists, *issuer, {}), IntegrityError);
}

TEST_F(AuthorityTest, WhatTheDatabaseSaysIsRevokedIsOnTheList) {
    const auto issuer = authority("rsa");
    const RevocationLists lists({issuer}, kAnyTime);
    execute(
        "INSERT INTO issued_certificates (authority, issuer, serial, function, secret_arn, secret_name, "
        "version_id, "
        "names, issued, "
        "not_before, not_after, revoke_superseded, revoked, reason) VALUES ('rsa', '', '0abc', 'f', 'arn', "
        "'n', "
        "'v', 'x', now(), "
        "now(), now() + interval '30 days', false, now(), 'keyCompromise')");
    EXPECT_EQ(revoked_in(next(lists, *issuer, {}).list), "0abc");
}

TEST_F(AuthorityTest, RowsThatAreAlteredUnRevokeNothing) {
    const auto issuer = authority("p256");
    RevocationLists lists({issuer}, kAnyTime);
    execute(
        "INSERT INTO issued_certificates (authority, issuer, serial, function, secret_arn, secret_name, "
        "version_id, names, issued, not_before, not_after, revoke_superseded, revoked, reason) VALUES "
        "('p256', "
        "'', '0abc', 'f', 'arn', 'n', 'v', 'x', now(), now(), now() + interval '30 days', false, now(), "
        "'keyCompromise')");
    lists.adopt_made(*issuer, next(lists, *issuer, {{Bytes{0x0A, 0xBC}, now()}}).list);
    // Its certificate has not ended; the row says that it has, long ago.
    execute(
        "UPDATE issued_certificates SET not_after = '2001-01-01', not_before = '2000-01-01', revoked = "
        "'2000-06-01'");
    environment().clock().advance(hours(24));
    lists.adopt_made(*issuer, next(lists, *issuer, {}).list);
    environment().clock().advance(hours(24));
    EXPECT_EQ(revoked_in(next(lists, *issuer, {}).list), "0abc");
    // After 397 days and two more, the longest life, no certificate that was there then can be good.
    environment().clock().advance(hours(24 * 400));
    lists.adopt_made(*issuer, next(lists, *issuer, {}).list);
    environment().clock().advance(hours(1));
    EXPECT_EQ(revoked_in(next(lists, *issuer, {}).list), "");
}

TEST_F(AuthorityTest, ListsThatDivergedBecomeOne) {
    const auto issuer = authority("p256");
    RevocationLists one({issuer}, kAnyTime);
    RevocationLists other({issuer}, kAnyTime);
    one.adopt_made(*issuer, next(one, *issuer, {revoked(2)}).list);
    // The database is put back to before that, and another node goes on from there.
    execute("TRUNCATE certificate_revocation_lists");
    environment().clock().advance(hours(1));
    const auto theirs = next(other, *issuer, {revoked(3)}).list;
    other.adopt_made(*issuer, theirs);
    one.adopt_made(*issuer, theirs);
    EXPECT_EQ(one.newest("p256"), theirs);
    EXPECT_TRUE(one.is_revoked("p256", Bytes{2})) << "no list has it, but one had";
    EXPECT_TRUE(one.is_ahead_of("p256", storage::StoredRevocationList{theirs, now()}));
    EXPECT_FALSE(other.is_ahead_of("p256", storage::StoredRevocationList{theirs, now()}));
    const auto merged = next(one, *issuer, {}).list;
    EXPECT_EQ(revoked_in(merged), "02 03");
    one.adopt_made(*issuer, merged);
    EXPECT_FALSE(one.is_ahead_of("p256", storage::StoredRevocationList{merged, now()}));
    // Also when the node has not adopted what is in the database.
    execute("UPDATE certificate_revocation_lists SET list = decode('" + to_hex(theirs) + "', 'hex')");
    EXPECT_EQ(revoked_in(next(one, *issuer, {revoked(4)}).list), "02 03 04");
}

TEST_F(AuthorityTest, FilesAreTakenInEitherFormAndNothingElseIs) {
    const auto issuer = authority("p256");
    RevocationLists lists({issuer}, kAnyTime);
    const auto list = next(lists, *issuer, {revoked(2)}).list;
    const auto with_file = authority("p256", "either.crl");
    std::ofstream(file("either.crl")) << pem_of(parse_crl(list).get());
    EXPECT_EQ(RevocationLists({with_file}, kAnyTime).newest("p256"), list);
    std::ofstream(file("either.crl")) << "something of somebody's";
    try {
        (void)RevocationLists({with_file}, kAnyTime);
        FAIL() << "should have been refused";
    } catch (const Error& error) {
        EXPECT_THAT(error.what(), HasSubstr("either.crl"));
        EXPECT_THAT(error.what(), HasSubstr("not overwritten"));
    }
    std::filesystem::remove(file("either.crl"));
}

TEST_F(AuthorityTest, AClockThatIsFarFromTheDatabasesSignsNothing) {
    const auto issuer = authority("p256");
    const RevocationLists lists({issuer}, std::chrono::milliseconds(0));
    environment().clock().advance(hours(1));
    try {
        (void)next(lists, *issuer, {});
        FAIL() << "should have been refused";
    } catch (const Error& error) {
        EXPECT_THAT(error.what(), HasSubstr("too far apart"));
    }
}

}  // namespace
}  // namespace coffer::certificates
