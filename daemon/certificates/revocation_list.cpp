#include "daemon/certificates/revocation_list.hpp"

#include <openssl/bn.h>
#include <openssl/err.h>

#include <algorithm>
#include <array>
#include <set>
#include <string>

#include "daemon/certificates/extensions.hpp"

namespace coffer::certificates {

namespace {

using RevokedPtr = std::unique_ptr<X509_REVOKED, FreeWith<X509_REVOKED_free>>;
using EnumeratedPtr = std::unique_ptr<ASN1_ENUMERATED, FreeWith<ASN1_ENUMERATED_free>>;

struct ReasonName {
    RevocationReason reason;
    std::string_view name;
};
constexpr std::array kReasons = {ReasonName{RevocationReason::unspecified, "unspecified"},
                                 ReasonName{RevocationReason::key_compromise, "keyCompromise"},
                                 ReasonName{RevocationReason::affiliation_changed, "affiliationChanged"},
                                 ReasonName{RevocationReason::superseded, "superseded"},
                                 ReasonName{RevocationReason::cessation_of_operation, "cessationOfOperation"},
                                 ReasonName{RevocationReason::privilege_withdrawn, "privilegeWithdrawn"}};

RevokedPtr entry_of(const Revocation& revocation) {
    RevokedPtr entry(X509_REVOKED_new());
    require(entry && X509_REVOKED_set_serialNumber(entry.get(), asn1_integer(revocation.serial).get()) == 1 &&
                X509_REVOKED_set_revocationDate(entry.get(), asn1_time(revocation.when).get()) == 1,
            "an entry of the revocation list cannot be written");
    // Left out where it says nothing (RFC 5280, 5.3.1).
    if (revocation.reason == RevocationReason::unspecified) return entry;
    const EnumeratedPtr reason(ASN1_ENUMERATED_new());
    require(reason && ASN1_ENUMERATED_set(reason.get(), static_cast<long>(revocation.reason)) == 1 &&
                X509_REVOKED_add1_ext_i2d(entry.get(), NID_crl_reason, reason.get(), 0, 0) == 1,
            "an entry of the revocation list cannot be written");
    return entry;
}

RevocationReason reason_in(const X509_REVOKED* entry) {
    const EnumeratedPtr reason(
        static_cast<ASN1_ENUMERATED*>(X509_REVOKED_get_ext_d2i(entry, NID_crl_reason, nullptr, nullptr)));
    ERR_clear_error();
    return reason ? static_cast<RevocationReason>(ASN1_ENUMERATED_get(reason.get()))
                  : RevocationReason::unspecified;
}

Revocation revocation_in(const X509_REVOKED* entry) {
    return {serial_bytes(X509_REVOKED_get0_serialNumber(entry)),
            timestamp_of(X509_REVOKED_get0_revocationDate(entry)), reason_in(entry)};
}

void append(X509_CRL* list, RevokedPtr entry) {
    require(X509_CRL_add0_revoked(list, entry.get()) == 1, "the revocation list cannot be written");
    static_cast<void>(entry.release());
}

/// `number` + 1, but not less than `least`.
IntegerPtr following(const Bytes& number, std::int64_t least) {
    using NumberPtr = std::unique_ptr<BIGNUM, FreeWith<BN_free>>;
    const NumberPtr next(BN_bin2bn(number.data(), static_cast<int>(number.size()), nullptr));
    const NumberPtr floor(BN_new());
    require(next && floor && BN_add_word(next.get(), 1) == 1 &&
                BN_set_word(floor.get(), static_cast<BN_ULONG>(std::max<std::int64_t>(least, 1))) == 1,
            "the revocation list's number cannot be written");
    IntegerPtr made(
        BN_to_ASN1_INTEGER(BN_cmp(next.get(), floor.get()) < 0 ? floor.get() : next.get(), nullptr));
    require(made != nullptr, "the revocation list's number cannot be written");
    return made;
}

STACK_OF(X509_REVOKED) * entries_of(const X509_CRL* list) {
    return X509_CRL_get_REVOKED(const_cast<X509_CRL*>(list));
}

}  // namespace

std::string_view name_of(RevocationReason reason) noexcept {
    const auto* found = std::ranges::find(kReasons, reason, &ReasonName::reason);
    return found == kReasons.end() ? "unspecified" : found->name;
}

std::optional<RevocationReason> revocation_reason_of(std::string_view name) noexcept {
    const auto* found = std::ranges::find(kReasons, name, &ReasonName::name);
    if (found == kReasons.end()) return std::nullopt;
    return found->reason;
}

std::string revocation_reason_names() {
    std::string names;
    for (const auto& each : kReasons) names += (names.empty() ? "" : ", ") + std::string(each.name);
    return names;
}

void require_list_of(const X509_CRL* list, const X509* issuer) {
    const bool named = X509_NAME_cmp(X509_CRL_get_issuer(list), X509_get_subject_name(issuer)) == 0;
    const bool good = named && X509_CRL_verify(const_cast<X509_CRL*>(list), X509_get0_pubkey(issuer)) == 1;
    ERR_clear_error();
    if (!good) throw CertificateError("the revocation list is not one that the authority's key signed");
    if (X509_CRL_get_ext_by_NID(list, NID_delta_crl, -1) >= 0) {
        throw CertificateError("the revocation list is a delta, and not a whole one");
    }
}

bool is_over(const Revocation& entry, std::chrono::hours longest_life, Timestamp last) noexcept {
    return entry.when + longest_life < last;
}

bool may_go(const Revocation& entry, const Retention& retention, Timestamp last) {
    if (!is_over(entry, retention.longest_life, last)) return false;
    const auto end = retention.end_of(entry.serial);
    return end && *end < last;
}

Bytes number_of(const X509_CRL* list) {
    const IntegerPtr number(
        static_cast<ASN1_INTEGER*>(X509_CRL_get_ext_d2i(list, NID_crl_number, nullptr, nullptr)));
    ERR_clear_error();
    return number ? serial_bytes(number.get()) : Bytes{};
}

bool is_higher(const Bytes& one, const Bytes& other) noexcept {
    // Without leading zeros, the longer one is the higher one.
    if (one.size() != other.size()) return one.size() > other.size();
    return one > other;
}

ListTimes times_of(const X509_CRL* list) {
    const auto* next = X509_CRL_get0_nextUpdate(list);
    const auto last = timestamp_of(X509_CRL_get0_lastUpdate(list));
    return {last, next == nullptr ? last : timestamp_of(next)};
}

std::vector<Revocation> revocations_of(const X509_CRL* list) {
    std::vector<Revocation> all;
    auto* entries = entries_of(list);
    for (int i = 0; entries != nullptr && i < sk_X509_REVOKED_num(entries); ++i) {
        all.push_back(revocation_in(sk_X509_REVOKED_value(entries, i)));
    }
    return all;
}

CrlPtr make_list(const X509_CRL* previous, std::span<const Revocation> added, const ListTimes& times,
                 const Retention& retention, const ListIssuer& issuer) {
    CrlPtr list(X509_CRL_new());
    require(list && X509_CRL_set_version(list.get(), X509_CRL_VERSION_2) == 1 &&
                X509_CRL_set_issuer_name(list.get(), X509_get_subject_name(issuer.certificate)) == 1 &&
                X509_CRL_set1_lastUpdate(list.get(), asn1_time(times.this_update).get()) == 1 &&
                X509_CRL_set1_nextUpdate(list.get(), asn1_time(times.next_update).get()) == 1,
            "the revocation list cannot be written");
    std::set<Bytes> there;
    if (previous != nullptr) {
        require_list_of(previous, issuer.certificate);
        // A node whose clock was ahead ends nothing early.
        const auto last = std::min(times_of(previous).this_update, times.this_update);
        auto* entries = entries_of(previous);
        for (int i = 0; entries != nullptr && i < sk_X509_REVOKED_num(entries); ++i) {
            const auto* entry = sk_X509_REVOKED_value(entries, i);
            const auto revocation = revocation_in(entry);
            there.insert(revocation.serial);
            if (!may_go(revocation, retention, last)) {
                append(list.get(), RevokedPtr(X509_REVOKED_dup(entry)));
            }
        }
    }
    for (const auto& revocation : added) {
        if (there.insert(revocation.serial).second) append(list.get(), entry_of(revocation));
    }
    const auto number =
        following(previous == nullptr ? Bytes{} : number_of(previous), times.this_update.millis() / 1000);
    require(X509_CRL_add1_ext_i2d(list.get(), NID_crl_number, number.get(), 0, 0) == 1,
            "the revocation list's number cannot be written");
    if (const auto id = authority_key_identifier(issuer.certificate)) {
        require(X509_CRL_add_ext(list.get(), id.get(), -1) == 1, "the revocation list cannot be written");
    }
    require(X509_CRL_sort(list.get()) == 1, "the revocation list cannot be written");
    require(X509_CRL_sign(list.get(), issuer.key, digest_for(issuer.key)) > 0,
            "the certificate authority's key did not sign the revocation list");
    return list;
}

}  // namespace coffer::certificates
