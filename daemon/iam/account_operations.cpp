// Everything at once, for people who review it.

#include "daemon/iam/messages.hpp"
#include "daemon/iam/operations.hpp"
#include "daemon/iam/page.hpp"
#include "daemon/iam/principal_index.hpp"

namespace coffer::iam {

using access::Action;

namespace {

template <class Message>
void put_common(const std::string& arn, const Holder& holder, Message& message) {
    message.set_path(holder.path);
    message.set_arn(arn);
    message.set_create_date(holder.created.seconds());
    for (const auto& attached : holder.attached)
        *message.add_attached_managed_policies() = attached_message(attached);
}

template <class List>
void put_inline(const Holder& holder, List& list) {
    for (const auto& [name, text] : holder.inline_policies) {
        auto& policy = *list.Add();
        policy.set_policy_name(name);
        policy.set_policy_document(text);
    }
}

void put(const Work& work, const User& user, v1::UserDetail& message) {
    put_common(arn_of(work.account(), user), user, message);
    message.set_user_name(user.name);
    message.set_user_id(user.id);
    put_inline(user, *message.mutable_user_policy_list());
    for (const auto& group : user.groups) message.add_group_list(group);
    put_boundary(user.boundary, message);
    put_tags(user.tags, *message.mutable_tags());
    for (const auto& identity : user.identities) *message.add_identities() = to_message(identity);
    put_suspension(user, message);
}

void put(const Work& work, const Group& group, v1::GroupDetail& message) {
    put_common(arn_of(work.account(), group), group, message);
    message.set_group_name(group.name);
    message.set_group_id(group.id);
    put_inline(group, *message.mutable_group_policy_list());
}

void put(const Work& work, const PrincipalIndex& index, const Role& role, v1::RoleDetail& message) {
    put_common(arn_of(work.account(), role), role, message);
    message.set_role_name(role.name);
    message.set_role_id(role.id);
    message.set_assume_role_policy_document(shown_trust(role, index));
    put_inline(role, *message.mutable_role_policy_list());
    put_boundary(role.boundary, message);
    put_tags(role.tags, *message.mutable_tags());
    for (const auto& identity : role.identities) *message.add_identities() = to_message(identity);
    put_suspension(role, message);
}

void put(const Work& work, const ManagedPolicy& policy, v1::ManagedPolicyDetail& message) {
    const auto brief = to_message(work.account(), work.records(), policy);
    message.set_policy_name(brief.policy_name());
    message.set_policy_id(brief.policy_id());
    message.set_arn(brief.arn());
    message.set_path(brief.path());
    message.set_default_version_id(brief.default_version_id());
    message.set_attachment_count(brief.attachment_count());
    message.set_permissions_boundary_usage_count(brief.permissions_boundary_usage_count());
    message.set_is_attachable(true);
    if (brief.has_description()) message.set_description(brief.description());
    message.set_create_date(brief.create_date());
    message.set_update_date(brief.update_date());
    for (auto version = policy.versions.rbegin(); version != policy.versions.rend(); ++version) {
        auto& entry = *message.add_policy_version_list();
        entry = to_message(policy, *version);
        entry.set_document(version->document);
    }
}

}  // namespace

v1::GetAccountAuthorizationDetailsResponse get_account_authorization_details(
    Work& work, const v1::GetAccountAuthorizationDetailsRequest& request) {
    work.require(Action::iam_get_account_authorization_details, "*");
    v1::GetAccountAuthorizationDetailsResponse response;
    Page page(request, response);
    const auto& records = work.records();
    const PrincipalIndex index(records, work.account());
    // The prefixes make one ascending order of the four lists.
    for (const auto& [name, group] : records.groups) {
        if (page.takes("group/" + name)) put(work, *group, *response.add_group_detail_list());
    }
    for (const auto& [name, policy] : records.policies) {
        if (page.takes("policy/" + name)) put(work, *policy, *response.add_policies());
    }
    for (const auto& [name, role] : records.roles) {
        if (page.takes("role/" + name)) put(work, index, *role, *response.add_role_detail_list());
    }
    for (const auto& [name, user] : records.users) {
        if (page.takes("user/" + name)) put(work, *user, *response.add_user_detail_list());
    }
    return response;
}

}  // namespace coffer::iam
