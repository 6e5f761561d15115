#pragma once
// The operations, each once: its name in the schema and AWS's. Declarations that exist for every operation
// are made from this list.

#include <chrono>
#include <string>

/// Calls X(method, Name) for every operation.
#define COFFER_FOR_EACH_OPERATION(X)                                 \
    X(batch_get_secret_value, BatchGetSecretValue)                   \
    X(cancel_rotate_secret, CancelRotateSecret)                      \
    X(create_secret, CreateSecret)                                   \
    X(delete_resource_policy, DeleteResourcePolicy)                  \
    X(delete_secret, DeleteSecret)                                   \
    X(describe_secret, DescribeSecret)                               \
    X(get_random_password, GetRandomPassword)                        \
    X(get_resource_policy, GetResourcePolicy)                        \
    X(get_secret_value, GetSecretValue)                              \
    X(list_secret_version_ids, ListSecretVersionIds)                 \
    X(list_secrets, ListSecrets)                                     \
    X(put_resource_policy, PutResourcePolicy)                        \
    X(put_secret_value, PutSecretValue)                              \
    X(remove_regions_from_replication, RemoveRegionsFromReplication) \
    X(replicate_secret_to_regions, ReplicateSecretToRegions)         \
    X(restore_secret, RestoreSecret)                                 \
    X(rotate_secret, RotateSecret)                                   \
    X(stop_replication_to_replica, StopReplicationToReplica)         \
    X(tag_resource, TagResource)                                     \
    X(untag_resource, UntagResource)                                 \
    X(update_secret, UpdateSecret)                                   \
    X(update_secret_version_stage, UpdateSecretVersionStage)         \
    X(validate_resource_policy, ValidateResourcePolicy)

namespace coffer::client {

/// What one call may have of its own.
struct CallOptions {
    /// From the call to its answer, repetitions included. 0: Config::deadline.
    std::chrono::milliseconds deadline = std::chrono::milliseconds(0);
    /// Logged by the daemon with the request; at most 128 characters. Nothing secret.
    std::string trace_id;
};

}  // namespace coffer::client
