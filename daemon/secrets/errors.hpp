#pragma once
// The errors that operations answer with: AWS's exception names and, word for word where they are known,
// AWS's texts. Every text that more than one operation uses has its one home here.

#include <string>
#include <string_view>

#include "coffer/v1/frame.pb.h"
#include "daemon/base/errors.hpp"

namespace coffer::secrets {

/// An error that is the caller's to read. Becomes the protocol's Error as it is.
class ServiceError : public Error {
public:
    ServiceError(v1::ErrorCode code, const std::string& message, bool retryable = false)
        : Error(message), code_(code), retryable_(retryable) {}
    [[nodiscard]] v1::ErrorCode code() const noexcept { return code_; }
    [[nodiscard]] bool retryable() const noexcept { return retryable_; }

private:
    v1::ErrorCode code_;
    bool retryable_;
};

[[nodiscard]] ServiceError secret_not_found();
[[nodiscard]] ServiceError no_value_for_label(std::string_view label);
[[nodiscard]] ServiceError no_value_for_version(std::string_view version_id);
[[nodiscard]] ServiceError marked_for_deletion();
[[nodiscard]] ServiceError invalid_name();
[[nodiscard]] ServiceError token_missing();
[[nodiscard]] ServiceError token_in_use(std::string_view token, std::string_view arn);
[[nodiscard]] ServiceError secret_exists(std::string_view name);
[[nodiscard]] ServiceError name_scheduled_for_deletion();
[[nodiscard]] ServiceError both_values();
[[nodiscard]] ServiceError no_value_given();
/// A KmsKeyId that the request names.
[[nodiscard]] ServiceError unknown_master_key(std::string_view kms_key_id);
/// One that the secret has had: the request named none, and its secret is there.
[[nodiscard]] ServiceError master_key_missing(std::string_view kms_key_id);
[[nodiscard]] ServiceError master_key_pending_deletion(std::string_view key_id);
[[nodiscard]] ServiceError invalid_next_token();
[[nodiscard]] ServiceError rotation_not_complete();
[[nodiscard]] ServiceError no_rotation_function();
[[nodiscard]] ServiceError unknown_rotation_function();
[[nodiscard]] ServiceError rotation_never_configured();
[[nodiscard]] ServiceError nothing_to_rotate();
[[nodiscard]] ServiceError not_implemented(std::string_view operation);

[[nodiscard]] ServiceError invalid_parameter(const std::string& message);
[[nodiscard]] ServiceError invalid_request(const std::string& message);
[[nodiscard]] ServiceError limit_exceeded(const std::string& message);

}  // namespace coffer::secrets
