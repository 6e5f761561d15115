// The life of roles.

#include "daemon/iam/checks.hpp"
#include "daemon/iam/messages.hpp"
#include "daemon/iam/operations.hpp"
#include "daemon/iam/page.hpp"

namespace coffer::iam {

using access::Action;
using access::DocumentKind;

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
    *response.mutable_role() = to_message(work.account(), role);
    work.draft().put(std::move(role));
    check_count(work.records(), IamKind::role);
    return response;
}

v1::GetRoleResponse get_role(Work& work, const v1::GetRoleRequest& request) {
    work.require(Action::iam_get_role, work.arn<Role>(request.role_name()),
                 work.about<Role>(request.role_name()));
    v1::GetRoleResponse response;
    *response.mutable_role() = to_message(work.account(), work.need<Role>(request.role_name()));
    return response;
}

v1::ListRolesResponse list_roles(Work& work, const v1::ListRolesRequest& request) {
    work.require(Action::iam_list_roles, "*");
    v1::ListRolesResponse response;
    Page page(request, response);
    for (const auto& [name, role] : work.records().roles) {
        if (!role->path.starts_with(request.path_prefix()) || !page.takes(name)) continue;
        auto message = to_message(work.account(), *role);
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
    if (!work.records().faults.contains({IamKind::role, name})) {
        const auto& role = work.need<Role>(name);
        if (!role.attached.empty())
            throw delete_conflict("Cannot delete entity, must detach all policies first.");
        if (!role.inline_policies.empty())
            throw delete_conflict("Cannot delete entity, must delete policies first.");
    }
    work.draft().erase<Role>(name);
    return {};
}

v1::UpdateAssumeRolePolicyResponse update_assume_role_policy(
    Work& work, const v1::UpdateAssumeRolePolicyRequest& request) {
    Role& role = work.edit<Role>(Action::iam_update_assume_role_policy, request.role_name());
    check_policy(request.policy_document(), DocumentKind::trust);
    role.trust = request.policy_document();
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
