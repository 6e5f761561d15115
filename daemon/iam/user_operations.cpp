// The life of users.

#include <algorithm>

#include "daemon/iam/checks.hpp"
#include "daemon/iam/locked_secrets.hpp"
#include "daemon/iam/messages.hpp"
#include "daemon/iam/naming_policies.hpp"
#include "daemon/iam/operations.hpp"
#include "daemon/iam/page.hpp"

namespace coffer::iam {

using access::Action;

namespace {

/// What has to be gone before a user may go.
void require_bare(const User& user) {
    if (!user.attached.empty())
        throw delete_conflict("Cannot delete entity, must detach all policies first.");
    if (!user.inline_policies.empty())
        throw delete_conflict("Cannot delete entity, must delete policies first.");
    if (!user.groups.empty())
        throw delete_conflict("Cannot delete entity, must remove users from group first.");
    if (!user.access_keys.empty())
        throw delete_conflict("Cannot delete entity, must delete access keys first.");
}

}  // namespace

v1::CreateUserResponse create_user(Work& work, const v1::CreateUserRequest& request) {
    User user;
    user.name = request.user_name();
    if (request.has_path()) user.path = request.path();
    user.tags = tags_of(request.tags());
    if (request.has_permissions_boundary()) user.boundary = request.permissions_boundary();
    work.require(Action::iam_create_user, arn_of(work.account(), user),
                 {.request_tags = user.tags, .boundary = user.boundary});
    if (name_taken<User>(work.records(), user.name)) throw already_exists<User>(user.name);
    check_tags(user.tags);
    check_boundary(work.records(), work.account(), user.boundary);
    user.expires = read_expiry(request.expires());
    user.id = make_unique_id(IamKind::user);
    user.created = work.now();
    v1::CreateUserResponse response;
    *response.mutable_user() = to_message(work.account(), user);
    const ChangedNames names{.made = {principal_name(work.account(), user)}, .gone = {}};
    work.draft().put(std::move(user));
    check_count(work.records(), IamKind::user);
    warn_of_naming_policies(work, names, *response.mutable_warnings());
    return response;
}

v1::GetUserResponse get_user(Work& work, const v1::GetUserRequest& request) {
    const auto name = user_named(work, request.user_name());
    work.require(Action::iam_get_user, work.arn<User>(name), work.about<User>(name));
    v1::GetUserResponse response;
    *response.mutable_user() = to_message(work.account(), work.need<User>(name));
    return response;
}

v1::ListUsersResponse list_users(Work& work, const v1::ListUsersRequest& request) {
    work.require(Action::iam_list_users, "*");
    v1::ListUsersResponse response;
    Page page(request, response);
    for (const auto& [name, user] : work.records().users) {
        if (!user->path.starts_with(request.path_prefix()) || !page.takes(name)) continue;
        auto message = to_message(work.account(), *user);
        message.clear_tags();  // as AWS: get-user has them
        *response.add_users() = std::move(message);
    }
    return response;
}

v1::UpdateUserResponse update_user(Work& work, const v1::UpdateUserRequest& request) {
    const auto& name = request.user_name();
    User& user = work.edit<User>(Action::iam_update_user, name);
    User changed = user;
    if (request.has_new_path()) changed.path = request.new_path();
    if (request.has_new_user_name()) changed.name = request.new_user_name();
    if (request.has_expires()) changed.expires = read_expiry(request.expires());
    // AWS: the permission is needed for the user as it is and as it will be.
    work.require(Action::iam_update_user, arn_of(work.account(), changed), work.about<User>(name));
    const auto from = principal_name(work.account(), user);
    const auto to = principal_name(work.account(), changed);
    if (changed.name != name) {
        work.draft().erase<User>(name);
        if (name_taken<User>(work.records(), changed.name)) throw already_exists<User>(changed.name);
    }
    if (from.arn != to.arn) require_not_named(work, from, to);
    work.draft().put(std::move(changed));
    return {};
}

v1::DeleteUserResponse delete_user(Work& work, const v1::DeleteUserRequest& request) {
    const auto& name = request.user_name();
    work.require(Action::iam_delete_user, work.arn<User>(name), work.about<User>(name));
    // One that is not believed may be cleared away: its document says nothing that counts.
    std::vector<Deleted> deleted;
    if (!work.records().faults.contains({IamKind::user, name})) {
        const auto& user = work.need<User>(name);
        require_bare(user);
        deleted.push_back({work.arn<User>(name), user.id});
    }
    const ChangedNames names{.made = {}, .gone = {principal_name(work.arn<User>(name))}};
    work.draft().erase<User>(name);
    require_none_locked(work, deleted);
    v1::DeleteUserResponse response;
    warn_of_naming_policies(work, names, *response.mutable_warnings());
    return response;
}

v1::DisableUserResponse disable_user(Work& work, const v1::DisableUserRequest& request) {
    work.edit<User>(Action::iam_update_access_key, request.user_name()).disabled = true;
    return {};
}

v1::EnableUserResponse enable_user(Work& work, const v1::EnableUserRequest& request) {
    work.edit<User>(Action::iam_update_access_key, request.user_name()).disabled = false;
    return {};
}

v1::ListGroupsForUserResponse list_groups_for_user(Work& work, const v1::ListGroupsForUserRequest& request) {
    work.require(Action::iam_list_groups_for_user, work.arn<User>(request.user_name()),
                 work.about<User>(request.user_name()));
    v1::ListGroupsForUserResponse response;
    Page page(request, response);
    for (const auto& name : work.need<User>(request.user_name()).groups) {
        const auto* group = work.records().find<Group>(name);
        if (group != nullptr && page.takes(name)) *response.add_groups() = to_message(work.account(), *group);
    }
    return response;
}

}  // namespace coffer::iam
