#include "daemon/base/event_outcome.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "daemon/base/edit_distance.hpp"

namespace coffer {

namespace {

constexpr std::string_view kDenied = "denied";

// tests/aws/error_names_test.cpp holds this against the places that the names are from.
constexpr std::array kOutcomes = std::to_array<std::string_view>({
    "success",
    "failure",
    kDenied,
    // of operations
    "DecryptionFailure",
    "DeleteConflict",
    "EncryptionFailure",
    "EntityAlreadyExists",
    "ExpiredTokenException",
    "IDPCommunicationError",
    "IDPRejectedClaim",
    "IntegrityFailureException",
    "InternalServiceError",
    "InvalidIdentityToken",
    "InvalidInput",
    "InvalidNextTokenException",
    "InvalidParameterException",
    "InvalidRequestException",
    "LimitExceeded",
    "LimitExceededException",
    "MalformedPolicyDocument",
    "MalformedPolicyDocumentException",
    "NoSuchEntity",
    "NotImplementedException",
    "PackedPolicyTooLarge",
    "PreconditionNotMetException",
    "PublicPolicyException",
    "RequestTimeoutException",
    "ResourceExistsException",
    "ResourceNotFoundException",
    "ServiceUnavailableException",
    "ThrottlingException",
    "UnknownOperationException",
    "UnmodifiableEntity",
    "ValidationException",
    // of requests that the AWS endpoint refused
    "IncompleteSignatureException",
    "InvalidParameterValue",
    "InvalidSignatureException",
    "MalformedHttpRequestException",
    "MalformedQueryString",
    "MissingAuthenticationTokenException",
    "RequestAbortedException",
    "RequestEntityTooLargeException",
    "RequestTimeout",
    "SerializationException",
    "UnrecognizedClientException",
    // of connections that were ended, were not taken, or did not come about; and of those too many to count
    // apart
    "access_denied",
    "certificate_revoked",
    "frame_too_large",
    "hello_expected",
    "idle",
    "malformed_frame",
    "shutting_down",
    "slow_peer",
    "too_many_connections",
    "unsupported_version",
    "limit",
    "network",
    "bad_certificate",
    "crl",
    "expired",
    "no_certificate",
    "not_tls",
    "not_yet_valid",
    "other",
    "peer_alert",
    "protocol_version",
    "revoked",
    "unknown_ca",
    "wrong_purpose",
    "Others",
});

constexpr char lower(char c) noexcept {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool same_but_for_case(std::string_view a, std::string_view b) noexcept {
    return std::ranges::equal(a, b, [](char x, char y) { return lower(x) == lower(y); });
}

}  // namespace

std::optional<std::string_view> event_outcome(std::string_view text) noexcept {
    if (same_but_for_case(text, "AccessDenied") || same_but_for_case(text, "AccessDeniedException")) {
        return kDenied;
    }
    const auto* const found =
        std::ranges::find_if(kOutcomes, [&](auto known) { return same_but_for_case(known, text); });
    if (found == kOutcomes.end()) return std::nullopt;
    return *found;
}

std::string unknown_outcome(std::string_view text) {
    const std::vector<std::string> known(kOutcomes.begin(), kOutcomes.end());
    const auto nearest = nearest_word(text, known);
    std::string problem =
        "must be success, failure, denied, or an error code such as ResourceNotFoundException, "
        "not '" +
        std::string(text) + "'";
    if (!nearest.empty()) problem += "; did you mean '" + std::string(nearest) + "'?";
    return problem;
}

}  // namespace coffer
