#pragma once
// The actions that policies decide over: one table for parsing, evaluation and findings. Secrets Manager's
// come from the service authorization reference (actions, resource types and condition keys). For Coffer's
// own management the names of IAM, STS, KMS and CloudTrail are used where AWS has such an operation, the
// service prefix `coffer` where not.

#include <bitset>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "daemon/access/condition_keys.hpp"

namespace coffer::access {

enum class Action : std::uint8_t {
    batch_get_secret_value,
    cancel_rotate_secret,
    create_secret,
    delete_resource_policy,
    delete_secret,
    describe_secret,
    get_random_password,
    get_resource_policy,
    get_secret_value,
    list_secret_version_ids,
    list_secrets,
    put_resource_policy,
    put_secret_value,
    remove_regions_from_replication,
    replicate_secret_to_regions,
    restore_secret,
    rotate_secret,
    stop_replication_to_replica,
    tag_resource,
    untag_resource,
    update_secret,
    update_secret_version_stage,
    validate_resource_policy,
    sts_assume_role,
    sts_assume_role_with_web_identity,
    sts_get_caller_identity,
    sts_get_session_token,
    sts_tag_session,
    sts_set_source_identity,
    sts_decode_authorization_message,
    kms_create_key,
    kms_list_keys,
    kms_list_aliases,
    kms_describe_key,
    kms_get_key_rotation_status,
    kms_list_key_rotations,
    kms_rotate_key_on_demand,
    kms_enable_key_rotation,
    kms_disable_key_rotation,
    kms_enable_key,
    kms_disable_key,
    kms_schedule_key_deletion,
    kms_cancel_key_deletion,
    kms_update_key_description,
    kms_generate_data_key,
    kms_encrypt,
    kms_decrypt,
    kms_re_encrypt_from,
    kms_re_encrypt_to,
    kms_tag_resource,
    kms_untag_resource,
    kms_create_alias,
    kms_update_alias,
    kms_delete_alias,
    iam_create_user,
    iam_delete_user,
    iam_update_user,
    iam_create_access_key,
    iam_delete_access_key,
    iam_update_access_key,
    iam_get_user,
    iam_get_user_policy,
    iam_list_users,
    iam_list_user_policies,
    iam_list_attached_user_policies,
    iam_list_groups_for_user,
    iam_list_user_tags,
    iam_list_access_keys,
    iam_get_access_key_last_used,
    iam_put_user_policy,
    iam_delete_user_policy,
    iam_put_user_permissions_boundary,
    iam_delete_user_permissions_boundary,
    iam_attach_user_policy,
    iam_detach_user_policy,
    iam_tag_user,
    iam_untag_user,
    iam_create_group,
    iam_delete_group,
    iam_update_group,
    iam_add_user_to_group,
    iam_remove_user_from_group,
    iam_get_group,
    iam_get_group_policy,
    iam_list_groups,
    iam_list_group_policies,
    iam_list_attached_group_policies,
    iam_put_group_policy,
    iam_delete_group_policy,
    iam_attach_group_policy,
    iam_detach_group_policy,
    iam_create_role,
    iam_delete_role,
    iam_update_role,
    iam_pass_role,
    iam_get_role,
    iam_get_role_policy,
    iam_list_roles,
    iam_list_role_policies,
    iam_list_attached_role_policies,
    iam_list_role_tags,
    iam_put_role_policy,
    iam_delete_role_policy,
    iam_put_role_permissions_boundary,
    iam_delete_role_permissions_boundary,
    iam_attach_role_policy,
    iam_detach_role_policy,
    iam_update_assume_role_policy,
    iam_tag_role,
    iam_untag_role,
    iam_create_policy,
    iam_create_policy_version,
    iam_delete_policy,
    iam_delete_policy_version,
    iam_set_default_policy_version,
    iam_get_policy,
    iam_get_policy_version,
    iam_list_policies,
    iam_list_policy_versions,
    iam_list_entities_for_policy,
    iam_tag_policy,
    iam_untag_policy,
    iam_list_policy_tags,
    iam_simulate_principal_policy,
    iam_simulate_custom_policy,
    iam_get_account_authorization_details,
    cloudtrail_lookup_events,
    coffer_get_usage,
    coffer_list_unused_secrets,
    coffer_who_can,
    coffer_what_can,
    coffer_lint_policies,
    coffer_get_node_status,
    coffer_verify_keys,
    coffer_list_listeners,
    coffer_get_listener,
    coffer_put_listener_policy,
    coffer_delete_listener_policy,
    coffer_apply_access_configuration,
    coffer_retire_key_generations,
    coffer_reload_configuration,
    coffer_list_rotation_functions,
    coffer_list_rotations,
    coffer_get_rotation,
    coffer_retry_rotation,
    coffer_abandon_rotation,
    coffer_acknowledge_rotation,
    coffer_pause_rotations,
    coffer_resume_rotations,
    coffer_check_rotation,
    coffer_list_certificate_authorities,
    coffer_list_certificates,
    coffer_revoke_certificate,
    coffer_get_certificate_revocation_list,
    coffer_list_damaged_secrets,
    coffer_discard_damaged_secret
};

inline constexpr std::size_t kActions = 156;
using ActionSet = std::bitset<kActions>;

/// As AWS classes actions ("access levels").
enum class AccessLevel : std::uint8_t { list, read, write, permissions, tagging };

/// What an action is done to. An action of `none` is decided on the resource "*" alone.
enum class ResourceType : std::uint8_t { none, secret, key, alias, user, group, role, policy, listener };

struct ActionInfo {
    Action action;
    /// "secretsmanager:GetSecretValue"
    std::string_view name;
    AccessLevel level;
    ResourceType resource;
    /// The keys of its service that a request for it may carry. Global (`aws:`) and `coffer:` keys go with
    /// all.
    std::uint64_t service_keys;
};

/// The rows in the order of the enumeration; immutable.
[[nodiscard]] std::span<const ActionInfo> action_table() noexcept;
[[nodiscard]] const ActionInfo& action_info(Action action) noexcept;

/// The action of exactly that name but for case ("secretsmanager:getsecretvalue").
[[nodiscard]] std::optional<Action> find_action(std::string_view name) noexcept;

/// The actions that a pattern with `*` and `?` names, without regard to case.
[[nodiscard]] ActionSet matching_actions(std::string_view pattern);

/// Whether the role that the request is for has to agree, by its trust policy: AssumeRole and what goes with
/// it. No other action on a role is decided by that policy.
[[nodiscard]] constexpr bool asks_trust_policy(Action action) noexcept {
    return action == Action::sts_assume_role || action == Action::sts_assume_role_with_web_identity ||
           action == Action::sts_tag_session || action == Action::sts_set_source_identity;
}

/// Whether requests for `action` may bring tags or take them away (aws:RequestTag, aws:TagKeys).
[[nodiscard]] bool brings_tags(Action action) noexcept;

/// Whether requests for `action` may carry `key`. Families of tags go with all.
[[nodiscard]] bool key_applies(const ActionInfo& action, Key key) noexcept;

/// The service and the beginning of the resource part that ARNs of this type have: {"secretsmanager",
/// "secret:"}.
struct ResourceForm {
    std::string_view service;
    std::string_view prefix;
};
[[nodiscard]] ResourceForm resource_form(ResourceType type) noexcept;

}  // namespace coffer::access
