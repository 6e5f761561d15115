#include "daemon/certificates/subject_names.hpp"

#include <arpa/inet.h>
#include <openssl/err.h>

#include <algorithm>
#include <array>

namespace coffer::certificates {

namespace {

constexpr std::size_t kCommonNameMost = 64;
constexpr std::size_t kHostNameMost = 253;
constexpr std::size_t kLabelMost = 63;
constexpr std::size_t kUriMost = 2048;
constexpr std::size_t kEmailMost = 254;

[[noreturn]] void refuse(std::string_view field, std::string_view name, std::string_view why) {
    // A name of foreign bytes is not repeated.
    const bool printable = std::ranges::all_of(name, [](char c) { return c >= ' ' && c <= '~'; });
    throw CertificateError(std::string(field) + ": " +
                           (printable ? "\"" + std::string(name.substr(0, 100)) + "\" " : "a name ") +
                           std::string(why));
}

bool is_label(std::string_view label) noexcept {
    return !label.empty() && label.size() <= kLabelMost && label.front() != '-' && label.back() != '-' &&
           std::ranges::all_of(
               label, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
}

std::string in_small_letters(std::string text) {
    // ASCII alone: what else there is makes the name none.
    std::ranges::transform(text, text.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    return text;
}

std::string checked_dns(std::string name) {
    auto small = in_small_letters(name);
    if (!is_host_name(small, true)) {
        refuse("dns_names", name,
               "is no host name: labels of letters, digits and '-', joined by '.', internationalised ones as "
               "xn--...");
    }
    return small;
}

std::string checked_ip(const std::string& text) {
    std::array<unsigned char, 16> address{};
    std::array<char, INET6_ADDRSTRLEN> canonical{};
    for (const int family : {AF_INET, AF_INET6}) {
        if (text.find('\0') != std::string::npos) break;
        if (::inet_pton(family, text.c_str(), address.data()) != 1) continue;
        return ::inet_ntop(family, address.data(), canonical.data(), canonical.size());
    }
    refuse("ip_addresses", text, "is no IP address");
}

/// RFC 3986, without what could make two readers of a name see two names: user information, a query, a
/// fragment, escapes, and segments "." and "..".
std::string checked_uri(const std::string& uri) {
    constexpr std::string_view kWrong =
        "must be SCHEME://HOST/PATH of letters, digits and -._~/:, without query, fragment, user or escapes";
    const auto colon = uri.find("://");
    if (uri.size() > kUriMost || colon == std::string::npos || colon == 0) refuse("uris", uri, kWrong);
    const auto scheme = uri.substr(0, colon);
    const auto is_scheme_character = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
    };
    if (scheme.front() < 'a' || scheme.front() > 'z' || !std::ranges::all_of(scheme, is_scheme_character)) {
        refuse("uris", uri, kWrong);
    }
    const std::string_view rest(std::string_view(uri).substr(colon + 3));
    const auto slash = rest.find('/');
    auto host = rest.substr(0, slash);
    if (const auto port = host.find(':'); port != std::string_view::npos) {
        const auto digits = host.substr(port + 1);
        if (digits.empty() || digits.find_first_not_of("0123456789") != std::string_view::npos) {
            refuse("uris", uri, kWrong);
        }
        host = host.substr(0, port);
    }
    if (!is_host_name(host, false)) refuse("uris", uri, kWrong);
    if (slash == std::string_view::npos) return uri;
    auto path = rest.substr(slash + 1);
    while (true) {
        const auto end = path.find('/');
        const auto segment = path.substr(0, end);
        const bool plain = std::ranges::all_of(segment, [](char c) {
            return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                   c == '.' || c == '_' || c == '~' || c == ':';
        });
        if (!plain || segment == "." || segment == "..") refuse("uris", uri, kWrong);
        if (end == std::string_view::npos) return uri;
        path = path.substr(end + 1);
    }
}

std::string checked_email(const std::string& email) {
    const auto at = email.rfind('@');
    const bool good = at != std::string::npos && at > 0 && email.size() <= kEmailMost &&
                      std::ranges::all_of(email.substr(0, at), [](char c) {
                          return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                                 c == '-' || c == '.' || c == '_' || c == '+';
                      });
    if (!good) refuse("emails", email, "is no mailbox NAME@HOST of letters, digits and -._+");
    auto host = in_small_letters(email.substr(at + 1));
    if (!is_host_name(host, false)) refuse("emails", email, "is no mailbox at a host");
    return email.substr(0, at + 1) + host;
}

void put_in_order(std::vector<std::string>& names) {
    std::ranges::sort(names);
    // Not std::ranges::unique(): clang 14, which compiles the fuzzers, does not take libstdc++'s.
    names.erase(std::unique(names.begin(), names.end()), names.end());
}

using GeneralNamePtr = std::unique_ptr<GENERAL_NAME, FreeWith<GENERAL_NAME_free>>;
using GeneralNamesPtr = std::unique_ptr<GENERAL_NAMES, FreeWith<GENERAL_NAMES_free>>;

void add_name(GENERAL_NAMES* names, int type, const std::string& text) {
    GeneralNamePtr name(GENERAL_NAME_new());
    require(name != nullptr, "a name cannot be written");
    if (type == GEN_IPADD) {
        auto* address = a2i_IPADDRESS(text.c_str());
        require(address != nullptr, "an address cannot be written");
        GENERAL_NAME_set0_value(name.get(), type, address);
    } else {
        auto* value = ASN1_IA5STRING_new();
        require(value != nullptr, "a name cannot be written");
        GENERAL_NAME_set0_value(name.get(), type, value);
        require(ASN1_STRING_set(value, text.data(), static_cast<int>(text.size())) == 1,
                "a name cannot be written");
    }
    require(sk_GENERAL_NAME_push(names, name.get()) > 0, "a name cannot be written");
    static_cast<void>(name.release());
}

std::string bytes_as_text(const ASN1_STRING* string) {
    return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(string)),
            static_cast<std::size_t>(ASN1_STRING_length(string))};
}

std::string ip_text(const ASN1_OCTET_STRING* address) {
    std::array<char, INET6_ADDRSTRLEN> text{};
    const int size = ASN1_STRING_length(address);
    if (size != 4 && size != 16) throw CertificateError("the certificate has an IP address that is none");
    return ::inet_ntop(size == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(address), text.data(),
                       text.size());
}

std::string common_name_of(const X509* certificate) {
    const auto* subject = X509_get_subject_name(certificate);
    if (X509_NAME_entry_count(subject) == 0) return {};
    const auto* entry = X509_NAME_get_entry(subject, 0);
    if (X509_NAME_entry_count(subject) > 1 ||
        OBJ_obj2nid(X509_NAME_ENTRY_get_object(entry)) != NID_commonName) {
        throw CertificateError("the certificate's subject has more than the common name that was asked for");
    }
    unsigned char* utf8 = nullptr;
    const int size = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(entry));
    const std::unique_ptr<unsigned char, decltype([](unsigned char* p) { OPENSSL_free(p); })> owner(utf8);
    require(size >= 0, "the certificate's common name cannot be read");
    return {reinterpret_cast<const char*>(utf8), static_cast<std::size_t>(size)};
}

}  // namespace

bool is_host_name(std::string_view name, bool wildcard) noexcept {
    if (name.empty() || name.size() > kHostNameMost) return false;
    std::size_t labels = 0;
    bool starred = false;
    while (true) {
        const auto dot = name.find('.');
        const auto label = name.substr(0, dot);
        if (labels == 0 && wildcard && label == "*") {
            starred = true;
        } else if (!is_label(label)) {
            return false;
        }
        ++labels;
        if (dot == std::string_view::npos) break;
        name = name.substr(dot + 1);
    }
    return !starred || labels >= 3;
}

SubjectNames checked(SubjectNames names) {
    if (names.common_name.size() > kCommonNameMost) {
        refuse("common_name", names.common_name, "is longer than 64 characters");
    }
    if (!std::ranges::all_of(names.common_name, [](char c) { return c >= ' ' && c <= '~'; })) {
        refuse("common_name", names.common_name, "must be printable ASCII");
    }
    const auto count = names.dns.size() + names.ips.size() + names.uris.size() + names.emails.size();
    if (count > kNamesMost) throw CertificateError("a certificate may have 100 names at most");
    if (count == 0 && names.common_name.empty()) {
        throw CertificateError(
            "there is no name: give one of common_name, dns_names, ip_addresses, uris and emails");
    }
    for (auto& name : names.dns) name = checked_dns(name);
    for (auto& name : names.ips) name = checked_ip(name);
    for (auto& name : names.uris) name = checked_uri(name);
    for (auto& name : names.emails) name = checked_email(name);
    for (auto* kind : {&names.dns, &names.ips, &names.uris, &names.emails}) put_in_order(*kind);
    return names;
}

NamePtr subject_of(const SubjectNames& names) {
    NamePtr subject(X509_NAME_new());
    require(subject != nullptr, "the subject cannot be written");
    if (names.common_name.empty()) return subject;
    const auto* text = reinterpret_cast<const unsigned char*>(names.common_name.data());
    require(X509_NAME_add_entry_by_NID(subject.get(), NID_commonName, MBSTRING_UTF8, text,
                                       static_cast<int>(names.common_name.size()), -1, 0) == 1,
            "the common name cannot be written");
    return subject;
}

ExtensionPtr alternative_names(const SubjectNames& names) {
    const GeneralNamesPtr all(GENERAL_NAMES_new());
    require(all != nullptr, "the names cannot be written");
    for (const auto& name : names.dns) add_name(all.get(), GEN_DNS, name);
    for (const auto& name : names.ips) add_name(all.get(), GEN_IPADD, name);
    for (const auto& name : names.uris) add_name(all.get(), GEN_URI, name);
    for (const auto& name : names.emails) add_name(all.get(), GEN_EMAIL, name);
    if (sk_GENERAL_NAME_num(all.get()) == 0) return nullptr;
    ExtensionPtr extension(
        X509V3_EXT_i2d(NID_subject_alt_name, names.common_name.empty() ? 1 : 0, all.get()));
    require(extension != nullptr, "the names cannot be written");
    return extension;
}

SubjectNames names_of(const X509* certificate) {
    SubjectNames names;
    names.common_name = common_name_of(certificate);
    int critical = 0;
    const GeneralNamesPtr all(
        static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, &critical, nullptr)));
    // -1: there is none. Anything else that gives nothing cannot be read, or is there twice.
    require(all != nullptr || critical == -1, "the certificate's names cannot be read");
    ERR_clear_error();
    for (int i = 0; all && i < sk_GENERAL_NAME_num(all.get()); ++i) {
        int type = 0;
        const auto* value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(all.get(), i), &type);
        const auto* string = static_cast<const ASN1_STRING*>(value);
        if (type == GEN_DNS) {
            names.dns.push_back(bytes_as_text(string));
        } else if (type == GEN_IPADD) {
            names.ips.push_back(ip_text(string));
        } else if (type == GEN_URI) {
            names.uris.push_back(bytes_as_text(string));
        } else if (type == GEN_EMAIL) {
            names.emails.push_back(bytes_as_text(string));
        } else {
            throw CertificateError("the certificate has a name of a kind that nobody asked for");
        }
    }
    return checked(std::move(names));
}

std::string text_of(const SubjectNames& names) {
    std::string text = names.common_name.empty() ? std::string() : "CN=" + names.common_name;
    for (const auto* kind : {&names.dns, &names.ips, &names.uris, &names.emails}) {
        for (const auto& name : *kind) text += (text.empty() ? "" : ", ") + name;
    }
    return text;
}

}  // namespace coffer::certificates
