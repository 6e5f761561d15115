#include "client/retry.hpp"

#include <algorithm>

#include "client/errors.hpp"

namespace coffer::client {

bool is_repeatable(const v1::Request& request) {
    switch (request.operation_case()) {
        // With a recovery window a repetition is refused, since the secret is marked already.
        case v1::Request::kDeleteSecret:
            return request.delete_secret().force_delete_without_recovery();
        // Once the label has moved, remove_from_version_id names the wrong version and a repetition is
        // refused.
        case v1::Request::kUpdateSecretVersionStage:
            return !request.update_secret_version_stage().has_remove_from_version_id();
        // A region that was added or removed meanwhile is refused.
        case v1::Request::kReplicateSecretToRegions:
        case v1::Request::kRemoveRegionsFromReplication:
        case v1::Request::kStopReplicationToReplica:
            return false;
        // What was made or removed meanwhile is refused the second time.
        case v1::Request::kCreateUser:
        case v1::Request::kDeleteUser:
        case v1::Request::kUpdateUser:
        case v1::Request::kDeleteUserPolicy:
        case v1::Request::kDetachUserPolicy:
        case v1::Request::kDeleteUserPermissionsBoundary:
        case v1::Request::kAddUserIdentity:
        case v1::Request::kRemoveUserIdentity:
        case v1::Request::kCreateGroup:
        case v1::Request::kDeleteGroup:
        case v1::Request::kUpdateGroup:
        case v1::Request::kRemoveUserFromGroup:
        case v1::Request::kDeleteGroupPolicy:
        case v1::Request::kDetachGroupPolicy:
        case v1::Request::kCreateRole:
        case v1::Request::kDeleteRole:
        case v1::Request::kDeleteRolePolicy:
        case v1::Request::kDetachRolePolicy:
        case v1::Request::kDeleteRolePermissionsBoundary:
        case v1::Request::kAddRoleIdentity:
        case v1::Request::kRemoveRoleIdentity:
        case v1::Request::kCreatePolicy:
        case v1::Request::kDeletePolicy:
        case v1::Request::kCreatePolicyVersion:
        case v1::Request::kDeletePolicyVersion:
        case v1::Request::kDeleteAccessKey:
        case v1::Request::kDiscardDamagedSecret:
        // A second key would be made, and the first one's secret be lost.
        case v1::Request::kCreateAccessKey:
            return false;
        // The token makes the daemon answer a repetition as it did the first time.
        case v1::Request::kCreateSecret:
            return request.create_secret().has_client_request_token();
        case v1::Request::kPutSecretValue:
            return request.put_secret_value().has_client_request_token();
        case v1::Request::kUpdateSecret:
            return request.update_secret().has_client_request_token();
        case v1::Request::kRotateSecret:
            return request.rotate_secret().has_client_request_token();
        // What reads, and what ends in the same state however often it is done.
        default:
            return true;
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
