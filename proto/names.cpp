#include "proto/names.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace coffer::proto {

namespace {

constexpr std::array<std::pair<v1::ErrorCode, std::string_view>, 32> kErrors{{
    {v1::ACCESS_DENIED, "AccessDeniedException"},
    {v1::DECRYPTION_FAILURE, "DecryptionFailure"},
    {v1::ENCRYPTION_FAILURE, "EncryptionFailure"},
    {v1::INTERNAL_SERVICE_ERROR, "InternalServiceError"},
    {v1::INVALID_NEXT_TOKEN, "InvalidNextTokenException"},
    {v1::INVALID_PARAMETER, "InvalidParameterException"},
    {v1::INVALID_REQUEST, "InvalidRequestException"},
    {v1::LIMIT_EXCEEDED, "LimitExceededException"},
    {v1::MALFORMED_POLICY_DOCUMENT, "MalformedPolicyDocumentException"},
    {v1::PRECONDITION_NOT_MET, "PreconditionNotMetException"},
    {v1::PUBLIC_POLICY, "PublicPolicyException"},
    {v1::RESOURCE_EXISTS, "ResourceExistsException"},
    {v1::RESOURCE_NOT_FOUND, "ResourceNotFoundException"},
    {v1::THROTTLING, "ThrottlingException"},
    {v1::VALIDATION, "ValidationException"},
    {v1::UNKNOWN_OPERATION, "UnknownOperationException"},
    {v1::NOT_IMPLEMENTED, "NotImplementedException"},
    {v1::SERVICE_UNAVAILABLE, "ServiceUnavailableException"},
    {v1::DEADLINE_EXCEEDED, "RequestTimeoutException"},
    {v1::NO_SUCH_ENTITY, "NoSuchEntity"},
    {v1::ENTITY_ALREADY_EXISTS, "EntityAlreadyExists"},
    {v1::DELETE_CONFLICT, "DeleteConflict"},
    {v1::IAM_LIMIT_EXCEEDED, "LimitExceeded"},
    {v1::MALFORMED_POLICY, "MalformedPolicyDocument"},
    {v1::INVALID_INPUT, "InvalidInput"},
    {v1::UNMODIFIABLE_ENTITY, "UnmodifiableEntity"},
    {v1::INTEGRITY_FAILURE, "IntegrityFailureException"},
    {v1::EXPIRED_TOKEN, "ExpiredTokenException"},
    {v1::PACKED_POLICY_TOO_LARGE, "PackedPolicyTooLarge"},
    {v1::INVALID_IDENTITY_TOKEN, "InvalidIdentityToken"},
    {v1::IDP_REJECTED_CLAIM, "IDPRejectedClaim"},
    {v1::IDP_COMMUNICATION_ERROR, "IDPCommunicationError"},
}};

}  // namespace

std::string_view error_name(v1::ErrorCode code) noexcept {
    for (const auto& [known, name] : kErrors) {
        if (known == code) return name;
    }
    return "InternalServiceError";
}

std::optional<v1::ErrorCode> error_code(std::string_view name) noexcept {
    for (const auto& [code, known] : kErrors) {
        if (known == name) return code;
    }
    return std::nullopt;
}

std::string_view operation_name(v1::Request::OperationCase operation) noexcept {
    // The message of every operation is called <Operation>Request, so the schema itself has the name.
    const auto* field = v1::Request::descriptor()->FindFieldByNumber(static_cast<int>(operation));
    if (field == nullptr || field->message_type() == nullptr) return "Unknown";
    constexpr std::string_view kSuffix = "Request";
    std::string_view name = field->message_type()->name();
    name.remove_suffix(kSuffix.size());
    return name;
}

const google::protobuf::Message* operation_message(const v1::Request& request) {
    const auto* field =
        v1::Request::descriptor()->FindFieldByNumber(static_cast<int>(request.operation_case()));
    return field == nullptr ? nullptr : &request.GetReflection()->GetMessage(request, field);
}

bool is_read_only(v1::Request::OperationCase operation) noexcept {
    if (operation == v1::Request::OPERATION_NOT_SET) return true;
    constexpr std::array<std::string_view, 12> kReads{
        "Get",    "List",    "BatchGet", "Describe", "Validate",  "Simulate", "Verify",
        "WhoCan", "WhatCan", "Lint",     "Lookup",   "AssumeRole"};  // which changes nothing that is stored
    const auto name = operation_name(operation);
    return std::any_of(kReads.begin(), kReads.end(),
                       [name](std::string_view read) { return name.starts_with(read); });
}

}  // namespace coffer::proto
