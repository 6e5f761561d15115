// Revocation lists: what was revoked stays so, and is left out when RFC 5280 lets it.

#include "daemon/certificates/revocation_list.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "daemon/certificates/distinguished_name.hpp"
#include "daemon/certificates/issuing.hpp"
#include "daemon/certificates/key_pair.hpp"
#include "daemon/certificates/pem.hpp"

namespace coffer::certificates {
namespace {

using std::chrono::hours;

/// 2026-11-30T12:00:00Z.
const Timestamp kStart = Timestamp::from_millis(1'796'040'000'000);
constexpr hours kDay{24};

struct Signer {
    KeyPtr key = make_key_pair(KeyType::ec_p256);
    CertificatePtr certificate =
        self_signed_authority(parse_distinguished_name("CN=Test CA").get(), key.get(),
                              {kStart - kDay, kStart + 365 * kDay}, Bytes{1});
    std::map<Bytes, Timestamp> ends{};
    hours longest_life = kDay;

    CrlPtr next(const X509_CRL* previous, const std::vector<Revocation>& added, Timestamp now) const {
        return make_list(previous, added, {now, now + 7 * kDay},
                         {[this](const Bytes& serial) -> std::optional<Timestamp> {
                              const auto found = ends.find(serial);
                              if (found == ends.end()) return std::nullopt;
                              return found->second;
                          },
                          longest_life},
                         {certificate.get(), key.get()});
    }
};

std::vector<Bytes> serials_of(const CrlPtr& list) {
    std::vector<Bytes> serials;
    for (const auto& each : revocations_of(list.get())) serials.push_back(each.serial);
    std::ranges::sort(serials);
    return serials;
}

TEST(RevocationList, IsOneThatOpensslTakes) {
    const Signer signer;
    const auto list =
        signer.next(nullptr, {{Bytes{0x7F, 2}, kStart, RevocationReason::key_compromise}}, kStart);
    EXPECT_EQ(X509_CRL_get_version(list.get()), X509_CRL_VERSION_2);
    EXPECT_EQ(X509_CRL_verify(list.get(), signer.key.get()), 1);
    EXPECT_EQ(times_of(list.get()).this_update, kStart);
    EXPECT_EQ(times_of(list.get()).next_update, kStart + 7 * kDay);
    X509_REVOKED* entry = nullptr;
    EXPECT_EQ(X509_CRL_get0_by_serial(list.get(), &entry, asn1_integer(Bytes{0x7F, 2}).get()), 1);
    EXPECT_EQ(X509_CRL_get0_by_serial(list.get(), &entry, asn1_integer(Bytes{0x7F, 3}).get()), 0);
    const auto all = revocations_of(list.get());
    ASSERT_EQ(all.size(), 1U);
    EXPECT_EQ(all[0].when, kStart);
    EXPECT_EQ(all[0].reason, RevocationReason::key_compromise);
    EXPECT_EQ(der_of(parse_crl(der_of(list.get())).get()), der_of(list.get()));
}

TEST(RevocationList, GrowsFromTheOneBefore) {
    const Signer signer;
    const auto first = signer.next(nullptr, {{Bytes{2}, kStart, RevocationReason::key_compromise}}, kStart);
    const auto second =
        signer.next(first.get(), {{Bytes{3}, kStart + kDay, RevocationReason::superseded}}, kStart + kDay);
    EXPECT_EQ(serials_of(second), (std::vector<Bytes>{Bytes{2}, Bytes{3}}));
    // The first revocation counts, when it was and why.
    const auto third = signer.next(
        second.get(), {{Bytes{2}, kStart + 2 * kDay, RevocationReason::superseded}}, kStart + 2 * kDay);
    EXPECT_EQ(serials_of(third), (std::vector<Bytes>{Bytes{2}, Bytes{3}}));
    for (const auto& each : revocations_of(third.get())) {
        if (each.serial == Bytes{2}) {
            EXPECT_EQ(each.when, kStart);
            EXPECT_EQ(each.reason, RevocationReason::key_compromise);
        }
    }
}

TEST(RevocationList, NumbersRise) {
    const Signer signer;
    const auto first = signer.next(nullptr, {}, kStart);
    EXPECT_EQ(to_hex(number_of(first.get())), "6b0d6540");  // 1,796,040,000
    // Also within a second, and when the clock was put back.
    const auto second = signer.next(first.get(), {}, kStart);
    EXPECT_EQ(to_hex(number_of(second.get())), "6b0d6541");
    const auto third = signer.next(second.get(), {}, kStart - 30 * kDay);
    EXPECT_EQ(to_hex(number_of(third.get())), "6b0d6542");
    EXPECT_TRUE(is_higher(number_of(third.get()), number_of(second.get())));
    EXPECT_TRUE(is_higher(Bytes{1, 0}, Bytes{0xFF}));
    EXPECT_FALSE(is_higher(Bytes{1}, Bytes{1}));
    EXPECT_TRUE(is_higher(Bytes{1}, Bytes{}));
}

TEST(RevocationList, LeavesOutWhatHasBeenInOneAfterItsEnd) {
    Signer signer;
    signer.ends[Bytes{2}] = kStart + kDay;
    const auto first = signer.next(nullptr, {{Bytes{2}, kStart}, {Bytes{3}, kStart}}, kStart);
    const auto before_end = signer.next(first.get(), {}, kStart + hours(12));
    EXPECT_EQ(serials_of(before_end), (std::vector<Bytes>{Bytes{2}, Bytes{3}}));
    // Ended, and in no list since.
    const auto after_end = signer.next(before_end.get(), {}, kStart + 2 * kDay);
    EXPECT_EQ(serials_of(after_end), (std::vector<Bytes>{Bytes{2}, Bytes{3}}));
    // Now it has been; the other one's end is not known, and it stays.
    const auto later = signer.next(after_end.get(), {}, kStart + 3 * kDay);
    EXPECT_EQ(serials_of(later), (std::vector<Bytes>{Bytes{3}}));
}

TEST(RevocationList, KeepsWhatMayBeGoodWhateverIsSaidOfItsEnd) {
    Signer signer;
    signer.longest_life = 30 * kDay;
    signer.ends[Bytes{2}] = kStart - 10 * kDay;
    auto list = signer.next(nullptr, {{Bytes{2}, kStart}}, kStart);
    for (const int day : {1, 10, 29, 30}) {
        list = signer.next(list.get(), {}, kStart + day * kDay);
        EXPECT_EQ(serials_of(list), (std::vector<Bytes>{Bytes{2}})) << day;
    }
    list = signer.next(list.get(), {}, kStart + 31 * kDay);
    list = signer.next(list.get(), {}, kStart + 32 * kDay);
    EXPECT_TRUE(serials_of(list).empty());
}

TEST(RevocationList, OfTheFutureEndsNothing) {
    Signer signer;
    signer.ends[Bytes{2}] = kStart + kDay;
    const auto ahead = signer.next(nullptr, {{Bytes{2}, kStart}}, kStart + 10 * kDay);
    const auto list = signer.next(ahead.get(), {}, kStart + hours(1));
    EXPECT_EQ(serials_of(list), (std::vector<Bytes>{Bytes{2}}));
    EXPECT_TRUE(is_higher(number_of(list.get()), number_of(ahead.get())));
}

TEST(RevocationList, OnlyTheAuthoritysOwnIsGoneOnFrom) {
    const Signer signer;
    const Signer stranger;  // of the same name
    const auto theirs = stranger.next(nullptr, {}, kStart);
    EXPECT_THROW((void)signer.next(theirs.get(), {}, kStart), CertificateError);
    EXPECT_THROW(require_list_of(theirs.get(), signer.certificate.get()), CertificateError);
    auto der = der_of(signer.next(nullptr, {{Bytes{2}, kStart}}, kStart).get());
    der[der.size() / 2] ^= 1;
    try {
        EXPECT_THROW(require_list_of(parse_crl(der).get(), signer.certificate.get()), CertificateError);
    } catch (const CertificateError&) {
        // Not even a list any more.
    }
}

TEST(RevocationReasons, HaveTheNamesOfRfc5280) {
    EXPECT_EQ(revocation_reason_of("cessationOfOperation"), RevocationReason::cessation_of_operation);
    EXPECT_EQ(revocation_reason_of("certificateHold"), std::nullopt);
    EXPECT_EQ(name_of(RevocationReason::privilege_withdrawn), "privilegeWithdrawn");
}

}  // namespace
}  // namespace coffer::certificates
