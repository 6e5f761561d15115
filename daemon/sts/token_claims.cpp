#include "daemon/sts/token_claims.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "daemon/sts/jwt.hpp"
#include "daemon/sts/strict_json.hpp"

namespace coffer::sts {

using access::JsonKind;
using access::JsonValue;

namespace {

constexpr std::string_view kTagsClaim = "https://aws.amazon.com/tags";
constexpr std::string_view kSourceIdentityClaim = "https://aws.amazon.com/source_identity";
constexpr std::size_t kIssuerCharactersMax = 255;
/// The year 5138; what is later is a mistake, and fits no Timestamp's arithmetic.
constexpr double kSecondsMax = 1e11;
/// The limits of AssumeRole's members of the same meaning (sts.proto).
constexpr std::size_t kTagsMax = 50;
constexpr std::size_t kTagKeyMax = 128;
constexpr std::size_t kTagValueMax = 256;
constexpr std::size_t kSourceIdentityMin = 2;
constexpr std::size_t kSourceIdentityMax = 64;

[[noreturn]] void wrong_claim(std::string_view name, std::string_view wanted) {
    throw BadToken(fmt::format("The token's claim '{}' must be {}.", name, wanted));
}

bool is_visible(std::string_view text) {
    return std::ranges::none_of(text, [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte < 0x20 || byte == 0x7F;
    });
}

std::string required_text(const JsonValue& claims, std::string_view name, std::size_t characters_max) {
    const auto* value = find_member(claims, name);
    const bool good = value != nullptr && value->kind == JsonKind::string && !value->text.empty() &&
                      value->text.size() <= characters_max && is_visible(value->text);
    if (!good) wrong_claim(name, fmt::format("a string of 1 to {} characters", characters_max));
    return value->text;
}

std::vector<std::string> audiences_in(const JsonValue& claims) {
    const auto* value = find_member(claims, "aud");
    std::vector<std::string> audiences;
    if (value != nullptr && value->kind == JsonKind::string) audiences = {value->text};
    if (value != nullptr) {
        if (auto texts = texts_in(*value)) audiences = std::move(*texts);
    }
    const bool good = !audiences.empty() && audiences.size() <= TokenClaims::kAudiencesMax &&
                      std::ranges::none_of(audiences, &std::string::empty);
    if (!good)
        wrong_claim("aud", fmt::format("a string, or a list of 1 to {} strings", TokenClaims::kAudiencesMax));
    return audiences;
}

/// A NumericDate (RFC 7519, section 2), without its fraction.
std::optional<std::int64_t> date_in(const JsonValue& claims, std::string_view name) {
    const auto* value = find_member(claims, name);
    if (value == nullptr) return std::nullopt;
    double seconds = 0;
    const auto& text = value->text;
    const bool number = value->kind == JsonKind::number &&
                        std::from_chars(text.data(), text.data() + text.size(), seconds).ec == std::errc{};
    if (!number || seconds < 0 || seconds > kSecondsMax) wrong_claim(name, "seconds since 1970");
    return static_cast<std::int64_t>(seconds);
}

std::map<std::string, std::vector<std::string>> values_in(const JsonValue& claims) {
    std::map<std::string, std::vector<std::string>> values;
    for (const auto& [name, at, value] : claims.members) {
        if (value.kind == JsonKind::string || value.kind == JsonKind::boolean) {
            values.emplace(name, std::vector<std::string>{value.text});
        } else if (auto texts = texts_in(value)) {
            values.emplace(name, std::move(*texts));
        }
    }
    return values;
}

/// {"principal_tags": {"KEY": ["VALUE"]}, "transitive_tag_keys": ["KEY"]}; a value may stand without its
/// list.
void read_tags(const JsonValue& claims, TokenClaims& out) {
    const auto* value = find_member(claims, kTagsClaim);
    if (value == nullptr) return;
    const auto* tags = value->kind == JsonKind::object ? find_member(*value, "principal_tags") : nullptr;
    if (tags == nullptr || tags->kind != JsonKind::object || tags->members.size() > kTagsMax) {
        wrong_claim(kTagsClaim, fmt::format("an object with at most {} 'principal_tags'", kTagsMax));
    }
    for (const auto& [key, at, tag] : tags->members) {
        auto texts = texts_in(tag).value_or(std::vector<std::string>{});
        if (tag.kind == JsonKind::string) texts = {tag.text};
        const bool good = texts.size() == 1 && !key.empty() && key.size() <= kTagKeyMax &&
                          texts.front().size() <= kTagValueMax;
        if (!good) wrong_claim(kTagsClaim, "of tags with a key and one value each");
        out.tags.push_back({key, std::move(texts.front())});
    }
    const auto* transitive = find_member(*value, "transitive_tag_keys");
    if (transitive == nullptr) return;
    auto keys = texts_in(*transitive);
    if (!keys) wrong_claim(kTagsClaim, "with a list of 'transitive_tag_keys'");
    out.transitive_tag_keys = std::move(*keys);
}

void read_source_identity(const JsonValue& claims, TokenClaims& out) {
    if (find_member(claims, kSourceIdentityClaim) == nullptr) return;
    out.source_identity = required_text(claims, kSourceIdentityClaim, kSourceIdentityMax);
    const bool good = out.source_identity.size() >= kSourceIdentityMin &&
                      std::ranges::all_of(out.source_identity, [](char c) {
                          return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                                 std::string_view("_+=,.@-").find(c) != std::string_view::npos;
                      });
    if (!good) wrong_claim(kSourceIdentityClaim, "2 to 64 of A-Z, a-z, 0-9 and _+=,.@-");
}

}  // namespace

TokenClaims read_claims(const JsonValue& claims) {
    TokenClaims out;
    out.issuer = required_text(claims, "iss", kIssuerCharactersMax);
    out.subject = required_text(claims, "sub", TokenClaims::kSubjectCharactersMax);
    out.audiences = audiences_in(claims);
    if (find_member(claims, "azp") != nullptr) {
        out.authorized_party = required_text(claims, "azp", TokenClaims::kSubjectCharactersMax);
    } else if (out.audiences.size() > 1) {
        throw BadToken("A token for several audiences must say in 'azp' which of them it was issued to.");
    }
    const auto expires = date_in(claims, "exp");
    if (!expires) wrong_claim("exp", "seconds since 1970");
    out.expires = *expires;
    out.not_before = date_in(claims, "nbf");
    out.issued = date_in(claims, "iat");
    out.values = values_in(claims);
    read_tags(claims, out);
    read_source_identity(claims, out);
    return out;
}

}  // namespace coffer::sts
