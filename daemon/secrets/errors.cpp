#include "daemon/secrets/errors.hpp"

namespace coffer::secrets {

namespace {
std::string quoted(std::string_view before, std::string_view value, std::string_view after = "") {
    return std::string(before).append(value).append(after);
}
}  // namespace

ServiceError secret_not_found() {
    return {v1::RESOURCE_NOT_FOUND, "Secrets Manager can't find the specified secret."};
}

ServiceError no_value_for_label(std::string_view label) {
    return {v1::RESOURCE_NOT_FOUND,
            quoted("Secrets Manager can't find the specified secret value for staging label: ", label)};
}

ServiceError no_value_for_version(std::string_view version_id) {
    return {v1::RESOURCE_NOT_FOUND,
            quoted("Secrets Manager can't find the specified secret value for VersionId: ", version_id)};
}

ServiceError marked_for_deletion() {
    return invalid_request(
        "You can't perform this operation on the secret because it was marked for deletion.");
}

ServiceError invalid_name() {
    return {v1::VALIDATION,
            "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: "
            "-/_+=.@!"};
}

ServiceError token_missing() {
    return invalid_request("You must provide a ClientRequestToken value. We recommend a UUID-type value.");
}

ServiceError token_in_use(std::string_view token, std::string_view arn) {
    return {v1::RESOURCE_EXISTS,
            quoted("You can't use ClientRequestToken ", token,
                   quoted(" because that value is already in use for a version of secret ", arn, "."))};
}

ServiceError secret_exists(std::string_view name) {
    return {v1::RESOURCE_EXISTS,
            quoted("The operation failed because the secret ", name, " already exists.")};
}

ServiceError name_scheduled_for_deletion() {
    return invalid_request(
        "You can't create this secret because a secret with this name is already scheduled for deletion.");
}

ServiceError both_values() {
    return invalid_parameter(
        "You can't specify both a binary secret value and a string secret value in the same secret.");
}

ServiceError no_value_given() {
    return invalid_request("You must provide either SecretString or SecretBinary.");
}

ServiceError unknown_master_key(std::string_view kms_key_id) {
    return {
        v1::RESOURCE_NOT_FOUND,
        quoted("KmsKeyId '", kms_key_id,
               "' names no master key of this appliance. Use alias/NAME or a key id that 'coffer key list' "
               "shows, or leave KmsKeyId out for the default key.")};
}

ServiceError master_key_missing(std::string_view kms_key_id) {
    return {v1::ENCRYPTION_FAILURE,
            quoted("Secrets Manager can't encrypt the secret value: the secret's KmsKeyId '", kms_key_id,
                   "' names no master key of this appliance. Bring the key back (see 'coffer key list'), or "
                   "give the secret another KmsKeyId with UpdateSecret.")};
}

ServiceError master_key_pending_deletion(std::string_view key_id) {
    return {v1::INVALID_REQUEST,
            "The master key with id " + std::string(key_id) +
                " is pending deletion: nothing can be encrypted under it. Name another key, or "
                "cancel the deletion (CancelKeyDeletion)."};
}

ServiceError invalid_next_token() {
    return {v1::INVALID_NEXT_TOKEN,
            "The NextToken value is invalid. Use the token of the previous answer, with the same parameters, "
            "or leave it out to start from the beginning."};
}

ServiceError rotation_not_complete() {
    return invalid_request("A previous rotation isn't complete. That rotation will be reattempted.");
}

ServiceError no_rotation_function() {
    return invalid_request("No Lambda rotation function ARN is associated with this secret.");
}

ServiceError unknown_rotation_function() {
    return {
        v1::ACCESS_DENIED,
        "Secrets Manager cannot invoke the specified Lambda function. Ensure that the function policy grants "
        "access to the principal secretsmanager.amazonaws.com."};
}

ServiceError rotation_never_configured() {
    return invalid_request(
        "You tried to enable rotation on a secret that doesn't already have a Lambda function ARN configured "
        "and "
        "you didn't include such an ARN as a parameter in this call.");
}

ServiceError nothing_to_rotate() {
    return invalid_request(
        "The secret has no value to rotate. Store one first, with what its rotation function needs.");
}

ServiceError not_implemented(std::string_view operation) {
    return {v1::NOT_IMPLEMENTED, quoted("", operation, " is not implemented in this version of Coffer.")};
}

ServiceError invalid_parameter(const std::string& message) {
    return {v1::INVALID_PARAMETER, message};
}
ServiceError invalid_request(const std::string& message) {
    return {v1::INVALID_REQUEST, message};
}
ServiceError limit_exceeded(const std::string& message) {
    return {v1::LIMIT_EXCEEDED, message};
}

}  // namespace coffer::secrets
