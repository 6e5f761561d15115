#include "daemon/aws/sigv4_verifier.hpp"

#include <openssl/evp.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <memory>

#include "daemon/aws/request_refused.hpp"
#include "daemon/aws/sigv4_time.hpp"
#include "daemon/base/errors.hpp"

namespace coffer::aws {

namespace {

[[noreturn]] void invalid(const std::string& message, std::string_view cause) {
    throw RequestRefused(error_names::kInvalidSignature, message, cause);
}

/// Of the form of AWS's names for regions: what else stands there may be anything, and is not shown.
bool is_region(std::string_view text) {
    constexpr std::size_t kLongest = 32;
    if (text.size() > kLongest || text.find('-') == std::string_view::npos) return false;
    return text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string_view::npos &&
           text.back() >= '0' && text.back() <= '9';
}

void require_scope(const Signature& signature, const SignatureScope& scope) {
    if (signature.region != scope.region) {
        invalid("Credential should be scoped to a valid region" +
                    (is_region(signature.region) ? ", not '" + signature.region + "'. " : std::string(". ")) +
                    "Here it is '" + scope.region + "'.",
                "wrong_region");
    }
    if (signature.service != scope.service) {
        invalid("Credential should be scoped to correct service: '" + scope.service + "'.", "wrong_service");
    }
}

/// AWS takes presigned requests for a week, which is meant for links to objects. Here whoever finds one in a
/// log could read a secret all that time.
constexpr std::chrono::minutes kPresignedMost{15};

/// A presigned request is good from its time on for as long as it says, within bounds; another one around its
/// time.
void require_time(const Signature& signature, std::chrono::minutes skew, Timestamp now) {
    const auto around_now = [&](char sign) {
        return " (" + basic_time(now) + ' ' + sign + ' ' + std::to_string(skew.count()) + " min.)";
    };
    if (signature.expires) {
        const auto end = signature.time + std::min<std::chrono::seconds>(*signature.expires, kPresignedMost);
        if (now > end)
            invalid("Signature expired: " + basic_time(now) + " is now later than " + basic_time(end),
                    "expired");
    } else if (signature.time < now - skew) {
        invalid("Signature expired: " + basic_time(signature.time) + " is now earlier than " +
                    basic_time(now - skew) + around_now('-'),
                "expired");
    }
    if (signature.time > now + skew) {
        invalid("Signature not yet current: " + basic_time(signature.time) + " is still later than " +
                    basic_time(now + skew) + around_now('+'),
                "not_yet_current");
    }
}

/// Headers that begin with it must be signed.
constexpr std::string_view kAmazonPrefix = "x-amz-";

bool is_signed(const Signature& signature, std::string_view lower) {
    return std::ranges::binary_search(signature.signed_headers, lower, std::less<>{});
}

void require_signed_headers(const HttpRequestView& request, const Signature& signature) {
    if (!is_signed(signature, "host")) {
        invalid("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.",
                "header_not_signed");
    }
    for (const auto& header : request.headers) {
        if (!is_header(header.name.substr(0, kAmazonPrefix.size()), kAmazonPrefix)) continue;
        std::string lower(header.name);
        std::ranges::transform(lower, lower.begin(), lower_ascii);
        if (is_signed(signature, lower)) continue;
        invalid("There were headers present in the request which were not signed: " + lower,
                "header_not_signed");
    }
    for (const auto& name : signature.signed_headers) {
        if (times_sent(request.headers, name) == 0) invalid(std::string(kSignatureMismatch), kWrongSignature);
    }
}

void require_body(const HttpRequestView& request, std::string_view body_hash) {
    for (const auto claimed : header_values(request.headers, "x-amz-content-sha256")) {
        if (claimed == body_hash) continue;
        if (claimed == "UNSIGNED-PAYLOAD" || claimed.starts_with("STREAMING-")) {
            invalid(
                "The payload must be signed: 'x-amz-content-sha256' must be the SHA-256 of the body, not '" +
                    std::string(claimed.starts_with("S") ? "STREAMING-..." : "UNSIGNED-PAYLOAD") + "'.",
                "body_not_signed");
        }
        invalid("The provided 'x-amz-content-sha256' header does not match what was computed.",
                "wrong_body_hash");
    }
}

}  // namespace

std::string sha256_hex(ByteView bytes) {
    // Fetched once: a fetch for each request costs more than the hash of a short text.
    static const std::unique_ptr<EVP_MD, decltype(&EVP_MD_free)> kAlgorithm(
        EVP_MD_fetch(nullptr, "SHA256", nullptr), EVP_MD_free);
    std::array<std::uint8_t, SHA256_DIGEST_LENGTH> digest{};
    if (!kAlgorithm ||
        EVP_Digest(bytes.data(), bytes.size(), digest.data(), nullptr, kAlgorithm.get(), nullptr) != 1) {
        throw Error("OpenSSL cannot compute SHA-256");
    }
    return to_hex(digest);
}

CheckedSignature SignatureVerifier::read(const HttpRequestView& request, const QueryParameters& parameters,
                                         const SignatureScope& scope, Timestamp now) {
    CheckedSignature checked{read_signature(request, parameters), {}};
    const auto& signature = checked.signature;
    require_scope(signature, scope);
    require_time(signature, scope.skew, now);
    require_signed_headers(request, signature);
    const auto body_hash = sha256_hex(request.body);
    require_body(request, body_hash);
    const auto canonical = canonical_request(request, parameters, signature.signed_headers, body_hash);
    checked.string_to_sign = "AWS4-HMAC-SHA256\n" + basic_time(signature.time) + '\n' + signature.date + '/' +
                             signature.region + '/' + signature.service + "/aws4_request\n" +
                             sha256_hex(as_bytes(canonical));
    return checked;
}

bool SignatureVerifier::matches(const CheckedSignature& checked,
                                std::span<const std::uint8_t> secret_access_key, bool known) {
    const auto& signature = checked.signature;
    const KeyScope scope{signature.access_key_id, signature.date, signature.region, signature.service};
    const auto key = (known ? keys_ : unknown_keys_).get(scope, secret_access_key);
    const auto mac = hmac_sha256(key->view(), checked.string_to_sign);
    return crypto::constant_time_equal(as_bytes(to_hex(mac.view())), as_bytes(signature.mac));
}

}  // namespace coffer::aws
