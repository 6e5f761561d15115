#include "daemon/iam/names.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "daemon/access/arn.hpp"
#include "daemon/access/ascii.hpp"
#include "daemon/base/uuid.hpp"

namespace coffer::iam {

namespace {

constexpr std::size_t kMaxSessionName = 64;
constexpr std::size_t kMinSessionName = 2;
/// Characters of a unique id after its prefix.
constexpr std::size_t kIdCharacters = 17;
constexpr std::size_t kAccessKeyIdCharacters = 16;

std::string_view id_prefix(IamKind kind) noexcept {
    switch (kind) {
        case IamKind::user:
            return "AIDA";
        case IamKind::group:
            return "AGPA";
        case IamKind::role:
            return "AROA";
        case IamKind::policy:
            return "ANPA";
        case IamKind::listener:
        case IamKind::account:
            break;
    }
    return "";
}

bool is_name_character(char c) noexcept {
    return access::is_alphanumeric(c) || std::string_view("_+=,.@-").find(c) != std::string_view::npos;
}

/// Random characters of base 32 (RFC 4648), as AWS's ids look.
std::string random_base32(std::size_t characters) {
    constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    std::string text;
    while (text.size() < characters) {
        const auto random = Uuid::random();
        // Bytes 6 and 8 of a UUID hold its version and variant.
        for (const std::size_t i : {0, 1, 2, 3, 4, 5, 7, 9, 10}) {
            if (text.size() < characters) text += kAlphabet[random.bytes()[i] % kAlphabet.size()];
        }
    }
    return text;
}

}  // namespace

std::string arn_of(std::string_view account, IamKind kind, std::string_view path, std::string_view name) {
    return fmt::format("arn:aws:iam::{}:{}{}{}", account, storage::iam_kind_name(kind), path, name);
}

std::string listener_arn(std::string_view region, std::string_view account, std::string_view name) {
    return fmt::format("arn:aws:coffer:{}:{}:listener/{}", region, account, name);
}

std::string session_arn(std::string_view account, std::string_view role, std::string_view session) {
    return fmt::format("arn:aws:sts::{}:assumed-role/{}/{}", account, role, session);
}

std::string session_name(std::string_view certificate_name) {
    const auto slash = certificate_name.rfind('/');
    if (slash != std::string_view::npos) certificate_name.remove_prefix(slash + 1);
    std::string name(certificate_name.substr(0, kMaxSessionName));
    std::replace_if(
        name.begin(), name.end(), [](char c) { return !is_name_character(c); }, '-');
    while (name.size() < kMinSessionName) name += '-';
    return name;
}

std::string make_unique_id(IamKind kind) {
    return std::string(id_prefix(kind)) + random_base32(kIdCharacters);
}

std::string make_access_key_id() {
    return "AKIA" + random_base32(kAccessKeyIdCharacters);
}

std::optional<ArnName> parse_arn(std::string_view text) {
    const auto arn = access::split_arn(text);
    if (!arn || arn->partition() != "aws" || arn->service() != "iam" || !arn->region().empty())
        return std::nullopt;
    const auto resource = arn->resource();
    const auto first = resource.find('/');
    const auto last = resource.rfind('/');
    if (first == std::string_view::npos) return std::nullopt;
    auto kind = storage::find_iam_kind(resource.substr(0, first)).value_or(IamKind::account);
    if (kind == IamKind::listener) kind = IamKind::account;  // is no entity of IAM
    ArnName name{kind, std::string(arn->account()), std::string(resource.substr(first, last - first + 1)),
                 std::string(resource.substr(last + 1))};
    if (name.kind == IamKind::account || !is_name(name.name) || !is_path(name.path)) return std::nullopt;
    return name;
}

bool is_name(std::string_view text) noexcept {
    return !text.empty() && std::all_of(text.begin(), text.end(), is_name_character);
}

bool is_path(std::string_view text) noexcept {
    return !text.empty() && text.front() == '/' && text.back() == '/' &&
           std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7F'; });
}

}  // namespace coffer::iam
