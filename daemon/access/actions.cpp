#include "daemon/access/actions.hpp"

#include <algorithm>
#include <array>

#include "daemon/access/ascii.hpp"
#include "daemon/access/glob.hpp"

namespace coffer::access {
namespace {

constexpr auto kFirstServiceKey = static_cast<std::size_t>(Key::sm_name);
static_assert(kSingleKeys - kFirstServiceKey <= 64, "the service keys fit into one word");

constexpr std::uint64_t bit(Key key) {
    return std::uint64_t{1} << (static_cast<std::size_t>(key) - kFirstServiceKey);
}

constexpr std::uint64_t kOfNewSecret = bit(Key::sm_resource_rotation_lambda_arn) | bit(Key::sm_resource_type);
constexpr std::uint64_t kOfSecret =
    kOfNewSecret | bit(Key::sm_secret_id) | bit(Key::sm_secret_primary_region);

constexpr std::array<ActionInfo, kActions> kTable{{
    {Action::batch_get_secret_value, "secretsmanager:BatchGetSecretValue", AccessLevel::read,
     ResourceType::none, 0},
    {Action::cancel_rotate_secret, "secretsmanager:CancelRotateSecret", AccessLevel::write,
     ResourceType::secret, kOfSecret},
    {Action::create_secret, "secretsmanager:CreateSecret", AccessLevel::write, ResourceType::secret,
     kOfNewSecret | bit(Key::sm_name) | bit(Key::sm_description) | bit(Key::sm_kms_key_id) |
         bit(Key::sm_kms_key_arn) | bit(Key::sm_add_replica_regions) | bit(Key::sm_force_overwrite_replica) |
         bit(Key::sm_type)},
    {Action::delete_resource_policy, "secretsmanager:DeleteResourcePolicy", AccessLevel::permissions,
     ResourceType::secret, kOfSecret},
    {Action::delete_secret, "secretsmanager:DeleteSecret", AccessLevel::write, ResourceType::secret,
     kOfSecret | bit(Key::sm_recovery_window_in_days) | bit(Key::sm_force_delete)},
    {Action::describe_secret, "secretsmanager:DescribeSecret", AccessLevel::read, ResourceType::secret,
     kOfSecret},
    {Action::get_random_password, "secretsmanager:GetRandomPassword", AccessLevel::read, ResourceType::none,
     0},
    {Action::get_resource_policy, "secretsmanager:GetResourcePolicy", AccessLevel::read, ResourceType::secret,
     kOfSecret},
    {Action::get_secret_value, "secretsmanager:GetSecretValue", AccessLevel::read, ResourceType::secret,
     kOfSecret | bit(Key::sm_version_id) | bit(Key::sm_version_stage)},
    {Action::list_secret_version_ids, "secretsmanager:ListSecretVersionIds", AccessLevel::read,
     ResourceType::secret, kOfSecret},
    {Action::list_secrets, "secretsmanager:ListSecrets", AccessLevel::list, ResourceType::none, 0},
    {Action::put_resource_policy, "secretsmanager:PutResourcePolicy", AccessLevel::permissions,
     ResourceType::secret, kOfSecret | bit(Key::sm_block_public_policy)},
    {Action::put_secret_value, "secretsmanager:PutSecretValue", AccessLevel::write, ResourceType::secret,
     kOfSecret},
    {Action::remove_regions_from_replication, "secretsmanager:RemoveRegionsFromReplication",
     AccessLevel::write, ResourceType::secret, kOfSecret},
    {Action::replicate_secret_to_regions, "secretsmanager:ReplicateSecretToRegions", AccessLevel::write,
     ResourceType::secret,
     kOfSecret | bit(Key::sm_add_replica_regions) | bit(Key::sm_force_overwrite_replica)},
    {Action::restore_secret, "secretsmanager:RestoreSecret", AccessLevel::write, ResourceType::secret,
     kOfSecret},
    {Action::rotate_secret, "secretsmanager:RotateSecret", AccessLevel::write, ResourceType::secret,
     kOfSecret | bit(Key::sm_external_rotation_role_arn) | bit(Key::sm_modify_rotation_rules) |
         bit(Key::sm_rotate_immediately) | bit(Key::sm_rotation_lambda_arn)},
    {Action::stop_replication_to_replica, "secretsmanager:StopReplicationToReplica", AccessLevel::write,
     ResourceType::secret, kOfSecret},
    {Action::tag_resource, "secretsmanager:TagResource", AccessLevel::tagging, ResourceType::secret,
     kOfSecret},
    {Action::untag_resource, "secretsmanager:UntagResource", AccessLevel::tagging, ResourceType::secret,
     kOfSecret},
    {Action::update_secret, "secretsmanager:UpdateSecret", AccessLevel::write, ResourceType::secret,
     kOfSecret | bit(Key::sm_description) | bit(Key::sm_kms_key_id) | bit(Key::sm_kms_key_arn) |
         bit(Key::sm_type)},
    {Action::update_secret_version_stage, "secretsmanager:UpdateSecretVersionStage", AccessLevel::write,
     ResourceType::secret, kOfSecret | bit(Key::sm_version_stage)},
    {Action::validate_resource_policy, "secretsmanager:ValidateResourcePolicy", AccessLevel::permissions,
     ResourceType::secret, kOfSecret},
    {Action::sts_assume_role, "sts:AssumeRole", AccessLevel::write, ResourceType::role,
     bit(Key::sts_role_session_name) | bit(Key::sts_external_id) | bit(Key::sts_source_identity) |
         bit(Key::sts_duration_seconds) | bit(Key::sts_transitive_tag_keys)},
    {Action::sts_assume_role_with_web_identity, "sts:AssumeRoleWithWebIdentity", AccessLevel::write,
     ResourceType::role,
     bit(Key::sts_role_session_name) | bit(Key::sts_source_identity) | bit(Key::sts_duration_seconds) |
         bit(Key::sts_transitive_tag_keys)},
    {Action::sts_get_caller_identity, "sts:GetCallerIdentity", AccessLevel::read, ResourceType::none, 0},
    {Action::sts_get_session_token, "sts:GetSessionToken", AccessLevel::read, ResourceType::none, 0},
    {Action::sts_tag_session, "sts:TagSession", AccessLevel::tagging, ResourceType::role,
     bit(Key::sts_role_session_name) | bit(Key::sts_external_id) | bit(Key::sts_source_identity) |
         bit(Key::sts_duration_seconds) | bit(Key::sts_transitive_tag_keys)},
    {Action::sts_set_source_identity, "sts:SetSourceIdentity", AccessLevel::write, ResourceType::role,
     bit(Key::sts_role_session_name) | bit(Key::sts_external_id) | bit(Key::sts_source_identity) |
         bit(Key::sts_duration_seconds) | bit(Key::sts_transitive_tag_keys)},
    {Action::sts_decode_authorization_message, "sts:DecodeAuthorizationMessage", AccessLevel::write,
     ResourceType::none, 0},
    {Action::kms_create_key, "kms:CreateKey", AccessLevel::write, ResourceType::none, 0},
    {Action::kms_list_keys, "kms:ListKeys", AccessLevel::list, ResourceType::none, 0},
    {Action::kms_list_aliases, "kms:ListAliases", AccessLevel::list, ResourceType::none, 0},
    {Action::kms_describe_key, "kms:DescribeKey", AccessLevel::read, ResourceType::key, 0},
    {Action::kms_get_key_rotation_status, "kms:GetKeyRotationStatus", AccessLevel::read, ResourceType::key,
     0},
    {Action::kms_list_key_rotations, "kms:ListKeyRotations", AccessLevel::read, ResourceType::key, 0},
    {Action::kms_rotate_key_on_demand, "kms:RotateKeyOnDemand", AccessLevel::write, ResourceType::key, 0},
    {Action::kms_enable_key_rotation, "kms:EnableKeyRotation", AccessLevel::write, ResourceType::key, 0},
    {Action::kms_disable_key_rotation, "kms:DisableKeyRotation", AccessLevel::write, ResourceType::key, 0},
    {Action::kms_enable_key, "kms:EnableKey", AccessLevel::write, ResourceType::key, 0},
    {Action::kms_disable_key, "kms:DisableKey", AccessLevel::write, ResourceType::key, 0},
    {Action::kms_schedule_key_deletion, "kms:ScheduleKeyDeletion", AccessLevel::write, ResourceType::key, 0},
    {Action::kms_cancel_key_deletion, "kms:CancelKeyDeletion", AccessLevel::write, ResourceType::key, 0},
    {Action::kms_update_key_description, "kms:UpdateKeyDescription", AccessLevel::write, ResourceType::key,
     0},
    {Action::kms_generate_data_key, "kms:GenerateDataKey", AccessLevel::write, ResourceType::key, 0},
    {Action::kms_encrypt, "kms:Encrypt", AccessLevel::write, ResourceType::key, 0},
    {Action::kms_decrypt, "kms:Decrypt", AccessLevel::write, ResourceType::key, 0},
    {Action::kms_re_encrypt_from, "kms:ReEncryptFrom", AccessLevel::write, ResourceType::key, 0},
    {Action::kms_re_encrypt_to, "kms:ReEncryptTo", AccessLevel::write, ResourceType::key, 0},
    {Action::kms_tag_resource, "kms:TagResource", AccessLevel::tagging, ResourceType::key, 0},
    {Action::kms_untag_resource, "kms:UntagResource", AccessLevel::tagging, ResourceType::key, 0},
    {Action::kms_create_alias, "kms:CreateAlias", AccessLevel::write, ResourceType::alias, 0},
    {Action::kms_update_alias, "kms:UpdateAlias", AccessLevel::write, ResourceType::alias, 0},
    {Action::kms_delete_alias, "kms:DeleteAlias", AccessLevel::write, ResourceType::alias, 0},
    {Action::iam_create_user, "iam:CreateUser", AccessLevel::write, ResourceType::user,
     bit(Key::iam_permissions_boundary)},
    {Action::iam_delete_user, "iam:DeleteUser", AccessLevel::write, ResourceType::user, 0},
    {Action::iam_update_user, "iam:UpdateUser", AccessLevel::write, ResourceType::user, 0},
    {Action::iam_create_access_key, "iam:CreateAccessKey", AccessLevel::write, ResourceType::user, 0},
    {Action::iam_delete_access_key, "iam:DeleteAccessKey", AccessLevel::write, ResourceType::user, 0},
    {Action::iam_update_access_key, "iam:UpdateAccessKey", AccessLevel::write, ResourceType::user, 0},
    {Action::iam_get_user, "iam:GetUser", AccessLevel::read, ResourceType::user, 0},
    {Action::iam_get_user_policy, "iam:GetUserPolicy", AccessLevel::read, ResourceType::user, 0},
    {Action::iam_list_users, "iam:ListUsers", AccessLevel::list, ResourceType::none, 0},
    {Action::iam_list_user_policies, "iam:ListUserPolicies", AccessLevel::list, ResourceType::user, 0},
    {Action::iam_list_attached_user_policies, "iam:ListAttachedUserPolicies", AccessLevel::list,
     ResourceType::user, 0},
    {Action::iam_list_groups_for_user, "iam:ListGroupsForUser", AccessLevel::list, ResourceType::user, 0},
    {Action::iam_list_user_tags, "iam:ListUserTags", AccessLevel::list, ResourceType::user, 0},
    {Action::iam_list_access_keys, "iam:ListAccessKeys", AccessLevel::list, ResourceType::user, 0},
    {Action::iam_get_access_key_last_used, "iam:GetAccessKeyLastUsed", AccessLevel::read, ResourceType::user,
     0},
    {Action::iam_put_user_policy, "iam:PutUserPolicy", AccessLevel::permissions, ResourceType::user,
     bit(Key::iam_permissions_boundary)},
    {Action::iam_delete_user_policy, "iam:DeleteUserPolicy", AccessLevel::permissions, ResourceType::user,
     bit(Key::iam_permissions_boundary)},
    {Action::iam_put_user_permissions_boundary, "iam:PutUserPermissionsBoundary", AccessLevel::permissions,
     ResourceType::user, bit(Key::iam_permissions_boundary)},
    {Action::iam_delete_user_permissions_boundary, "iam:DeleteUserPermissionsBoundary",
     AccessLevel::permissions, ResourceType::user, bit(Key::iam_permissions_boundary)},
    {Action::iam_attach_user_policy, "iam:AttachUserPolicy", AccessLevel::permissions, ResourceType::user,
     bit(Key::iam_permissions_boundary) | bit(Key::iam_policy_arn)},
    {Action::iam_detach_user_policy, "iam:DetachUserPolicy", AccessLevel::permissions, ResourceType::user,
     bit(Key::iam_permissions_boundary) | bit(Key::iam_policy_arn)},
    {Action::iam_tag_user, "iam:TagUser", AccessLevel::tagging, ResourceType::user, 0},
    {Action::iam_untag_user, "iam:UntagUser", AccessLevel::tagging, ResourceType::user, 0},
    {Action::iam_create_group, "iam:CreateGroup", AccessLevel::write, ResourceType::group, 0},
    {Action::iam_delete_group, "iam:DeleteGroup", AccessLevel::write, ResourceType::group, 0},
    {Action::iam_update_group, "iam:UpdateGroup", AccessLevel::write, ResourceType::group, 0},
    {Action::iam_add_user_to_group, "iam:AddUserToGroup", AccessLevel::write, ResourceType::group, 0},
    {Action::iam_remove_user_from_group, "iam:RemoveUserFromGroup", AccessLevel::write, ResourceType::group,
     0},
    {Action::iam_get_group, "iam:GetGroup", AccessLevel::read, ResourceType::group, 0},
    {Action::iam_get_group_policy, "iam:GetGroupPolicy", AccessLevel::read, ResourceType::group, 0},
    {Action::iam_list_groups, "iam:ListGroups", AccessLevel::list, ResourceType::none, 0},
    {Action::iam_list_group_policies, "iam:ListGroupPolicies", AccessLevel::list, ResourceType::group, 0},
    {Action::iam_list_attached_group_policies, "iam:ListAttachedGroupPolicies", AccessLevel::list,
     ResourceType::group, 0},
    {Action::iam_put_group_policy, "iam:PutGroupPolicy", AccessLevel::permissions, ResourceType::group, 0},
    {Action::iam_delete_group_policy, "iam:DeleteGroupPolicy", AccessLevel::permissions, ResourceType::group,
     0},
    {Action::iam_attach_group_policy, "iam:AttachGroupPolicy", AccessLevel::permissions, ResourceType::group,
     bit(Key::iam_policy_arn)},
    {Action::iam_detach_group_policy, "iam:DetachGroupPolicy", AccessLevel::permissions, ResourceType::group,
     bit(Key::iam_policy_arn)},
    {Action::iam_create_role, "iam:CreateRole", AccessLevel::write, ResourceType::role,
     bit(Key::iam_permissions_boundary)},
    {Action::iam_delete_role, "iam:DeleteRole", AccessLevel::write, ResourceType::role, 0},
    {Action::iam_update_role, "iam:UpdateRole", AccessLevel::write, ResourceType::role, 0},
    {Action::iam_pass_role, "iam:PassRole", AccessLevel::write, ResourceType::role,
     bit(Key::iam_passed_to_service)},
    {Action::iam_get_role, "iam:GetRole", AccessLevel::read, ResourceType::role, 0},
    {Action::iam_get_role_policy, "iam:GetRolePolicy", AccessLevel::read, ResourceType::role, 0},
    {Action::iam_list_roles, "iam:ListRoles", AccessLevel::list, ResourceType::none, 0},
    {Action::iam_list_role_policies, "iam:ListRolePolicies", AccessLevel::list, ResourceType::role, 0},
    {Action::iam_list_attached_role_policies, "iam:ListAttachedRolePolicies", AccessLevel::list,
     ResourceType::role, 0},
    {Action::iam_list_role_tags, "iam:ListRoleTags", AccessLevel::list, ResourceType::role, 0},
    {Action::iam_put_role_policy, "iam:PutRolePolicy", AccessLevel::permissions, ResourceType::role,
     bit(Key::iam_permissions_boundary)},
    {Action::iam_delete_role_policy, "iam:DeleteRolePolicy", AccessLevel::permissions, ResourceType::role,
     bit(Key::iam_permissions_boundary)},
    {Action::iam_put_role_permissions_boundary, "iam:PutRolePermissionsBoundary", AccessLevel::permissions,
     ResourceType::role, bit(Key::iam_permissions_boundary)},
    {Action::iam_delete_role_permissions_boundary, "iam:DeleteRolePermissionsBoundary",
     AccessLevel::permissions, ResourceType::role, bit(Key::iam_permissions_boundary)},
    {Action::iam_attach_role_policy, "iam:AttachRolePolicy", AccessLevel::permissions, ResourceType::role,
     bit(Key::iam_permissions_boundary) | bit(Key::iam_policy_arn)},
    {Action::iam_detach_role_policy, "iam:DetachRolePolicy", AccessLevel::permissions, ResourceType::role,
     bit(Key::iam_permissions_boundary) | bit(Key::iam_policy_arn)},
    {Action::iam_update_assume_role_policy, "iam:UpdateAssumeRolePolicy", AccessLevel::permissions,
     ResourceType::role, 0},
    {Action::iam_tag_role, "iam:TagRole", AccessLevel::tagging, ResourceType::role, 0},
    {Action::iam_untag_role, "iam:UntagRole", AccessLevel::tagging, ResourceType::role, 0},
    {Action::iam_create_policy, "iam:CreatePolicy", AccessLevel::permissions, ResourceType::policy, 0},
    {Action::iam_create_policy_version, "iam:CreatePolicyVersion", AccessLevel::permissions,
     ResourceType::policy, 0},
    {Action::iam_delete_policy, "iam:DeletePolicy", AccessLevel::permissions, ResourceType::policy, 0},
    {Action::iam_delete_policy_version, "iam:DeletePolicyVersion", AccessLevel::permissions,
     ResourceType::policy, 0},
    {Action::iam_set_default_policy_version, "iam:SetDefaultPolicyVersion", AccessLevel::permissions,
     ResourceType::policy, 0},
    {Action::iam_get_policy, "iam:GetPolicy", AccessLevel::read, ResourceType::policy, 0},
    {Action::iam_get_policy_version, "iam:GetPolicyVersion", AccessLevel::read, ResourceType::policy, 0},
    {Action::iam_list_policies, "iam:ListPolicies", AccessLevel::list, ResourceType::none, 0},
    {Action::iam_list_policy_versions, "iam:ListPolicyVersions", AccessLevel::list, ResourceType::policy, 0},
    {Action::iam_list_entities_for_policy, "iam:ListEntitiesForPolicy", AccessLevel::list,
     ResourceType::policy, 0},
    {Action::iam_tag_policy, "iam:TagPolicy", AccessLevel::tagging, ResourceType::policy, 0},
    {Action::iam_untag_policy, "iam:UntagPolicy", AccessLevel::tagging, ResourceType::policy, 0},
    {Action::iam_list_policy_tags, "iam:ListPolicyTags", AccessLevel::list, ResourceType::policy, 0},
    {Action::iam_simulate_principal_policy, "iam:SimulatePrincipalPolicy", AccessLevel::read,
     ResourceType::none, 0},
    {Action::iam_simulate_custom_policy, "iam:SimulateCustomPolicy", AccessLevel::read, ResourceType::none,
     0},
    {Action::iam_get_account_authorization_details, "iam:GetAccountAuthorizationDetails", AccessLevel::read,
     ResourceType::none, 0},
    {Action::cloudtrail_lookup_events, "cloudtrail:LookupEvents", AccessLevel::read, ResourceType::none, 0},
    {Action::coffer_get_usage, "coffer:GetUsage", AccessLevel::read, ResourceType::none, 0},
    {Action::coffer_list_unused_secrets, "coffer:ListUnusedSecrets", AccessLevel::read, ResourceType::none,
     0},
    {Action::coffer_who_can, "coffer:WhoCan", AccessLevel::read, ResourceType::none, 0},
    {Action::coffer_what_can, "coffer:WhatCan", AccessLevel::read, ResourceType::none, 0},
    {Action::coffer_lint_policies, "coffer:LintPolicies", AccessLevel::read, ResourceType::none, 0},
    {Action::coffer_get_node_status, "coffer:GetNodeStatus", AccessLevel::read, ResourceType::none, 0},
    {Action::coffer_verify_keys, "coffer:VerifyKeys", AccessLevel::read, ResourceType::none, 0},
    {Action::coffer_list_listeners, "coffer:ListListeners", AccessLevel::list, ResourceType::none, 0},
    {Action::coffer_get_listener, "coffer:GetListener", AccessLevel::read, ResourceType::listener, 0},
    {Action::coffer_put_listener_policy, "coffer:PutListenerPolicy", AccessLevel::permissions,
     ResourceType::listener, 0},
    {Action::coffer_delete_listener_policy, "coffer:DeleteListenerPolicy", AccessLevel::permissions,
     ResourceType::listener, 0},
    {Action::coffer_apply_access_configuration, "coffer:ApplyAccessConfiguration", AccessLevel::permissions,
     ResourceType::none, 0},
    {Action::coffer_retire_key_generations, "coffer:RetireKeyGenerations", AccessLevel::write,
     ResourceType::none, 0},
    {Action::coffer_reload_configuration, "coffer:ReloadConfiguration", AccessLevel::write,
     ResourceType::none, 0},
    {Action::coffer_list_rotation_functions, "coffer:ListRotationFunctions", AccessLevel::list,
     ResourceType::none, 0},
    {Action::coffer_list_rotations, "coffer:ListRotations", AccessLevel::list, ResourceType::none, 0},
    {Action::coffer_get_rotation, "coffer:GetRotation", AccessLevel::read, ResourceType::secret, kOfSecret},
    {Action::coffer_retry_rotation, "coffer:RetryRotation", AccessLevel::write, ResourceType::secret,
     kOfSecret},
    {Action::coffer_abandon_rotation, "coffer:AbandonRotation", AccessLevel::write, ResourceType::secret,
     kOfSecret},
    {Action::coffer_acknowledge_rotation, "coffer:AcknowledgeRotation", AccessLevel::write,
     ResourceType::secret, kOfSecret},
    {Action::coffer_pause_rotations, "coffer:PauseRotations", AccessLevel::write, ResourceType::secret,
     kOfSecret},
    {Action::coffer_resume_rotations, "coffer:ResumeRotations", AccessLevel::write, ResourceType::secret,
     kOfSecret},
    {Action::coffer_check_rotation, "coffer:CheckRotation", AccessLevel::read, ResourceType::secret,
     kOfSecret | bit(Key::sm_rotation_lambda_arn)},
    {Action::coffer_list_certificate_authorities, "coffer:ListCertificateAuthorities", AccessLevel::list,
     ResourceType::none, 0},
    {Action::coffer_list_certificates, "coffer:ListCertificates", AccessLevel::list, ResourceType::none, 0},
    {Action::coffer_revoke_certificate, "coffer:RevokeCertificate", AccessLevel::write, ResourceType::secret,
     kOfSecret},
    {Action::coffer_get_certificate_revocation_list, "coffer:GetCertificateRevocationList", AccessLevel::read,
     ResourceType::none, 0},
    {Action::coffer_list_damaged_secrets, "coffer:ListDamagedSecrets", AccessLevel::list, ResourceType::none,
     0},
    {Action::coffer_discard_damaged_secret, "coffer:DiscardDamagedSecret", AccessLevel::write,
     ResourceType::none, 0},
}};

consteval bool actions_in_order() {
    for (std::size_t i = 0; i < kTable.size(); ++i) {
        if (static_cast<std::size_t>(kTable[i].action) != i) return false;
    }
    return true;
}
static_assert(actions_in_order(), "an action is the place of its row");

/// The names in lower case, made by the compiler.
struct LowerName {
    std::array<char, 64> text{};
    std::size_t size = 0;

    [[nodiscard]] constexpr std::string_view view() const noexcept { return {text.data(), size}; }
};

consteval std::array<LowerName, kActions> lower_names() {
    std::array<LowerName, kActions> out;
    for (std::size_t i = 0; i < kActions; ++i) {
        for (const char c : kTable[i].name) out[i].text[out[i].size++] = to_lower(c);
    }
    return out;
}
constexpr auto kLowerNames = lower_names();

}  // namespace

std::span<const ActionInfo> action_table() noexcept {
    return kTable;
}

const ActionInfo& action_info(Action action) noexcept {
    return kTable[static_cast<std::size_t>(action)];
}

std::optional<Action> find_action(std::string_view name) noexcept {
    const auto row = std::find_if(kTable.begin(), kTable.end(), [&](const ActionInfo& info) {
        return equals_ignore_case(info.name, name);
    });
    if (row == kTable.end()) return std::nullopt;
    return row->action;
}

ActionSet matching_actions(std::string_view pattern) {
    ActionSet set;
    const auto glob = to_lower(to_glob(pattern));
    for (std::size_t i = 0; i < kTable.size(); ++i) set[i] = glob_matches(glob, kLowerNames[i].view());
    return set;
}

bool brings_tags(Action action) noexcept {
    switch (action) {
        case Action::create_secret:
        case Action::sts_assume_role:
        case Action::sts_assume_role_with_web_identity:
        case Action::sts_set_source_identity:
        case Action::iam_create_user:
        case Action::iam_create_role:
        case Action::iam_create_policy:
        case Action::kms_create_key:
            return true;
        default:
            return action_info(action).level == AccessLevel::tagging;
    }
}

bool key_applies(const ActionInfo& action, Key key) noexcept {
    const auto i = static_cast<std::size_t>(key);
    if (i < kFirstServiceKey || i >= kSingleKeys) return true;
    return (action.service_keys & bit(key)) != 0;
}

ResourceForm resource_form(ResourceType type) noexcept {
    switch (type) {
        case ResourceType::none:
            return {"", ""};
        case ResourceType::secret:
            return {"secretsmanager", "secret:"};
        case ResourceType::key:
            return {"kms", "key/"};
        case ResourceType::alias:
            return {"kms", "alias/"};
        case ResourceType::user:
            return {"iam", "user/"};
        case ResourceType::group:
            return {"iam", "group/"};
        case ResourceType::role:
            return {"iam", "role/"};
        case ResourceType::policy:
            return {"iam", "policy/"};
        case ResourceType::listener:
            return {"coffer", "listener/"};
    }
    return {"", ""};
}

}  // namespace coffer::access
