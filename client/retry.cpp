#include "client/retry.hpp"

#include <algorithm>

#include "client/errors.hpp"
#include "proto/names.hpp"

namespace coffer::client {

bool is_repeatable(const v1::Request& request) {
    const auto operation = request.operation_case();
    if (proto::is_read_only(operation)) return true;
    switch (operation) {
        // With a recovery window a repetition is refused, since the secret is marked already.
        case v1::Request::kDeleteSecret:
            return request.delete_secret().force_delete_without_recovery();
        // Once the label has moved, remove_from_version_id names the wrong version and a repetition is
        // refused.
        case v1::Request::kUpdateSecretVersionStage:
            return !request.update_secret_version_stage().has_remove_from_version_id();
        // The token makes the daemon answer a repetition as it did the first time.
        case v1::Request::kCreateSecret:
            return request.create_secret().has_client_request_token();
        case v1::Request::kPutSecretValue:
            return request.put_secret_value().has_client_request_token();
        case v1::Request::kUpdateSecret:
            return request.update_secret().has_client_request_token();
        case v1::Request::kRotateSecret:
            return request.rotate_secret().has_client_request_token();
        // What ends in the same state, and is answered in the same way, however often it is done.
        case v1::Request::kRestoreSecret:
        case v1::Request::kCancelRotateSecret:
        case v1::Request::kTagResource:
        case v1::Request::kUntagResource:
        case v1::Request::kPutResourcePolicy:
        case v1::Request::kDeleteResourcePolicy:
        case v1::Request::kDisableUser:
        case v1::Request::kEnableUser:
        case v1::Request::kPutUserPolicy:
        case v1::Request::kAttachUserPolicy:
        case v1::Request::kPutUserPermissionsBoundary:
        case v1::Request::kTagUser:
        case v1::Request::kUntagUser:
        case v1::Request::kAddUserToGroup:
        case v1::Request::kPutGroupPolicy:
        case v1::Request::kAttachGroupPolicy:
        case v1::Request::kUpdateRole:
        case v1::Request::kDisableRole:
        case v1::Request::kEnableRole:
        case v1::Request::kUpdateAssumeRolePolicy:
        case v1::Request::kPutRolePolicy:
        case v1::Request::kAttachRolePolicy:
        case v1::Request::kPutRolePermissionsBoundary:
        case v1::Request::kTagRole:
        case v1::Request::kUntagRole:
        case v1::Request::kRevokeSessions:
        case v1::Request::kSetDefaultPolicyVersion:
        case v1::Request::kTagPolicy:
        case v1::Request::kUntagPolicy:
        case v1::Request::kUpdateAccessKey:
        case v1::Request::kPutListenerPolicy:
        case v1::Request::kApplyAccessConfiguration:
        case v1::Request::kEnableKeyRotation:
        case v1::Request::kDisableKeyRotation:
        case v1::Request::kPauseRotations:
        case v1::Request::kResumeRotations:
        case v1::Request::kRevokeCertificate:
            return true;
        // What was made or removed meanwhile is refused the second time, or made twice: a second access key
        // whose first secret is lost, a second generation of a master key.
        default:
            return false;
    }
}

Verdict judge(const std::exception_ptr& failure, bool repeatable) {
    try {
        std::rethrow_exception(failure);
    } catch (const ConnectionError& error) {
        if (error.sent() == Sent::maybe && !repeatable) return Verdict::outcome_unknown;
        return error.retryable() ? Verdict::try_again : Verdict::give_up;
    } catch (const ServiceError& error) {
        // Throttled requests were not begun. After the other retryable errors a write may have been done.
        const bool not_begun = error.code() == v1::THROTTLING;
        return error.retryable() && (repeatable || not_begun) ? Verdict::try_again : Verdict::give_up;
    } catch (...) {
        return Verdict::give_up;
    }
}

std::chrono::milliseconds backoff_ceiling(const Config& config, unsigned repetition) {
    constexpr unsigned kShiftMax = 20;
    const auto grown = config.backoff_base * (std::int64_t{1} << std::min(repetition, kShiftMax));
    return std::min(config.backoff_max, std::chrono::duration_cast<std::chrono::milliseconds>(grown));
}

}  // namespace coffer::client
