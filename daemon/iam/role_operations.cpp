// The life of roles.

#include "daemon/iam/checks.hpp"
#include "daemon/iam/locked_secrets.hpp"
#include "daemon/iam/messages.hpp"
#include "daemon/iam/naming_policies.hpp"
#include "daemon/iam/operations.hpp"
#include "daemon/iam/page.hpp"
#include "daemon/iam/principal_index.hpp"

namespace coffer::iam {

using access::Action;
using access::DocumentKind;

namespace {

/// Whom its trust policy means is settled as things are now, the role itself included.
void bind_trust(Work& work, Role& role) {
    const PrincipalIndex index(work.records(), work.account());
    role.trust_principals = bind_policy(role.trust, DocumentKind::trust, index);
}

v1::Role message_of(const Work& work, const Role& role) {
    return to_message(work.account(), role, PrincipalIndex(work.records(), work.account()));
}

}  // namespace

v1::CreateRoleResponse create_role(Work& work, const v1::CreateRoleRequest& request) {
    Role role;
    role.name = request.role_name();
    if (request.has_path()) role.path = request.path();
    role.tags = tags_of(request.tags());
    if (request.has_permissions_boundary()) role.boundary = request.permissions_boundary();
    work.require(Action::iam_create_role, arn_of(work.account(), role),
                 {.request_tags = role.tags, .boundary = role.boundary});
    if (name_taken<Role>(work.records(), role.name)) throw already_exists<Role>(role.name);
    check_tags(role.tags);
    check_boundary(work.records(), work.account(), role.boundary);
    role.trust = request.assume_role_policy_document();
    check_policy(role.trust, DocumentKind::trust);
    role.description = request.description();
    if (request.has_max_session_duration()) role.max_session_duration = request.max_session_duration();
    role.expires = read_expiry(request.expires());
    role.id = make_unique_id(IamKind::role);
    role.created = work.now();
    v1::CreateRoleResponse response;
    const ChangedNames names{.made = {principal_name(work.account(), role)}, .gone = {}};
    const auto name = role.name;
    work.draft().put(std::move(role));
    bind_trust(work, work.draft().edit<Role>(name));
    *response.mutable_role() = message_of(work, work.need<Role>(name));
    check_count(work.records(), IamKind::role);
    warn_of_naming_policies(work, names, *response.mutable_warnings());
    return response;
}

v1::GetRoleResponse get_role(Work& work, const v1::GetRoleRequest& request) {
    work.require(Action::iam_get_role, work.arn<Role>(request.role_name()),
                 work.about<Role>(request.role_name()));
    v1::GetRoleResponse response;
    *response.mutable_role() = message_of(work, work.need<Role>(request.role_name()));
    return response;
}

v1::ListRolesResponse list_roles(Work& work, const v1::ListRolesRequest& request) {
    work.require(Action::iam_list_roles, "*");
    v1::ListRolesResponse response;
    Page page(request, response);
    const PrincipalIndex index(work.records(), work.account());
    for (const auto& [name, role] : work.records().roles) {
        if (!role->path.starts_with(request.path_prefix()) || !page.takes(name)) continue;
        auto message = to_message(work.account(), *role, index);
        message.clear_tags();
        *response.add_roles() = std::move(message);
    }
    return response;
}

v1::UpdateRoleResponse update_role(Work& work, const v1::UpdateRoleRequest& request) {
    Role& role = work.edit<Role>(Action::iam_update_role, request.role_name());
    if (request.has_description()) role.description = request.description();
    if (request.has_max_session_duration()) role.max_session_duration = request.max_session_duration();
    if (request.has_expires()) role.expires = read_expiry(request.expires());
    return {};
}

v1::DeleteRoleResponse delete_role(Work& work, const v1::DeleteRoleRequest& request) {
    const auto& name = request.role_name();
    work.require(Action::iam_delete_role, work.arn<Role>(name), work.about<Role>(name));
    std::vector<Deleted> deleted;
    if (!work.records().faults.contains({IamKind::role, name})) {
        const auto& role = work.need<Role>(name);
        deleted.push_back({work.arn<Role>(name), role.id});
        if (!role.attached.empty())
            throw delete_conflict("Cannot delete entity, must detach all policies first.");
        if (!role.inline_policies.empty())
            throw delete_conflict("Cannot delete entity, must delete policies first.");
    }
    const ChangedNames names{.made = {}, .gone = {principal_name(work.arn<Role>(name))}};
    work.draft().erase<Role>(name);
    require_none_locked(work, deleted);
    v1::DeleteRoleResponse response;
    warn_of_naming_policies(work, names, *response.mutable_warnings());
    return response;
}

v1::UpdateAssumeRolePolicyResponse update_assume_role_policy(
    Work& work, const v1::UpdateAssumeRolePolicyRequest& request) {
    Role& role = work.edit<Role>(Action::iam_update_assume_role_policy, request.role_name());
    check_policy(request.policy_document(), DocumentKind::trust);
    role.trust = request.policy_document();
    bind_trust(work, role);
    return {};
}

v1::DisableRoleResponse disable_role(Work& work, const v1::DisableRoleRequest& request) {
    work.edit<Role>(Action::iam_update_assume_role_policy, request.role_name()).disabled = true;
    return {};
}

v1::EnableRoleResponse enable_role(Work& work, const v1::EnableRoleRequest& request) {
    work.edit<Role>(Action::iam_update_assume_role_policy, request.role_name()).disabled = false;
    return {};
}

}  // namespace coffer::iam
