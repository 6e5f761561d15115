#include "daemon/iam/identities.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "daemon/access/ascii.hpp"
#include "daemon/access/glob.hpp"
#include "daemon/iam/limits.hpp"

namespace coffer::iam {

namespace {

constexpr std::array<std::pair<IdentityKind, std::string_view>, 5> kKinds{{
    {IdentityKind::spiffe, "spiffe"},
    {IdentityKind::dns, "dns"},
    {IdentityKind::email, "email"},
    {IdentityKind::cn, "cn"},
    {IdentityKind::subject, "subject"},
}};

IdentityKind kind_of(access::NameKind kind) noexcept {
    switch (kind) {
        case access::NameKind::spiffe:
            return IdentityKind::spiffe;
        case access::NameKind::dns:
            return IdentityKind::dns;
        case access::NameKind::email:
            return IdentityKind::email;
        case access::NameKind::cn:
            break;
    }
    return IdentityKind::cn;
}

bool has_control_characters(std::string_view text) {
    return std::any_of(text.begin(), text.end(),
                       [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7F'; });
}

std::optional<std::string> objection_to_name(std::string_view what, std::string_view name) {
    for (const auto part : split_name(name)) {
        const auto equals = part.find('=');
        if (equals == std::string_view::npos || equals == 0) {
            return fmt::format(
                "{} must be a distinguished name as RFC 2253 writes it, the most specific part first: "
                "CN=app-a,OU=Payments,O=Bank",
                what);
        }
    }
    return std::nullopt;
}

}  // namespace

std::string_view identity_kind_name(IdentityKind kind) noexcept {
    for (const auto& [known, name] : kKinds) {
        if (known == kind) return name;
    }
    return "?";
}

std::optional<IdentityKind> find_identity_kind(std::string_view name) noexcept {
    for (const auto& [kind, known] : kKinds) {
        if (known == name) return kind;
    }
    return std::nullopt;
}

std::string describe(const Identity& identity) {
    return fmt::format("{} '{}'{}", identity_kind_name(identity.kind), identity.value,
                       identity.issuer ? fmt::format(" issued by '{}'", *identity.issuer) : "");
}

std::optional<std::string> objection_to(const Identity& identity) {
    for (const auto* text : {&identity.value, identity.issuer ? &*identity.issuer : &identity.value}) {
        if (text->empty()) return "Value and Issuer of an identity must not be empty";
        if (text->size() > kMaxIdentityBytes) {
            return fmt::format("Value and Issuer of an identity may have {} bytes", kMaxIdentityBytes);
        }
        if (has_control_characters(*text))
            return "Value and Issuer of an identity must not hold control characters";
    }
    if (identity.kind == IdentityKind::spiffe && !identity.value.starts_with("spiffe://")) {
        return "the Value of a spiffe identity must begin with spiffe://";
    }
    if (identity.kind == IdentityKind::email && identity.value.find('@') == std::string::npos) {
        return "the Value of an email identity must be an address";
    }
    if (identity.kind != IdentityKind::subject && identity.kind != IdentityKind::cn &&
        identity.value.find(' ') != std::string::npos) {
        return fmt::format("the Value of a {} identity must not hold blanks",
                           identity_kind_name(identity.kind));
    }
    if (identity.kind == IdentityKind::subject) {
        if (auto objection = objection_to_name("the Value of a subject identity", identity.value))
            return objection;
    }
    return identity.issuer ? objection_to_name("the Issuer of an identity", *identity.issuer) : std::nullopt;
}

std::string lookup_key(IdentityKind kind, std::string_view value) {
    std::string key(identity_kind_name(kind));
    key += ' ';
    key += kind == IdentityKind::dns ? access::to_lower(value) : std::string(value);
    return key;
}

std::string lookup_key(const access::CertificateIdentity& certificate) {
    return lookup_key(kind_of(certificate.kind), certificate.name);
}

SubjectPattern::SubjectPattern(std::string_view pattern) {
    for (const auto part : split_name(pattern)) parts_.push_back(access::to_glob(part));
}

bool SubjectPattern::matches(std::string_view subject) const {
    const auto parts = split_name(subject);
    return std::equal(
        parts_.begin(), parts_.end(), parts.begin(), parts.end(),
        [](const auto& pattern, const auto part) { return access::glob_matches(pattern, part); });
}

std::vector<std::string_view> split_name(std::string_view name) {
    std::vector<std::string_view> parts;
    std::size_t begin = 0;
    for (std::size_t i = 0; i < name.size(); ++i) {
        if (name[i] == '\\') {
            ++i;  // what is escaped separates nothing
        } else if (name[i] == ',') {
            parts.push_back(name.substr(begin, i - begin));
            begin = i + 1;
        }
    }
    parts.push_back(name.substr(begin));
    return parts;
}

bool issuer_suits(const std::optional<std::string>& issuer,
                  const access::CertificateIdentity& certificate) noexcept {
    return !issuer || *issuer == certificate.issuer;
}

}  // namespace coffer::iam
