#include "daemon/server/peer_identity.hpp"

#include <openssl/bio.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coffer::server {

namespace {

/// The length that SPIFFE implementations must support (SPIFFE-ID, section 2.3).
constexpr std::size_t kMaxPrincipalBytes = 2048;

struct NamesDeleter {
    void operator()(GENERAL_NAMES* names) const noexcept { GENERAL_NAMES_free(names); }
};
using NamesPtr = std::unique_ptr<GENERAL_NAMES, NamesDeleter>;

/// The alternative names of one certificate, by kind, in their order.
struct AlternativeNames {
    std::vector<std::string> uris;
    std::vector<std::string> dns;
    std::vector<std::string> emails;
};

/// IA5String content as it stands in the certificate, NUL bytes included.
std::string content_of(const ASN1_IA5STRING* text) {
    const auto* data = ASN1_STRING_get0_data(text);
    const auto size = static_cast<std::size_t>(ASN1_STRING_length(text));
    return data == nullptr ? std::string() : std::string(data, data + size);
}

AlternativeNames alternative_names(X509* certificate) {
    AlternativeNames found;
    int critical = -1;
    const NamesPtr names(
        static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, &critical, nullptr)));
    if (!names) {
        // -1: no such extension. Anything else: there is one (or several) that cannot be read.
        if (critical != -1) throw NoIdentity("the certificate's subject alternative names cannot be read");
        return found;
    }
    for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
        const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
        switch (name->type) {
            case GEN_URI:
                found.uris.push_back(content_of(name->d.uniformResourceIdentifier));
                break;
            case GEN_DNS:
                found.dns.push_back(content_of(name->d.dNSName));
                break;
            case GEN_EMAIL:
                found.emails.push_back(content_of(name->d.rfc822Name));
                break;
            default:
                break;
        }
    }
    return found;
}

bool is_alphanumeric(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

template <class Allowed>
bool consists_of(std::string_view text, Allowed allowed) {
    return std::all_of(text.begin(), text.end(), allowed);
}

void require_length(const std::string& name, std::string_view kind) {
    if (name.empty()) throw NoIdentity("the certificate's " + std::string(kind) + " is empty");
    if (name.size() > kMaxPrincipalBytes) {
        throw NoIdentity("the certificate's " + std::string(kind) + " is over 2048 bytes long");
    }
}

bool has_spiffe_scheme(std::string_view uri) {
    static constexpr std::string_view kScheme = "spiffe:";
    if (uri.size() < kScheme.size()) return false;
    return std::equal(kScheme.begin(), kScheme.end(), uri.begin(), [](char wanted, char c) {
        return wanted == (c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
    });
}

/// SPIFFE-ID, section 2: spiffe://TRUST-DOMAIN/PATH, lower-case trust domain, no query, no fragment, no
/// percent-encoding, no empty or relative segments.
std::string spiffe_id(const std::string& uri) {
    static constexpr std::string_view kPrefix = "spiffe://";
    require_length(uri, "SPIFFE ID");
    const auto refuse = [] { throw NoIdentity("the certificate's SPIFFE ID is not a valid one"); };
    if (!uri.starts_with(kPrefix)) refuse();
    const std::string_view rest = std::string_view(uri).substr(kPrefix.size());
    const std::string_view domain = rest.substr(0, rest.find('/'));
    if (domain.empty() || !consists_of(domain, [](char c) {
            return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
        })) {
        refuse();
    }
    std::string_view path = rest.substr(domain.size());
    while (!path.empty()) {
        path.remove_prefix(1);
        const std::string_view segment = path.substr(0, path.find('/'));
        if (segment.empty() || segment == "." || segment == ".." || !consists_of(segment, [](char c) {
                return is_alphanumeric(c) || c == '.' || c == '-' || c == '_';
            })) {
            refuse();
        }
        path.remove_prefix(segment.size());
    }
    return uri;
}

std::string dns_name(const std::string& name) {
    require_length(name, "DNS name");
    if (!consists_of(name, [](char c) {
            return is_alphanumeric(c) || c == '.' || c == '-' || c == '_' || c == '*';
        })) {
        throw NoIdentity("the certificate's DNS name holds a character that no DNS name has");
    }
    return name;
}

std::string email_name(const std::string& name) {
    require_length(name, "e-mail name");
    if (std::count(name.begin(), name.end(), '@') != 1 ||
        !consists_of(name, [](char c) { return c > ' ' && c < 0x7F; })) {
        throw NoIdentity("the certificate's e-mail name is not an address of printable ASCII characters");
    }
    return name;
}

/// Control characters, and format characters that show nothing or reorder what is shown: two names could
/// look the same in a log. `text` is valid UTF-8.
bool has_invisible(std::string_view text) {
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto byte = [&](std::size_t ahead) {
            return i + ahead < text.size() ? static_cast<unsigned char>(text[i + ahead]) : 0U;
        };
        const unsigned first = byte(0);
        if (first < 0x20 || first == 0x7F) return true;
        if (first == 0xC2 && (byte(1) <= 0xA0 || byte(1) == 0xAD))
            return true;  // C1, no-break space, soft hyphen
        if (first == 0xE2 && byte(1) == 0x80 &&
            ((byte(2) >= 0x80 && byte(2) <= 0x8F) || (byte(2) >= 0xA8 && byte(2) <= 0xAF)))
            return true;  // U+2000..200F, U+2028..202F
        if (first == 0xE2 && byte(1) == 0x81 && byte(2) >= 0xA0 && byte(2) <= 0xAF)
            return true;                                                       // U+2060..206F
        if (first == 0xEF && byte(1) == 0xBB && byte(2) == 0xBF) return true;  // U+FEFF
    }
    return false;
}

struct OpensslFree {
    void operator()(unsigned char* bytes) const noexcept { OPENSSL_free(bytes); }
};

std::string common_name(X509* certificate) {
    const X509_NAME* subject = X509_get_subject_name(certificate);
    const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    if (at < 0) {
        throw NoIdentity(
            "the certificate names nobody: it has no SPIFFE, DNS or e-mail name and no common name");
    }
    if (X509_NAME_get_index_by_NID(subject, NID_commonName, at) >= 0) {
        throw NoIdentity("the certificate's subject has several common names");
    }
    unsigned char* raw = nullptr;
    const int size = ASN1_STRING_to_UTF8(&raw, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
    const std::unique_ptr<unsigned char, OpensslFree> owned(raw);
    if (size < 0) throw NoIdentity("the certificate's common name is not valid text");
    std::string name(raw, raw + size);
    require_length(name, "common name");
    if (has_invisible(name) || name.front() == ' ' || name.back() == ' ') {
        throw NoIdentity(
            "the certificate's common name holds control or invisible characters, or blanks at an end");
    }
    if (name.find("://") != std::string::npos || has_spiffe_scheme(name)) {
        throw NoIdentity(
            "the certificate's common name looks like a URI; URIs belong in the subject alternative names");
    }
    return name;
}

struct BioFree {
    void operator()(BIO* bio) const noexcept { BIO_free(bio); }
};

/// As RFC 2253 writes it, in UTF-8; control characters and separators are escaped.
std::string distinguished_name(const X509_NAME* name) {
    const std::unique_ptr<BIO, BioFree> out(BIO_new(BIO_s_mem()));
    if (!out || X509_NAME_print_ex(out.get(), name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) < 0) {
        throw NoIdentity("the certificate's distinguished names cannot be read");
    }
    char* data = nullptr;
    const long size = BIO_get_mem_data(out.get(), &data);
    return size > 0 ? std::string(data, static_cast<std::size_t>(size)) : std::string();
}

std::pair<access::NameKind, std::string> name_of(X509* certificate) {
    const AlternativeNames names = alternative_names(certificate);
    std::vector<std::string> spiffe;
    std::copy_if(names.uris.begin(), names.uris.end(), std::back_inserter(spiffe), has_spiffe_scheme);
    if (spiffe.size() > 1) throw NoIdentity("the certificate has several SPIFFE IDs");
    if (!spiffe.empty()) return {access::NameKind::spiffe, spiffe_id(spiffe.front())};
    if (!names.dns.empty()) return {access::NameKind::dns, dns_name(names.dns.front())};
    if (!names.emails.empty()) return {access::NameKind::email, email_name(names.emails.front())};
    return {access::NameKind::cn, common_name(certificate)};
}

}  // namespace

access::CertificateIdentity identity_of(X509* certificate) {
    access::CertificateIdentity identity;
    const auto [kind, name] = name_of(certificate);
    identity.kind = kind;
    identity.name = name;
    identity.subject = distinguished_name(X509_get_subject_name(certificate));
    identity.issuer = distinguished_name(X509_get_issuer_name(certificate));
    return identity;
}

}  // namespace coffer::server
