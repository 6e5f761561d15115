#include "daemon/aws/sigv4_signature.hpp"

#include <openssl/evp.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "daemon/aws/request_refused.hpp"
#include "daemon/aws/sigv4_keys.hpp"
#include "daemon/aws/sigv4_split.hpp"
#include "daemon/aws/sigv4_time.hpp"

namespace coffer::aws {

namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";
constexpr std::string_view kAsymmetricAlgorithm = "AWS4-ECDSA-P256-SHA256";
/// A week, the longest that AWS takes.
constexpr std::int64_t kExpiresMaxSeconds = 604'800;
constexpr std::size_t kSignedHeadersMax = 100;
constexpr std::size_t kShownMax = 32;

[[noreturn]] void incomplete(const std::string& message) {
    throw RequestRefused(error_names::kIncompleteSignature, message);
}

constexpr std::string_view kDigits = "0123456789";
constexpr std::string_view kTimeCharacters = "0123456789TZ:-+.";
constexpr std::string_view kTermCharacters = "abcdefghijklmnopqrstuvwxyz0123456789_";
constexpr std::string_view kAlgorithmCharacters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-";

/// What stands in a place of the header, for a message that is logged as well: only when it looks like what
/// belongs there, since passwords come to stand in wrong places.
std::string shown(std::string_view text, std::string_view characters) {
    if (text.size() > kShownMax || text.find_first_not_of(characters) != std::string_view::npos)
        return "something else";
    return "'" + std::string(text) + "'";
}

std::string_view trimmed(std::string_view text) {
    const auto first = text.find_first_not_of(" \t");
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

/// What AWS shows of a header that it cannot read: enough to compare, and no password that somebody put
/// there.
std::string hashed(std::string_view text) {
    std::array<std::uint8_t, SHA256_DIGEST_LENGTH> digest{};
    SHA256(as_bytes(text).data(), text.size(), digest.data());
    std::array<std::uint8_t, 4 * ((SHA256_DIGEST_LENGTH + 2) / 3) + 1> encoded{};
    const int size = EVP_EncodeBlock(encoded.data(), digest.data(), SHA256_DIGEST_LENGTH);
    return std::string(as_text(ByteView(encoded.data(), static_cast<std::size_t>(size))));
}

void require_algorithm(std::string_view algorithm) {
    if (algorithm == kAlgorithm) return;
    std::string message = "Unsupported AWS 'algorithm': " + shown(algorithm, kAlgorithmCharacters) + ".";
    if (algorithm == kAsymmetricAlgorithm) {
        message +=
            " This endpoint verifies Signature Version 4 (AWS4-HMAC-SHA256) and not 4A; have the client sign "
            "for one "
            "region with SigV4.";
    }
    incomplete(message);
}

/// Whether a credential can be quoted: whoever has id and secret in each other's places sends the secret,
/// which has lower-case letters.
bool has_no_secret(std::string_view credential) {
    constexpr std::size_t kLongestId = 32;
    return credential.size() <= kLongestId && std::ranges::all_of(credential, [](char c) {
               return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '/';
           });
}

/// "KEYID/20150830/us-east-1/secretsmanager/aws4_request"
void read_credential(std::string_view credential, Signature& signature) {
    const auto parts = split(credential, '/');
    if (parts.size() != 5) {
        incomplete(
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, "
            "got " +
            (has_no_secret(credential) ? "'" + std::string(credential) + "'" : std::to_string(parts.size())));
    }
    if (parts[4] != kTerminator) {
        throw RequestRefused(error_names::kInvalidSignature,
                             "Credential should be scoped with a valid terminator: 'aws4_request', not " +
                                 shown(parts[4], kTermCharacters) + ".",
                             "wrong_terminator");
    }
    signature.access_key_id = parts[0];
    signature.date = parts[1];
    signature.region = parts[2];
    signature.service = parts[3];
}

void read_signed_headers(std::string_view list, Signature& signature) {
    for (const auto name : split(list, ';')) {
        std::string lower(name);
        std::ranges::transform(lower, lower.begin(), lower_ascii);
        if (lower.empty()) incomplete("SignedHeaders must be names of headers with ';' between them");
        signature.signed_headers.push_back(std::move(lower));
    }
    if (signature.signed_headers.size() > kSignedHeadersMax) {
        incomplete("SignedHeaders must have at most " + std::to_string(kSignedHeadersMax) + " names");
    }
    std::ranges::sort(signature.signed_headers);
    const auto twice = std::ranges::adjacent_find(signature.signed_headers);
    if (twice != signature.signed_headers.end()) incomplete("SignedHeaders names a header twice");
}

void set_time(std::string_view written, std::optional<Timestamp> time, Signature& signature) {
    if (!time) {
        incomplete("Date must be in ISO-8601 'basic format'. Got " + shown(written, kTimeCharacters) +
                   ". See http://en.wikipedia.org/wiki/ISO_8601");
    }
    signature.time = *time;
    const auto day = basic_time(*time).substr(0, 8);
    if (day == signature.date) return;
    throw RequestRefused(
        error_names::kInvalidSignature,
        "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: " +
            shown(signature.date, kDigits) + " != '" + day + "', from '" + basic_time(*time) + "'.",
        "wrong_date");
}

/// The one value of a header that must not come twice.
std::optional<std::string_view> single(const HttpRequestView& request, std::string_view lower) {
    const auto values = header_values(request.headers, lower);
    if (values.size() > 1) incomplete("The header '" + std::string(lower) + "' came more than once");
    if (values.empty()) return std::nullopt;
    return trimmed(values.front());
}

// ---- in the header --------------------------------------------------------------------------------------

/// "Credential=..., SignedHeaders=..., Signature=...", in any order, with or without blanks.
struct AuthorizationParts {
    std::optional<std::string_view> credential;
    std::optional<std::string_view> signed_headers;
    std::optional<std::string_view> mac;
};

AuthorizationParts take_apart(std::string_view text) {
    AuthorizationParts parts;
    for (const auto part : split(text, ',')) {
        const auto equals = part.find('=');
        if (equals == std::string_view::npos) continue;
        const auto name = trimmed(part.substr(0, equals));
        auto* into = name == "Credential"      ? &parts.credential
                     : name == "SignedHeaders" ? &parts.signed_headers
                     : name == "Signature"     ? &parts.mac
                                               : nullptr;
        if (into == nullptr) continue;
        if (*into) incomplete("Authorization header has '" + std::string(name) + "' more than once.");
        *into = trimmed(part.substr(equals + 1));
    }
    return parts;
}

Signature from_header(const HttpRequestView& request, std::string_view authorization) {
    const auto blank = authorization.find_first_of(" \t");
    const auto algorithm = authorization.substr(0, blank);
    if (algorithm.starts_with("AWS4-")) require_algorithm(algorithm);
    const auto parts = algorithm == kAlgorithm && blank != std::string_view::npos
                           ? take_apart(authorization.substr(blank))
                           : AuthorizationParts{};
    const auto basic = single(request, "x-amz-date");
    const auto date = basic ? std::nullopt : single(request, "date");
    std::string missing;
    if (!parts.credential) missing += "Authorization header requires 'Credential' parameter. ";
    if (!parts.mac) missing += "Authorization header requires 'Signature' parameter. ";
    if (!parts.signed_headers) missing += "Authorization header requires 'SignedHeaders' parameter. ";
    if (!basic && !date) {
        missing += "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ";
    }
    if (!missing.empty()) {
        incomplete(missing +
                   "(Hashed with SHA-256 and encoded with Base64) Authorization=" + hashed(authorization));
    }
    Signature signature;
    read_credential(*parts.credential, signature);
    read_signed_headers(*parts.signed_headers, signature);
    signature.mac = *parts.mac;
    if (basic) {
        set_time(*basic, parse_basic_time(*basic), signature);
    } else {
        const auto time = parse_basic_time(*date);
        set_time(*date, time ? time : parse_http_date(*date), signature);
        // What is signed is its time as text: a Date that anybody could change would say nothing.
        if (!std::ranges::binary_search(signature.signed_headers, std::string("date"))) {
            throw RequestRefused(error_names::kInvalidSignature,
                                 "'Date' must be a 'SignedHeader' in the AWS Authorization.",
                                 "header_not_signed");
        }
    }
    if (const auto token = single(request, "x-amz-security-token")) signature.session_token = *token;
    return signature;
}

// ---- in the query ---------------------------------------------------------------------------------------

std::optional<std::string_view> parameter(const QueryParameters& parameters, std::string_view name) {
    std::optional<std::string_view> found;
    for (const auto& [known, value] : parameters) {
        if (known != name) continue;
        if (found) incomplete("The query-string parameter '" + std::string(name) + "' came more than once");
        found = value;
    }
    return found;
}

std::chrono::seconds read_expires(const std::optional<std::string_view>& written) {
    std::int64_t seconds = 0;
    bool good = false;
    if (written) {
        const auto* end = written->data() + written->size();
        const auto [stopped, error] = std::from_chars(written->data(), end, seconds);
        good = error == std::errc{} && stopped == end;
    }
    if (!good || seconds < 1 || seconds > kExpiresMaxSeconds) {
        incomplete(
            "AWS query-string parameter 'X-Amz-Expires' must be a number of seconds from 1 to 604800 (a "
            "week)");
    }
    return std::chrono::seconds(seconds);
}

Signature from_query(const QueryParameters& parameters) {
    const auto algorithm = parameter(parameters, "X-Amz-Algorithm");
    const auto credential = parameter(parameters, "X-Amz-Credential");
    const auto mac = parameter(parameters, "X-Amz-Signature");
    const auto signed_headers = parameter(parameters, "X-Amz-SignedHeaders");
    const auto date = parameter(parameters, "X-Amz-Date");
    std::string missing;
    const auto need = [&](const auto& given, std::string_view name) {
        if (!given) missing += "AWS query-string parameters must include '" + std::string(name) + "'. ";
    };
    need(algorithm, "X-Amz-Algorithm");
    need(credential, "X-Amz-Credential");
    need(mac, "X-Amz-Signature");
    need(signed_headers, "X-Amz-SignedHeaders");
    need(date, "X-Amz-Date");
    if (!missing.empty()) incomplete(missing + "Re-examine the query-string parameters.");
    require_algorithm(*algorithm);
    Signature signature;
    read_credential(*credential, signature);
    read_signed_headers(*signed_headers, signature);
    signature.mac = *mac;
    set_time(*date, parse_basic_time(*date), signature);
    signature.expires = read_expires(parameter(parameters, "X-Amz-Expires"));
    if (const auto token = parameter(parameters, "X-Amz-Security-Token")) signature.session_token = *token;
    return signature;
}

}  // namespace

Signature read_signature(const HttpRequestView& request, const QueryParameters& parameters) {
    const auto authorization = single(request, "authorization");
    const bool presigned = std::ranges::any_of(parameters, [](const auto& parameter) {
        return parameter.first == "X-Amz-Signature" || parameter.first == "X-Amz-Algorithm";
    });
    if (authorization && presigned) {
        incomplete(
            "Only one way of signing is allowed: the header Authorization, or the X-Amz-Algorithm query "
            "string "
            "parameter with its signature");
    }
    if (presigned) return from_query(parameters);
    if (!authorization || authorization->empty()) {
        throw RequestRefused(error_names::kMissingAuthenticationToken, "Missing Authentication Token");
    }
    return from_header(request, *authorization);
}

}  // namespace coffer::aws
