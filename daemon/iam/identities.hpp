#pragma once
// How a certificate identity is written and what it matches. Pure.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/access/caller.hpp"
#include "daemon/iam/records.hpp"

namespace coffer::iam {

/// "spiffe", "dns", "email", "cn", "subject".
[[nodiscard]] std::string_view identity_kind_name(IdentityKind kind) noexcept;
[[nodiscard]] std::optional<IdentityKind> find_identity_kind(std::string_view name) noexcept;

/// "spiffe 'spiffe://bank.example/app'", with "issued by '...'" when it names an issuer; for messages.
[[nodiscard]] std::string describe(const Identity& identity);

/// What is wrong with an identity that is to be stored; nothing when it can match some certificate. A SPIFFE
/// ID begins with "spiffe://", no value is empty or longer than kMaxIdentityBytes, a subject pattern has the
/// parts of a distinguished name, and none holds control characters.
[[nodiscard]] std::optional<std::string> objection_to(const Identity& identity);

/// The key under which identities of the kinds other than `subject` are looked up: equal for those that match
/// the same certificates, but for the issuer. DNS names compare without regard to case.
[[nodiscard]] std::string lookup_key(IdentityKind kind, std::string_view value);
[[nodiscard]] std::string lookup_key(const access::CertificateIdentity& certificate);

/// A pattern of a distinguished name: part by part, so that a `*` never reaches over a comma into another
/// part. Immutable; thread-safe.
class SubjectPattern {
public:
    explicit SubjectPattern(std::string_view pattern);
    /// By case. As many parts as the pattern has, in the same order.
    [[nodiscard]] bool matches(std::string_view subject) const;

private:
    std::vector<std::string> parts_;
};

/// The parts of a distinguished name in RFC 2253's form: split at commas that are not escaped.
[[nodiscard]] std::vector<std::string_view> split_name(std::string_view name);

/// Whether the issuer that `identity` asks for, if any, is the certificate's.
[[nodiscard]] bool issuer_suits(const std::optional<std::string>& issuer,
                                const access::CertificateIdentity& certificate) noexcept;

}  // namespace coffer::iam
