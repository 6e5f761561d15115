#pragma once
// Whom a certificate is for: the names of its subject, checked, and as OpenSSL has them.

#include <string>
#include <string_view>
#include <vector>

#include "daemon/certificates/openssl_handles.hpp"

namespace coffer::certificates {

/// The names that a certificate is asked for with, or has. ASCII.
struct SubjectNames {
    /// At most 64 characters (RFC 5280, appendix A.1, ub-common-name); empty: the subject is, too.
    std::string common_name{};
    /// Host names (RFC 1034, section 3.5) in small letters; the first label may be "*".
    std::vector<std::string> dns{};
    /// As inet_ntop() writes them.
    std::vector<std::string> ips{};
    /// Absolute, with a host (RFC 5280, section 4.2.1.6).
    std::vector<std::string> uris{};
    std::vector<std::string> emails{};

    [[nodiscard]] bool operator==(const SubjectNames&) const = default;
};

/// In the one form that is compared: letters, order, and each name once. Throws CertificateError that names
/// the field ("dns_names") and what is wrong: a name that is none, more than kNamesMost, and none at all.
[[nodiscard]] SubjectNames checked(SubjectNames names);

inline constexpr std::size_t kNamesMost = 100;

/// Small letters, digits and '-' in labels of 1 to 63, 253 characters at most, two labels or one, no dot at
/// the end; with `wildcard`, the first label may be "*" where at least two others follow.
[[nodiscard]] bool is_host_name(std::string_view name, bool wildcard) noexcept;

/// The subject: CN, or empty.
[[nodiscard]] NamePtr subject_of(const SubjectNames& names);

/// The subject alternative names, critical where the subject is empty (RFC 5280, section 4.2.1.6). Null when
/// there are none.
[[nodiscard]] ExtensionPtr alternative_names(const SubjectNames& names);

/// All of a certificate's names, in the form of checked(). Throws CertificateError when it has one of another
/// kind, or a subject with more than a CN: nobody asked for those.
[[nodiscard]] SubjectNames names_of(const X509* certificate);

/// For people: "app.example.com, 10.0.0.1".
[[nodiscard]] std::string text_of(const SubjectNames& names);

}  // namespace coffer::certificates
