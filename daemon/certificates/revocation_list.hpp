#pragma once
// Certificate revocation lists (version 2; RFC 5280, section 5). The last signed list is the truth about what
// is revoked: a new one is that one, with what came since.

#include <chrono>
#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "daemon/certificates/openssl_handles.hpp"

namespace coffer::certificates {

/// RFC 5280, section 5.3.1; those that an authority of Coffer's uses.
enum class RevocationReason : std::uint8_t {
    unspecified = 0,
    key_compromise = 1,
    affiliation_changed = 3,
    superseded = 4,
    cessation_of_operation = 5,
    privilege_withdrawn = 9,
};

/// "keyCompromise" ...; as RFC 5280 has them.
[[nodiscard]] std::string_view name_of(RevocationReason reason) noexcept;
[[nodiscard]] std::optional<RevocationReason> revocation_reason_of(std::string_view name) noexcept;
/// For messages: the names to choose from.
[[nodiscard]] std::string revocation_reason_names();

struct Revocation {
    Bytes serial;
    Timestamp when;
    RevocationReason reason = RevocationReason::unspecified;
};

/// Who signs a list.
struct ListIssuer {
    const X509* certificate;
    EVP_PKEY* key;
};

struct ListTimes {
    Timestamp this_update;
    Timestamp next_update;
};

/// When the certificate with that serial number ends; nothing when it is not known, and its entry stays.
using EndOf = std::function<std::optional<Timestamp>(const Bytes& serial)>;

/// How long entries stay. What is not signed (`end_of`) can only let them stay for longer: an entry is never
/// left out before the longest life that a certificate can have is over since it was revoked.
struct Retention {
    EndOf end_of;
    std::chrono::hours longest_life;
};

/// Whether `entry` may be left out of what follows a list that was made at `last`: its certificate had ended
/// by then, so that it has been in a list after its end (RFC 5280, section 3.3).
[[nodiscard]] bool may_go(const Revocation& entry, const Retention& retention, Timestamp last);
/// Whether the longest life was over at `last`, whatever is known of its end.
[[nodiscard]] bool is_over(const Revocation& entry, std::chrono::hours longest_life, Timestamp last) noexcept;

/// A list with the entries of `previous` (may be null) and of `added`; those who are in it already stay as
/// they are. What may go since `previous` was made is left out; where that was in the future, since now. Its
/// number is higher than that of `previous`, and not lower than the time in seconds, so that numbers rise
/// also when all lists were lost. Throws CertificateError, also when `previous` is not signed by the issuer.
[[nodiscard]] CrlPtr make_list(const X509_CRL* previous, std::span<const Revocation> added,
                               const ListTimes& times, const Retention& retention, const ListIssuer& issuer);

/// Throws CertificateError unless `list` is `issuer`'s, by its name and its signature, and a whole one: no
/// delta (RFC 5280, section 5.2.4).
void require_list_of(const X509_CRL* list, const X509* issuer);

/// Big-endian; empty for a list without a number.
[[nodiscard]] Bytes number_of(const X509_CRL* list);
/// Whether the first number is the higher one.
[[nodiscard]] bool is_higher(const Bytes& one, const Bytes& other) noexcept;
[[nodiscard]] ListTimes times_of(const X509_CRL* list);
[[nodiscard]] std::vector<Revocation> revocations_of(const X509_CRL* list);

}  // namespace coffer::certificates
