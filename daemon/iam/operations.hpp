#pragma once
// Every operation, in the order of the schema. Each is a function of its request and of what it works with,
// authorizes itself first, and throws ServiceError with IAM's name for what the caller did wrong, or
// access::AccessDenied. An operation that reads is given the directory (READ); one that also asks about
// secrets or statistics the database (ASK); one that writes a draft, inside the transaction that stores it
// (WRITE).

#include "coffer/v1/iam.pb.h"
#include "daemon/iam/work.hpp"

// clang-format off
#define COFFER_IAM_OPERATIONS(READ, ASK, WRITE) \
    WRITE(CreateUser, create_user) \
    READ(GetUser, get_user) \
    READ(ListUsers, list_users) \
    WRITE(UpdateUser, update_user) \
    WRITE(DeleteUser, delete_user) \
    WRITE(DisableUser, disable_user) \
    WRITE(EnableUser, enable_user) \
    READ(ListGroupsForUser, list_groups_for_user) \
    WRITE(PutUserPolicy, put_user_policy) \
    READ(GetUserPolicy, get_user_policy) \
    READ(ListUserPolicies, list_user_policies) \
    WRITE(DeleteUserPolicy, delete_user_policy) \
    WRITE(AttachUserPolicy, attach_user_policy) \
    WRITE(DetachUserPolicy, detach_user_policy) \
    READ(ListAttachedUserPolicies, list_attached_user_policies) \
    WRITE(PutUserPermissionsBoundary, put_user_permissions_boundary) \
    WRITE(DeleteUserPermissionsBoundary, delete_user_permissions_boundary) \
    WRITE(TagUser, tag_user) \
    WRITE(UntagUser, untag_user) \
    READ(ListUserTags, list_user_tags) \
    WRITE(AddUserIdentity, add_user_identity) \
    WRITE(RemoveUserIdentity, remove_user_identity) \
    WRITE(CreateGroup, create_group) \
    READ(GetGroup, get_group) \
    READ(ListGroups, list_groups) \
    WRITE(UpdateGroup, update_group) \
    WRITE(DeleteGroup, delete_group) \
    WRITE(AddUserToGroup, add_user_to_group) \
    WRITE(RemoveUserFromGroup, remove_user_from_group) \
    WRITE(PutGroupPolicy, put_group_policy) \
    READ(GetGroupPolicy, get_group_policy) \
    READ(ListGroupPolicies, list_group_policies) \
    WRITE(DeleteGroupPolicy, delete_group_policy) \
    WRITE(AttachGroupPolicy, attach_group_policy) \
    WRITE(DetachGroupPolicy, detach_group_policy) \
    READ(ListAttachedGroupPolicies, list_attached_group_policies) \
    WRITE(CreateRole, create_role) \
    READ(GetRole, get_role) \
    READ(ListRoles, list_roles) \
    WRITE(UpdateRole, update_role) \
    WRITE(DeleteRole, delete_role) \
    WRITE(UpdateAssumeRolePolicy, update_assume_role_policy) \
    WRITE(PutRolePolicy, put_role_policy) \
    READ(GetRolePolicy, get_role_policy) \
    READ(ListRolePolicies, list_role_policies) \
    WRITE(DeleteRolePolicy, delete_role_policy) \
    WRITE(AttachRolePolicy, attach_role_policy) \
    WRITE(DetachRolePolicy, detach_role_policy) \
    READ(ListAttachedRolePolicies, list_attached_role_policies) \
    WRITE(PutRolePermissionsBoundary, put_role_permissions_boundary) \
    WRITE(DeleteRolePermissionsBoundary, delete_role_permissions_boundary) \
    WRITE(TagRole, tag_role) \
    WRITE(UntagRole, untag_role) \
    READ(ListRoleTags, list_role_tags) \
    WRITE(AddRoleIdentity, add_role_identity) \
    WRITE(RemoveRoleIdentity, remove_role_identity) \
    WRITE(CreatePolicy, create_policy) \
    READ(GetPolicy, get_policy) \
    READ(ListPolicies, list_policies) \
    WRITE(DeletePolicy, delete_policy) \
    WRITE(CreatePolicyVersion, create_policy_version) \
    READ(GetPolicyVersion, get_policy_version) \
    READ(ListPolicyVersions, list_policy_versions) \
    WRITE(DeletePolicyVersion, delete_policy_version) \
    WRITE(SetDefaultPolicyVersion, set_default_policy_version) \
    READ(ListEntitiesForPolicy, list_entities_for_policy) \
    READ(GetAccountAuthorizationDetails, get_account_authorization_details) \
    ASK(SimulatePrincipalPolicy, simulate_principal_policy) \
    ASK(WhoCan, who_can) \
    ASK(WhatCan, what_can) \
    ASK(LintPolicies, lint_policies) \
    READ(GetAccessConfiguration, get_access_configuration) \
    WRITE(ApplyAccessConfiguration, apply_access_configuration) \
    WRITE(CreateAccessKey, create_access_key) \
    READ(ListAccessKeys, list_access_keys) \
    WRITE(UpdateAccessKey, update_access_key) \
    WRITE(DeleteAccessKey, delete_access_key) \
    ASK(GetAccessKeyLastUsed, get_access_key_last_used) \
    WRITE(DisableRole, disable_role) \
    WRITE(EnableRole, enable_role) \
    WRITE(RevokeSessions, revoke_sessions) \
    WRITE(PutListenerPolicy, put_listener_policy) \
    READ(GetListenerPolicy, get_listener_policy) \
    WRITE(DeleteListenerPolicy, delete_listener_policy) \
    READ(ListListeners, list_listeners) \
    ASK(SimulateCustomPolicy, simulate_custom_policy) \
    WRITE(TagPolicy, tag_policy) \
    WRITE(UntagPolicy, untag_policy) \
    READ(ListPolicyTags, list_policy_tags)
// clang-format on

namespace coffer::iam {

#define COFFER_IAM_DECLARE(Operation, name) \
    [[nodiscard]] v1::Operation##Response name(Work& work, const v1::Operation##Request& request);
COFFER_IAM_OPERATIONS(COFFER_IAM_DECLARE, COFFER_IAM_DECLARE, COFFER_IAM_DECLARE)
#undef COFFER_IAM_DECLARE

}  // namespace coffer::iam
